"""A result in one request: the analysis is stored and the task ended, both or neither, however often the request comes."""

from typing import Any

import pytest

from kit.bank import V2, Bank, fields_of, later, name_of, together
from kit.claimed import Claimed

TOILER = "toiler"
SCHEMA = {"type": "object", "properties": {"size": {"type": "integer"}}, "required": ["size"]}


@pytest.fixture
def claimed(bank: Bank) -> Claimed:
    return Claimed(bank)


def test_the_task_ends_with_the_analysis(bank: Bank) -> None:
    claimed = Claimed(bank, alone=False)

    task = bank.data(claimed.end())

    (analysis,) = claimed.analyses()
    assert task == claimed.now()
    assert (task["state"], [one["id"] for one in task["analyses"]]) == ("success", [analysis["analysisID"]])
    assert (analysis["analysisResult"], analysis["job"]["id"]) == ({"size": 7}, claimed.job)
    assert bank.job(claimed.job)["state"] == "executing"


def test_a_result_is_found_by_a_window_that_begins_after_the_submission(bank: Bank) -> None:
    claimed = Claimed(bank, alone=False)
    moment = later(bank.job(claimed.job)["enqueuedTimestamp"])
    body = {"indexStartTimestamp": moment, "sha256": [claimed.sample.sha256]}
    before = bank.data(bank.post(f"{V2}/sample/search", body))

    bank.data(claimed.end())

    found = bank.data(bank.post(f"{V2}/sample/search", body))
    assert (before, [one["sha256"] for one in found]) == ([], [claimed.sample.sha256])


def test_the_last_result_settles_the_verdict_from_all_results(bank: Bank) -> None:
    claimed = Claimed(bank, alone=False)
    bank.data(claimed.other().end(analysisScore=20))

    bank.data(claimed.end(tags=[{"type": "family", "value": "Sly"}]))

    (verdict,) = bank.verdicts_of(claimed.sample)
    ids = {analysis["analysisID"] for analysis in claimed.analyses()}
    assert {one["id"] for one in verdict["analysis"]} == ids
    assert (verdict["score"], verdict["job"]["id"]) == (80, claimed.job)
    assert verdict["tags"] == [{"type": "family", "value": "Sly", "count": 1}]


def test_the_same_result_again_gets_the_task_and_stores_nothing(bank: Bank, claimed: Claimed) -> None:
    first = bank.data(claimed.end())

    again = bank.data(claimed.end())

    assert again == first
    assert (len(claimed.analyses()), len(bank.verdicts_of(claimed.sample))) == (1, 1)


def test_of_results_at_once_one_is_stored(bank: Bank, claimed: Claimed) -> None:
    answers = together([claimed.end for _ in range(6)])

    assert {answer.status_code for answer in answers} == {200}
    assert (len(claimed.analyses()), len(bank.verdicts_of(claimed.sample))) == (1, 1)


def test_results_of_a_job_at_once_end_it_with_one_verdict_from_all(bank: Bank) -> None:
    claimed = Claimed(bank, alone=False)

    together([claimed.end, claimed.other().end])

    (verdict,) = bank.verdicts_of(claimed.sample)
    assert len(verdict["analysis"]) == 2


def test_a_result_under_a_lost_lease_is_refused_and_leaves_the_task_to_its_new_holder(
    bank: Bank, claimed: Claimed
) -> None:
    bank.release(claimed.claim)
    (other,) = bank.claim(claimed.worker)

    refused = claimed.end()

    assert refused.status_code == 412
    assert claimed.analyses() == []
    assert bank.heartbeat(other).status_code == 200


def test_a_result_for_a_task_that_another_has_ended_is_refused(bank: Bank, claimed: Claimed) -> None:
    bank.release(claimed.claim)
    (other,) = bank.claim(claimed.worker)
    bank.data(claimed.end(lease=other["leaseToken"]))

    refused = claimed.end()

    assert refused.status_code == 412
    assert len(claimed.analyses()) == 1


def test_a_result_for_a_cancelled_task_is_refused(bank: Bank, claimed: Claimed) -> None:
    bank.update(claimed.job, claimed.id, "cancelled")

    refused = claimed.end()

    assert refused.status_code == 412
    assert (claimed.now()["state"], claimed.analyses()) == ("cancelled", [])


def test_a_result_that_does_not_fit_the_schema_is_refused_and_leaves_the_task(bank: Bank) -> None:
    claimed = Claimed(bank, schema=SCHEMA)

    refused = claimed.end(analysisResult={"size": "much"})

    assert (refused.status_code, fields_of(refused)) == (412, {"analysis.analysisResult.size"})
    assert claimed.is_untouched()


def test_every_mistake_is_named_as_it_was_sent(claimed: Claimed) -> None:
    refused = claimed.end(customer="nobody", acl=["no one"])

    assert (refused.status_code, fields_of(refused)) == (412, {"analysis.customer", "analysis.acl[0]"})
    assert claimed.is_untouched()


def test_a_body_of_another_form_is_refused_field_by_field(claimed: Claimed) -> None:
    refused = claimed.end(analysisScore=101, tlp="pink", lease="mine")

    named = {"leaseToken", "analysis.analysisScore", "analysis.tlp"}
    assert (refused.status_code, fields_of(refused)) == (412, named)
    assert claimed.is_untouched()


def test_a_worker_needs_its_claim_and_nothing_else(bank: Bank) -> None:
    claimed = Claimed(bank, claimant=TOILER)

    answers = [claimed.end() for _ in range(2)]

    assert [bank.data(answer)["state"] for answer in answers] == ["success", "success"]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"userAgent": {"name": "another", "version": "1"}}, id="another worker's name"),
        pytest.param({"customer": "mill-north"}, id="another customer"),
    ],
)
def test_by_a_claim_only_the_claimed_task_gets_an_analysis(bank: Bank, fields: dict[str, Any]) -> None:
    claimed = Claimed(bank, claimant=TOILER)

    refused = claimed.end(**fields)

    assert refused.status_code == 403
    assert claimed.is_untouched()


def test_what_another_claimed_looks_like_what_is_not_there(bank: Bank, claimed: Claimed) -> None:
    absent = Claimed(bank)
    absent.job = name_of("job")

    refused, unknown = claimed.end(TOILER), absent.end(TOILER)

    assert (refused.status_code, refused.json()) == (404, unknown.json())
    assert claimed.is_untouched()
