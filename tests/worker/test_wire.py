"""Any text of an analyser is made to fit the patterns of the interface."""

import json
import re
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samplebank.worker import wire
from samplebank.worker.contract import Detection, Evidence, Tag
from worker.recorded import requested

# Of openapi.json, read with the narrowest meaning of \w and \s.
TEXT = re.compile(r"""[\s\w\{\}\$\-\(\)\.\[\]"\'_/\\,\*\+\#:@!?;=]*""", re.ASCII)
FILE_NAME = re.compile(r"[a-zA-Z0-9_:\-\.]*")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
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


@pytest.mark.parametrize(
    ("given_value", "sent"),
    [
        (2**64 - 1, 2**64 - 1),
        (2**70, "1180591620717411303424"),
        (1 << 20_000, hex(1 << 20_000)),
        (float("-inf"), None),
        ("\ud800\0", "\ufffd\ufffd"),
        (b"\xffa", "\\xffa"),
        ({7}, [7]),
        (Path("a"), "a"),
    ],
    ids=["64 bits", "70 bits", "no decimal digits", "infinity", "text", "bytes", "set", "anything else"],
)
def test_a_value_that_json_lacks_is_sent_as_what_comes_closest(given_value: object, sent: object) -> None:
    assert requested(result={"found": given_value})["analysisResult"] == {"found": sent}


@given(st.text(max_size=400), st.text(max_size=400))
def test_different_families_stay_different(one: str, other: str) -> None:
    same = normalize("NFC", one).strip() == normalize("NFC", other).strip()

    assert (wire.text(one) == wire.text(other)) is same


def test_a_family_in_another_script_is_spelled_as_json_does() -> None:
    request = requested(
        tags=[Tag("family", "Семья"), Tag("family", "家族"), Tag("family", "\\u5bb6 in C:\\users")]
    )

    assert [tag["value"] for tag in request["tags"]] == [
        "\\u0421\\u0435\\u043c\\u044c\\u044f",
        "\\u5bb6\\u65cf",
        "\\u005cu5bb6 in C:\\users",
    ]


def test_a_family_of_any_length_stays_apart_from_others_that_begin_alike() -> None:
    request = requested(tags=[Tag("family", "ж" * 200 + end) for end in "xy"])

    one, other = (tag["value"] for tag in request["tags"])
    assert one != other
    assert len(one) == len(other) == wire.MOST_CHARACTERS


def test_equal_tags_are_sent_once() -> None:
    request = requested(tags=[Tag("family", "A_"), Tag("family", " A_"), Tag("yara", "A_"), Tag("yara", "")])

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
