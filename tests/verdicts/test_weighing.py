"""The verdict that a set of analyses leads to."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samplebank.verdicts.model import is_malicious
from samplebank.verdicts.weighing import Finding, rounded, weigh


def findings(*scores: int) -> list[Finding]:
    return [Finding(UUID(int=number), score) for number, score in enumerate(scores)]


@pytest.mark.parametrize(
    ("scores", "overall", "shares"),
    [
        ([], -1, []),
        ([-1, -1], -1, [(None, None), (None, None)]),
        ([0], 0, [(0, 100)]),
        ([100], 100, [(0, 100)]),
        ([90, 0], 90, [(0, 100), (-90, 0)]),
        ([100, 50], 97, [(3, 94), (-47, 6)]),
        ([90, 20, 20, 20, 20], 89, [(1, 99), *[(-69, 0)] * 4]),
        ([75, -1], 75, [(0, 100), (None, None)]),
        ([1, 0], 1, [(0, 50), (-1, 50)]),
    ],
)
def test_the_strongest_findings_decide(
    scores: list[int], overall: int, shares: list[tuple[int | None, int | None]]
) -> None:
    assessment = weigh(findings(*scores))

    assert assessment.score == overall
    assert [(share.difference, share.impact) for share in assessment.shares] == shares


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [(1, 2, 1), (-1, 2, -1), (3, 2, 2), (-3, 2, -2), (5, 4, 1), (0, 7, 0)],
)
def test_halves_round_away_from_zero(numerator: int, denominator: int, expected: int) -> None:
    assert rounded(numerator, denominator) == expected


def test_one_override_passes_to_the_verdict() -> None:
    assessment = weigh([Finding(UUID(int=1), 90), Finding(UUID(int=2), 0, "benign")])

    assert (assessment.status_override, assessment.contradicting) == ("benign", False)


def test_contradicting_overrides_cancel_each_other() -> None:
    assessment = weigh([Finding(UUID(int=1), 90, "malicious"), Finding(UUID(int=2), 0, "benign")])

    assert (assessment.status_override, assessment.contradicting) == (None, True)


def test_an_analysis_without_findings_still_brings_its_tags_and_override() -> None:
    assessment = weigh([Finding(UUID(int=1), -1, "malicious", (("family", "Emotet"),))])

    assert assessment.tags == (("family", "Emotet", 1),)
    assert assessment.status_override == "malicious"


def test_tags_are_counted_once_for_each_analysis() -> None:
    twice = (("yara", "rule"), ("yara", "rule"))
    assessment = weigh([Finding(UUID(int=1), 10, None, twice), Finding(UUID(int=2), 10, None, twice)])

    assert assessment.tags == (("yara", "rule", 2),)


@given(st.lists(st.integers(-1, 100), max_size=12))
def test_the_overall_score_lies_among_those_that_count(scores: list[int]) -> None:
    counting = [score for score in scores if score >= 0] or [-1]

    assert min(counting) <= weigh(findings(*scores)).score <= max(counting)


@pytest.mark.parametrize(
    ("score", "override", "expected"),
    [(70, None, True), (69, None, False), (0, "malicious", True), (100, "benign", False), (-1, None, False)],
)
def test_a_sample_is_malicious_by_override_or_by_score(
    score: int, override: str | None, *, expected: bool
) -> None:
    assert is_malicious(score, override, 70) is expected
