"""Live pages: a tab is told what has changed of what the tab shows, and nothing else."""

import asyncio
import json
import time
from typing import Any
from uuid import uuid4

import pytest

from hunts.hunting import begun, claimed, end, mark, marked, rules_for
from kit.bank import PATIENCE, ROBOT, Bank, Sample, eventually, later
from kit.service import Service, running
from kit.stream import END, Stream
from kit.visitor import Visitor
from samplebank.assembly import open_bank
from samplebank.settings import load
from samplebank.web import live
from samplebank.web.live import Hub, Tab, Watch
from web.conftest import Visitors


def job_of(bank: Bank, user: str, **fields: str) -> tuple[str, str]:
    """A job of one task: (job, task)."""
    worker = bank.worker()["shortName"]
    _, job, tasks = bank.planned(worker, user=user, **fields)
    return job, tasks[worker]


def finish(bank: Bank, job: str, task: str) -> None:
    done = bank.update(job, task, "success", user=ROBOT)
    assert done.status_code < 300, done.text


def test_a_tab_is_told_of_a_job_that_ends(bank: Bank, visitor: Visitors) -> None:
    job, task = job_of(bank, "mia")

    with Stream(visitor("mia"), f"job:{job}") as stream:
        finish(bank, job, task)

        assert stream.next() == f"job:{job}"


def test_a_tab_is_told_of_a_task_that_a_worker_takes(bank: Bank, visitor: Visitors) -> None:
    worker = bank.worker()["shortName"]
    _, job, _ = bank.planned(worker)

    with Stream(visitor("mia"), f"job:{job}") as stream:
        bank.claim(worker)

        assert stream.next() == f"job:{job}"


def test_a_list_is_told_of_jobs_that_come(bank: Bank, visitor: Visitors) -> None:
    with Stream(visitor("mia"), "list:jobs") as stream:
        job_of(bank, "mia")

        assert stream.next() == "list:jobs"


def test_a_tab_is_told_nothing_of_jobs_that_the_visitor_may_not_see(bank: Bank, visitor: Visitors) -> None:
    foreign, foreign_task = job_of(bank, "mia")
    own, own_task = job_of(bank, "hana")

    with Stream(visitor("hana"), f"job:{foreign}", f"job:{own}") as stream:
        finish(bank, foreign, foreign_task)
        finish(bank, own, own_task)
        told = stream.until(f"job:{own}")

    assert set(told) == {f"job:{own}"}


def test_a_batch_is_told_of_files_that_come_and_of_jobs_that_end(bank: Bank, visitor: Visitors) -> None:
    worker, batch = bank.worker()["shortName"], str(uuid4())
    plan = {**bank.plan(worker), "batch": batch}
    first = Sample()
    bank.submit(first, "mia", metaData=plan)
    (job,) = bank.jobs_of(first)

    with Stream(visitor("mia"), f"batch:{batch}") as stream:
        stream.until(f"batch:{batch}")
        finish(bank, job["id"], bank.tasks_of(job["id"])[worker])

        assert stream.next() == f"batch:{batch}"


def reanalysed(bank: Bank, user: str) -> tuple[str, str, str]:
    """A reanalysis of one sample of the user, under way: (service task, job, task of the job)."""
    worker = bank.worker()["shortName"]
    sample, first, tasks = bank.planned(worker, user=user)
    finish(bank, first, tasks[worker])
    asked = bank.post("/samplebank/v1/sample/reanalyse", {"sha256": [sample.sha256]}, user)
    assert eventually(lambda: len(bank.jobs_of(sample)) == 2)
    (job,) = {one["id"] for one in bank.jobs_of(sample)} - {first}
    return bank.data(asked)["correlationID"], job, bank.tasks_of(job)[worker]


def abort(visitor: Visitor, task: str) -> None:
    assert visitor.post(f"/failures/retry/{task}/abort").status == 200


@pytest.mark.usefixtures("no_retries")
def test_a_tab_is_told_of_a_retry_that_is_aborted(bank: Bank, visitor: Visitors) -> None:
    task, _, _ = reanalysed(bank, "mia")

    with Stream(visitor("mia"), f"task:{task}") as stream:
        abort(visitor("mia"), task)

        assert stream.next() == f"task:{task}"


