"""Whatever an analyser says fits the patterns of the interface."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samplebank.worker import wire
from samplebank.worker.contract import Detection, Evidence, Result, Tag

# Of openapi.json, read with the narrowest meaning of \w and \s.
TEXT = re.compile(r"""[\s\w\{\}\$\-\(\)\.\[\]"\'_/\\,\*\+\#:@!?;=]*""", re.ASCII)
FILE_NAME = re.compile(r"[a-zA-Z0-9_:\-\.]*")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def requested(**fields: Any) -> dict[str, Any]:
    return wire.analysis_request(
        Result(**fields), customer="acme", tlp="amber", agent={"name": "a", "version": "1"}
    )


@given(st.text())
def test_any_text_fits_the_pattern(value: str) -> None:
    request = requested(profile=value, detections=[Detection(value, "unknown")])

    assert TEXT.fullmatch(request["profile"])
    assert TEXT.fullmatch(request["triggeredDetections"][0]["name"])


@given(st.text())
def test_any_evidence_name_is_one_part_of_a_path(name: str) -> None:
    made = wire.file_name(Evidence(file_name=name, data=b""))

    assert FILE_NAME.fullmatch(made)
    assert made.strip(".")


@given(st.dictionaries(st.text(), json_values, max_size=3))
def test_any_result_can_be_stored(result: dict[str, Any]) -> None:
    stored = json.dumps(requested(result=result)["analysisResult"], allow_nan=False).encode()

    assert b"\\u0000" not in stored


@given(st.integers())
def test_a_score_stays_within_its_bounds(score: int) -> None:
    assert -1 <= requested(score=score)["analysisScore"] <= 100


def test_equal_tags_are_sent_once() -> None:
    request = requested(tags=[Tag("family", "A<"), Tag("family", "A>"), Tag("yara", "A_"), Tag("yara", "")])

    assert request["tags"] == [{"type": "family", "value": "A_"}, {"type": "yara", "value": "A_"}]


def test_what_an_analyser_leaves_out_is_left_out() -> None:
    assert requested().keys().isdisjoint({"profile", "possibleDetections", "verdictStatusOverride"})


def test_an_override_is_sent() -> None:
    assert requested(status_override="malicious")["verdictStatusOverride"] == "malicious"


@pytest.mark.parametrize(
    ("given_type", "sent"),
    [
        ("text/plain", "text/plain"),
        ("text/plain\r\nX: y", "text/plainX y"),
        ("nonsense", "application/octet-stream"),
    ],
)
def test_a_mime_type_cannot_break_out_of_its_header(given_type: str, sent: str) -> None:
    assert wire.mime_type(Evidence(file_name="a", data=b"", mime_type=given_type)) == sent
