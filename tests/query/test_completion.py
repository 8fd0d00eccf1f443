"""Completion: what may stand at the cursor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samplebank.query.completion import complete
from samplebank.query.jobs import JOBS
from samplebank.query.samples import SAMPLES

KNOWN = {"customer": ["acme", "acme north", "beta"]}


def completed(text: str) -> list[str]:
    """The whole texts that may stand where `|` is."""
    before, _, after = text.partition("|")
    found = complete(before + after, len(before), SAMPLES, KNOWN)
    whole = before + after
    return [whole[: found.start] + choice.text + whole[found.end :] for choice in found.choices]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sc|", ["score:"]),
        ("a -SC|", ["a -score:"]),
        ("(ver| b)", ["(verdict: b)"]),
        ("met|", ["meta."]),
        ("tpye|", ["type:"]),
        ("verdict:ma|", ["verdict:malicious"]),
        ("-verdict:b|", ["-verdict:benign"]),
        ("customer:a|", ["customer:acme", 'customer:"acme north"']),
        ("customer:b| x", ["customer:beta x"]),
        ("tlp:|", ["tlp:clear", "tlp:green", "tlp:amber", "tlp:red"]),
        ("nothing:a|", []),
        ('"sc|"', []),
        ("zzzzz|", []),
    ],
)
def test_a_word_is_completed(text: str, expected: list[str]) -> None:
    assert completed(text) == expected


def test_at_a_blank_any_field_may_stand() -> None:
    assert [choice.text for choice in complete("a ", 2, JOBS).choices][:2] == ["state:", "worker:"]


@given(st.text(), st.integers())
def test_any_text_is_completed_at_any_place(text: str, cursor: int) -> None:
    found = complete(text, cursor, SAMPLES)

    assert 0 <= found.start <= found.end <= len(text)


def test_a_long_text_is_not_completed() -> None:
    assert complete("a" * 20_000, 20_000, SAMPLES).choices == ()