@pytest.mark.usefixtures("no_retries")
def test_a_tab_is_told_of_a_job_of_a_retry_that_ends(bank: Bank, visitor: Visitors) -> None:
    task, job, job_task = reanalysed(bank, "mia")

    with Stream(visitor("mia"), f"task:{task}") as stream:
        finish(bank, job, job_task)

        assert stream.next() == f"task:{task}"


@pytest.mark.usefixtures("no_retries")
def test_a_tab_is_told_nothing_of_retries_of_others(bank: Bank, visitor: Visitors) -> None:
    (foreign, _, _), (own, _, _) = reanalysed(bank, "mia"), reanalysed(bank, "chief")

    with Stream(visitor("chief"), f"task:{foreign}", f"task:{own}") as stream:
        abort(visitor("mia"), foreign)
        abort(visitor("chief"), own)

        assert set(stream.until(f"task:{own}")) == {f"task:{own}"}


def hunted(bank: Bank, user: str) -> tuple[str, dict[str, Any]]:
    """A hunt of the user: the id, and a batch that a worker holds."""
    since, wanted = later(time.time_ns() // 1_000_000), mark()
    marked(bank, wanted, user)
    hunt = begun(bank, rules_for(wanted), user, since=since)
    return hunt["id"], claimed(bank, hunt)


def test_a_tab_is_told_of_a_batch_of_a_hunt_that_ends(bank: Bank, visitor: Visitors) -> None:
    hunt, batch = hunted(bank, "mia")

    with Stream(visitor("mia"), f"hunt:{hunt}") as stream:
        end(bank, batch)

        assert stream.next() == f"hunt:{hunt}"


def test_a_tab_is_told_of_a_hunt_that_is_cancelled(bank: Bank, visitor: Visitors) -> None:
    hunt, _ = hunted(bank, "mia")

    with Stream(visitor("mia"), f"hunt:{hunt}") as stream:
        visitor("mia").post(f"/hunts/{hunt}/cancel")

        assert stream.next() == f"hunt:{hunt}"


@pytest.fixture
def own_visitor(service: Service) -> Visitor:
    """A visitor whose session is no other test's."""
    return Visitor(service.url).sign_in(service.keys["mia"])


def test_a_stream_ends_with_its_session(own_visitor: Visitor) -> None:
    with Stream(own_visitor, "list:jobs") as stream:
        own_visitor.post("/logout")

        assert stream.until(END)[-1] == END


async def test_a_stream_ends_with_its_key_before_the_next_sign_of_life(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "HEARTBEAT", 3600.0)
    monkeypatch.setattr(live, "CHECK", 0.05)
    key = json.loads(service.run("key", "create", "mia", "--json").stdout)
    (cookie,) = Visitor(service.url).sign_in(key["key"]).cookies.values()

    async with open_bank(load(service.environment), service.database_url) as bank:
        visitor = await bank.visitors.find(cookie, now=bank.clock())
        assert visitor is not None
        tab = Tab(visitor, Watch({}, (), lists_jobs=True), bank.directory.version)
        with (hub := Hub(bank)).joined(tab):
            running = asyncio.create_task(hub.run())
            await asyncio.to_thread(service.run, "key", "revoke", key["id"])
            async with asyncio.timeout(PATIENCE):
                while not tab.is_over:
                    await tab.news()
            running.cancel()

    assert tab.is_over


def test_a_stream_of_nothing_ends_at_once(visitor: Visitors) -> None:
    with Stream(visitor("mia")) as stream:
        assert stream.next() == END


@pytest.mark.parametrize("topic", ["job:x", "jobs", "list:samples", "batch:", "job:\N{SNOWMAN}"])
def test_an_unknown_topic_is_named(visitor: Visitors, topic: str) -> None:
    shown = visitor("mia").get(f"/live?on={topic}")

    assert shown.status == 400
    assert "on[0]" in shown.text()


def test_a_user_may_hold_only_so_many_streams(own_visitor: Visitor) -> None:
    streams = [Stream(own_visitor, "list:jobs")]
    while streams[-1].status == 200 and len(streams) < 200:
        streams.append(Stream(own_visitor, "list:jobs"))
    refused = streams[-1].status
    for stream in streams:
        stream.close()

    assert refused == 429


def test_a_service_with_open_tabs_stops(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running(tmp_path_factory.mktemp("stopping")) as service:
        mia = Visitor(service.url).sign_in(service.keys["mia"])
        with Stream(mia, "list:jobs") as stream:
            service.stop()

            assert stream.until(END)[-1] == END
