"""What the drill counts: promises that are not there, and promises that are there twice."""

from uuid import uuid4

import pytest

from kit.bank import Bank, Sample
from kit.service import Service
from samplebank.rehearsal.keeping import broken, count_kept
from samplebank.rehearsal.load import Promise


@pytest.fixture
def agent() -> str:
    return f"drill-{uuid4().hex}"


def submitted(bank: Bank, sample: Sample, agent: str, name: str, user: str = "mia") -> Promise:
    bank.submit(sample, user, fileName=name, userAgent={"name": agent, "version": "1"})
    return Promise(sample.sha256, name)


async def test_a_promise_that_is_there_once_is_kept(bank: Bank, service: Service, agent: str) -> None:
    kept = submitted(bank, Sample(), agent, "kept")

    assert await broken(service.database_url, agent, [kept]) == (0, 0)


async def test_a_promise_that_is_not_there_is_lost(bank: Bank, service: Service, agent: str) -> None:
    kept = submitted(bank, Sample(), agent, "kept")

    assert await broken(service.database_url, agent, [kept, Promise(kept.sha256, "another name")]) == (1, 0)


async def test_a_promise_that_is_there_twice_is_doubled(bank: Bank, service: Service, agent: str) -> None:
    sample = Sample()
    twice = submitted(bank, sample, agent, "twice")
    submitted(bank, sample, agent, "twice", "quinn")

    assert await broken(service.database_url, agent, [twice]) == (0, 1)


async def test_what_the_drill_submits_is_not_of_the_backup(bank: Bank, service: Service, agent: str) -> None:
    before = await count_kept(service.database_url, agent)
    submitted(bank, Sample(), agent, "of the drill")

    assert await count_kept(service.database_url, agent) == before


async def test_what_others_submit_is_of_the_backup(bank: Bank, service: Service, agent: str) -> None:
    before = await count_kept(service.database_url, agent)
    bank.submitted()

    after = await count_kept(service.database_url, agent)

    assert (after.submissions, after.samples) == (before.submissions + 1, before.samples + 1)
