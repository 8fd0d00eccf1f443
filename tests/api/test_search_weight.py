"""A search request asks for so much in all and no more, however the request spreads what is asked for over its lists."""

from typing import Any

import pytest

from kit.bank import V2, Bank, fields_of

SAMPLES, SUBMISSIONS = f"{V2}/sample/search", f"{V2}/submission/search"
HANGUL = "\u1112\u1161\u11ab"


def names(number: int, of: str = "") -> list[str]:
    return [f"name{n}{of}" for n in range(number)]


def criteria(lists: int, number: int, of: str = "") -> list[dict[str, Any]]:
    return [{"fileName": names(number, of)} for _ in range(lists)]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"submission": criteria(6, 8_334)}, "submission"),
        ({"submission": criteria(5, 9_400), "keywords": names(3_001)}, "submission"),
        ({"subCriteria": [{"keywords": names(1_020)}] * 50}, "subCriteria"),
        ({"submission": criteria(1, 50, HANGUL * 1_400)}, "submission"),
        ({"keywords": names(60, HANGUL * 1_200)}, "keywords"),
        ({"subCriteria": [{"submission": [{}] * 20}] * 15}, "subCriteria"),
    ],
)
def test_a_request_for_too_much_in_all_is_refused_with_the_field_that_is_too_much(
    bank: Bank, body: dict[str, Any], field: str
) -> None:
    answer = bank.post(SAMPLES, body, "mia")

    assert (answer.status_code, fields_of(answer)) == (412, {field})


@pytest.mark.parametrize(
    "body",
    [
        {"submission": criteria(5, 9_400), "keywords": names(3_000)},
        {"sha256": [f"{n:064x}" for n in range(10_000)], "submission": criteria(4, 9_999)},
        {"keywords": names(50, HANGUL * 1_300)},
    ],
)
def test_a_request_within_the_bounds_is_not_refused(bank: Bank, body: dict[str, Any]) -> None:
    # on a busy machine the answer may take longer than a search may (503)
    assert bank.post(SAMPLES, body, "mia").status_code != 412


def test_a_search_for_submissions_has_the_same_bounds(bank: Bank) -> None:
    answer = bank.post(SUBMISSIONS, {"subCriteria": criteria(6, 8_334)}, "mia")

    assert (answer.status_code, fields_of(answer)) == (412, {"subCriteria"})


def test_a_search_with_every_criterion_and_all_of_them_again_below_is_planned_in_time(bank: Bank) -> None:
    """The planner would look through the orders of two dozen tables for 16 s."""
    whole = {
        "keywords": ["invoice", "exe", "static"],
        "keywordMatchStrategy": "all",
        "tlp": ["amber", "green"],
        "customer": ["mill", "quarry"],
        "user": ["mia", "chief"],
        "userMatchStrategy": "all",
        "startTimestamp": 0,
        "timeMatchStrategy": "all",
        "timeFieldStrategy": ["submissionCreated", "analysisCreated", "sampleCreated"],
        "submission": [
            {"fileName": ["a.exe"]},
            {"metaData": [{"path": "sensor", "value": ["x"]}], "required": True},
            {"mimeType": ["x/y"], "exclude": True},
        ],
        "analysis": [
            {"analysisResult": [{"value": ["x"]}]},
            {"userAgent": [{"name": ["x"]}], "required": True},
            {"userAgent": [{"name": ["y"]}], "exclude": True},
        ],
        "link": [{"linkType": ["child"]}, {"reference": ["0" * 64], "required": True}],
        "classification": [
            {"type": ["pebin"]},
            {"superType": ["executable"], "required": True},
            {"metaData": [{"path": "score", "value": ["1"]}], "exclude": True},
        ],
        "verdict": [
            {"minimumScore": 10, "tags": [{"type": "family", "value": "x"}]},
            {"maximumScore": 90, "required": True},
            {"includeFlags": ["shared"], "exclude": True},
        ],
    }

    found = bank.post(SAMPLES, {**whole, "subCriteria": [whole]})

    assert (found.status_code, found.json()["count"]) == (200, 0)
