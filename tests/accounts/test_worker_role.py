"""The role SAMPLEDB-WORKER opens the caller's own claims, and nothing else."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
import requests

from kit.bank import ROBOT, V2, Bank, Sample
from kit.rules import RULES
from samplebank.database import Database
from samplebank.endings.leases import give_back_ended

TOILER = "toiler"


class Work:
    """A sample with a task for a worker; `claim` takes the task."""

    def __init__(self, bank: Bank, user: str = "mia", **fields: Any) -> None:
        self.bank = bank
        (self.worker,) = bank.workers(1)
        self.sample, self.job, tasks = bank.planned(self.worker, user=user, **fields)
        self.task = tasks[self.worker]

    def claim(self, user: str = TOILER) -> dict[str, Any]:
        (claim,) = self.bank.claim(self.worker, user)
        return claim

    def analyse(self, **fields: Any) -> requests.Response:
        body = {
            "analysisResult": {},
            "analysisScore": 7,
            "customer": "mill",
            "tlp": "amber",
            "userAgent": {"name": self.worker, "version": "1"},
            **fields,
        }
        return self.bank.post(f"{self.sample.path}/analysis", body, TOILER)

    def add_evidence(self, analysis: str) -> requests.Response:
        path = f"{self.sample.path}/analysis/{analysis}/evidence/found.txt"
        return self.bank.call("POST", path, TOILER, data=b"found")

    def raw(self) -> requests.Response:
        return self.bank.get(f"{self.sample.path}/raw", TOILER)


@pytest.fixture
def work(bank: Bank) -> Work:
    return Work(bank)


def test_a_worker_does_all_of_its_work_by_its_claim(bank: Bank, work: Work) -> None:
    claim = work.claim()

    raw, kept = work.raw(), bank.heartbeat(claim, TOILER)
    analysis = bank.data(work.analyse())["analysisID"]
    evidence = work.add_evidence(analysis)
    ended = [bank.update(work.job, work.task, "success", TOILER, analyses=[analysis]) for _ in range(2)]

    assert (raw.content, kept.status_code, evidence.status_code) == (work.sample.data, 200, 201)
    assert [bank.data(one)["state"] for one in ended] == ["success", "success"]


def test_a_sample_is_closed_before_the_claim_and_after_the_end(bank: Bank, work: Work) -> None:
    before = work.raw(), work.analyse()
    work.claim()
    bank.update(work.job, work.task, "failed", TOILER)

    after = work.raw(), work.analyse()

    assert {answer.status_code for answer in (*before, *after)} == {404}


def test_a_sample_is_closed_after_the_task_was_given_back(bank: Bank, work: Work) -> None:
    claim = work.claim()
    body = {"leaseToken": claim["leaseToken"]}
    bank.data(bank.post(f"/samplebank/v1/task/{work.task}/release", body, TOILER))

    answers = work.raw(), bank.update(work.job, work.task, "cancelled", TOILER)

    assert [answer.status_code for answer in answers] == [404, 404]


@pytest.mark.parametrize("state", ["executing", "failed"])
async def test_a_task_is_not_moved_after_the_lease_has_ended(
    bank: Bank, database: Database, work: Work, state: str
) -> None:
    until = work.claim()["leaseEndTimestamp"]
    async with database.transaction() as db:
        ended = [(UUID(work.task), UUID(work.job))]
        assert await give_back_ended(db, ended, RULES, now=until)

    answer = bank.update(work.job, work.task, state, TOILER)

    assert (answer.status_code, bank.task(work.job, work.task)["state"]) == (412, "enqueued")


@pytest.mark.parametrize("tlp", ["green", "clear"])
def test_even_a_sample_for_everybody_is_closed_without_a_claim(bank: Bank, tlp: str) -> None:
    open_to_all = Work(bank, tlp=tlp)

    answer = open_to_all.raw()

    assert answer.status_code == 404


def test_what_another_claimed_is_closed(bank: Bank, work: Work) -> None:
    claim = work.claim(ROBOT)

    answers = (
        work.raw(),
        work.analyse(),
        bank.heartbeat(claim, TOILER),
        bank.update(work.job, work.task, "success", TOILER),
    )

    assert [answer.status_code for answer in answers] == [404, 404, 404, 404]


def test_a_task_of_a_customer_without_a_grant_is_not_handed_out(bank: Bank) -> None:
    foreign = Work(bank, user="quinn")

    claims = bank.claim(foreign.worker, TOILER)

    assert claims == []


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"userAgent": {"name": "another", "version": "1"}}, id="another worker's name"),
        pytest.param({"customer": "mill-north"}, id="another customer"),
    ],
)
def test_an_analysis_is_for_the_claimed_task_only(work: Work, fields: dict[str, Any]) -> None:
    work.claim()

    answer = work.analyse(**fields)

    assert answer.status_code == 403
    assert "tasks that you have claimed" in answer.json()["messages"][0]["message"]


def test_evidence_goes_to_ones_own_analyses_only(bank: Bank, work: Work) -> None:
    work.claim()
    foreign = bank.analyse(work.sample, work.worker)

    answer = work.add_evidence(foreign)

    assert answer.status_code == 404


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda bank, work: bank.get(work.sample.path, TOILER), id="metadata"),
        pytest.param(lambda bank, work: bank.get(f"{work.sample.path}/analysis", TOILER), id="analyses"),
        pytest.param(lambda bank, work: bank.get(f"{work.sample.path}/verdict", TOILER), id="verdicts"),
        pytest.param(lambda bank, work: bank.get(f"{V2}/job/{work.job}", TOILER), id="job"),
        pytest.param(lambda bank, _: bank.upload(Sample(), TOILER), id="upload"),
        pytest.param(
            lambda bank, work: bank.post(f"{work.sample.path}/verdict", {"status": "benign"}, TOILER), id="verdict"
        ),
    ],
)  # fmt: skip
def test_a_claim_opens_nothing_that_the_work_does_not_need(
    bank: Bank, work: Work, ask: Callable[[Bank, Work], requests.Response]
) -> None:
    work.claim()

    answer = ask(bank, work)

    assert answer.status_code == 403
