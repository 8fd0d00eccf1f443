"""A verdict by hand is taken back: the verdict is that of the analyses again, now and after later jobs."""

from typing import Any

import pytest
import requests

from kit.bank import Bank, Sample, name_of
from verdicts.judging import analysed, judge


def withdraw(bank: Bank, sample: Sample, user: str = "chief") -> requests.Response:
    path = f"/samplebank/v1/sample/{sample.sha256}/verdict/withdrawal"
    return bank.post(path, {"comment": "judged the wrong sample"}, user)


def known(verdict: dict[str, Any]) -> tuple[int, str | None]:
    return verdict["score"], verdict.get("statusOverride")


@pytest.fixture
def judged(bank: Bank) -> Sample:
    """A sample that a worker finds malicious and the chief benign."""
    sample = bank.submitted("mia")
    analysed(bank, sample, "mia", 95)
    assert judge(bank, sample, "chief").status_code == 201
    return sample


def test_the_verdict_is_that_of_the_analyses_again(bank: Bank, judged: Sample) -> None:
    told = bank.data(withdraw(bank, judged))

    latest = bank.data(bank.get(judged.path))["latestVerdict"]
    assert known(told) == known(latest) == (95, None)
    assert [one["analysisScore"] for one in told["analysis"]] == [95]
    assert (told["flags"], told["comment"]) == (["manual"], "judged the wrong sample")


def test_searches_find_the_verdict_of_the_analyses_and_no_earlier_one(bank: Bank, judged: Sample) -> None:
    withdraw(bank, judged)

    def finds(term: str) -> bool:
        found = bank.get("/samplebank/v1/query/samples", q=f"{judged.sha256} {term}")
        return bool(bank.data(found))

    assert all(map(finds, ("score:95", "verdict:malicious", "is:manual")))
    assert not any(map(finds, ("score:0", "verdict:benign", "benign")))


def test_the_history_keeps_the_verdict_and_its_withdrawal(bank: Bank, judged: Sample) -> None:
    withdraw(bank, judged)

    assert [known(verdict) for verdict in bank.verdicts_of(judged)] == [(95, None), (0, "benign"), (95, None)]


def test_later_verdicts_carry_nothing(bank: Bank, judged: Sample) -> None:
    withdraw(bank, judged)

    assert known(analysed(bank, judged, "mia", 20)) == (20, None)


def test_an_override_of_analyses_is_not_carried_as_one_by_hand(bank: Bank) -> None:
    sample = bank.submitted("mia")
    analysed(bank, sample, "mia", 10, verdictStatusOverride="malicious")
    judge(bank, sample, "chief")

    told = bank.data(withdraw(bank, sample))

    assert known(told) == (10, "malicious")
    assert known(analysed(bank, sample, "mia", 20)) == (20, None)


def test_an_earlier_verdict_by_hand_does_not_come_back(bank: Bank, judged: Sample) -> None:
    judge(bank, judged, "chief", "malicious")

    assert known(bank.data(withdraw(bank, judged))) == (95, None)
    assert withdraw(bank, judged).status_code == 412


def test_a_sample_that_no_job_has_judged_is_unknown_again(bank: Bank) -> None:
    sample = bank.submitted("mia")
    judge(bank, sample, "chief", "malicious")

    assert known(bank.data(withdraw(bank, sample))) == (-1, None)


def test_its_tags_are_found_by_those_who_may_not_read_its_comment(bank: Bank) -> None:
    sample, tag = bank.submitted("mia"), name_of("Wrm")
    analysed(bank, sample, "mia", 95, tags=[{"type": "family", "value": tag}])
    judge(bank, sample, "analyzer")
    told = bank.data(withdraw(bank, sample, "analyzer"))
    bank.submit(sample, "hana")

    def finds(word: str, user: str = "hana") -> bool:
        return bool(bank.data(bank.get("/samplebank/v1/query/samples", user, q=f"{sample.sha256} {word}")))

    comment = f'"{told["comment"]}"'
    assert [finds(word) for word in (f"tag:{tag}", tag, tag.upper(), comment)] == [True, True, True, False]
    assert finds(comment, "mia")


def test_it_can_be_judged_by_hand_again(bank: Bank, judged: Sample) -> None:
    withdraw(bank, judged)
    judge(bank, judged, "chief", "malicious")

    assert known(analysed(bank, judged, "mia", 20))[1] == "malicious"


def test_without_a_verdict_by_hand_there_is_nothing_to_take_back(bank: Bank) -> None:
    sample = bank.submitted("mia")
    analysed(bank, sample, "mia", 95)

    refused = withdraw(bank, sample)

    assert refused.status_code == 412
    assert "nothing to take back" in refused.text
    assert len(bank.verdicts_of(sample)) == 1


def test_it_needs_the_permission_for_every_customer_that_has_the_sample(bank: Bank) -> None:
    sample = bank.submitted("mia")
    judge(bank, sample, "analyzer")
    bank.submit(sample, "quinn")

    assert withdraw(bank, sample, "analyzer").status_code == 403
    assert withdraw(bank, sample, "robot").status_code == 201


def test_who_does_not_see_the_sample_is_told_that_there_is_none(bank: Bank) -> None:
    foreign = bank.submitted("hana")
    judge(bank, foreign, "chief")

    refused, missing = (withdraw(bank, one, "analyzer") for one in (foreign, Sample()))

    assert (refused.status_code, missing.status_code) == (404, 404)
