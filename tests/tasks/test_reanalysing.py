"""The reanalysis of all matches of a search: the new analyses, the progress, and the rest after a crash."""

from collections import Counter
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest

from kit.bank import V2, Bank, Sample, eventually, fields_of, together
from kit.service import Service
from samplebank.accounts.caller import Caller, Scope
from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.blobs import DiskStore
from samplebank.database import Connection, Database
from samplebank.errors import Conflict
from samplebank.policy.rules import PolicyBook
from samplebank.service_tasks import operations, reanalysing
from samplebank.service_tasks.model import State, Tools

PATH = "/samplebank/v1/sample/reanalyse"
NOW = 4_000_000_000_000


def ask(bank: Bank, user: str = "mia", **criteria: Any) -> str:
    """Ask for a reanalysis; the correlation id of the task."""
    correlation: str = bank.data(bank.post(PATH, criteria, user))["correlationID"]
    return correlation


def task_of(bank: Bank, correlation: str) -> dict[str, Any]:
    (task,) = bank.data(bank.post(f"{V2}/servicetask/search", {"correlationID": [correlation]}))
    found: dict[str, Any] = task
    return found


def told(bank: Bank, correlation: str, **context: str) -> bool:
    """Wait until the task tells of so much work."""

    def is_told() -> bool:
        found: dict[str, str] = task_of(bank, correlation)["responseContext"]
        return context.items() <= found.items()

    return eventually(is_told)


def analysed(bank: Bank, *users: str) -> tuple[str, dict[str, str], list[Sample]]:
    """Samples of the users with an ended job of the same worker: (worker, metadata, samples)."""
    (worker,) = bank.workers(1)
    plan, samples = bank.plan(worker), []
    for user in users:
        samples.append(sample := bank.submitted(user, metaData=plan))
        end_job(bank, sample, worker)
    return worker, plan, samples


def end_job(bank: Bank, sample: Sample, worker: str) -> None:
    (job,) = [one["id"] for one in bank.jobs_of(sample) if one["state"] != "done"]
    bank.update(job, bank.tasks_of(job)[worker], "success")


def with_value(plan: dict[str, str]) -> dict[str, Any]:
    return {"submission": [{"metaData": [{"value": list(plan.values())}]}]}


# -- as users see a reanalysis


def test_everything_that_matches_and_that_the_caller_sees_is_analysed_again(bank: Bank) -> None:
    _, plan, (ours, other, theirs) = analysed(bank, "mia", "nora", "hana")
    _, _, (unlike,) = analysed(bank, "mia")

    correlation = ask(bank, "mia", **with_value(plan))

    assert told(bank, correlation, samples="2", jobs="2")
    assert [len(bank.jobs_of(sample)) for sample in (ours, other, theirs, unlike)] == [2, 2, 1, 1]


def test_a_sample_of_several_customers_is_analysed_again_for_the_caller_s_own(bank: Bank) -> None:
    _, plan, (sample,) = analysed(bank, "nora")
    bank.submit(sample, "hana", metaData=plan)

    correlation = ask(bank, "mia", sha256=[sample.sha256])

    assert told(bank, correlation, jobs="1")
    customers = [job["customer"]["shortName"] for job in bank.jobs_of(sample)]
    assert sorted(customers) == ["harbour", "mill-north", "mill-north"]


def test_the_task_is_done_when_the_last_of_its_jobs_has_ended(bank: Bank) -> None:
    worker, plan, samples = analysed(bank, "mia", "mia")
    correlation = ask(bank, "mia", **with_value(plan))
    told(bank, correlation, jobs="2")

    end_job(bank, samples[0], worker)

    assert told(bank, correlation, ended="1")
    assert task_of(bank, correlation)["state"] == "running"
    end_job(bank, samples[1], worker)
    assert eventually(lambda: task_of(bank, correlation)["state"] == "done")


def test_reanalyses_begun_at_the_same_moment_are_counted_one_after_the_other(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    sample = bank.submitted("hank", metaData=bank.plan(worker))

    answers = together(
        [
            lambda: bank.post(PATH, {"sha256": [sample.sha256]}, "hank").status_code
            for _ in range(4 * reanalysing.MOST_AT_ONCE)
        ]
    )

    end_job(bank, sample, worker)
    assert Counter(answers) == {200: reanalysing.MOST_AT_ONCE, 412: 3 * reanalysing.MOST_AT_ONCE}


def test_a_reanalysis_of_nothing_is_done_at_once(bank: Bank) -> None:
    correlation = ask(bank, sha256=[Sample().sha256])

    assert eventually(lambda: task_of(bank, correlation)["state"] == "done")
    assert task_of(bank, correlation)["responseContext"] == {"samples": "0"}


def test_an_aborted_reanalysis_leaves_the_jobs_that_it_has_opened(bank: Bank) -> None:
    _, plan, (sample,) = analysed(bank, "mia")
    correlation = ask(bank, **with_value(plan))
    told(bank, correlation, jobs="1")

    aborted = bank.data(bank.delete(f"{V2}/servicetask/{task_of(bank, correlation)['id']}", "mia"))

    assert aborted["state"] == "aborted"
    assert [job["state"] for job in bank.jobs_of(sample)].count("enqueued") == 1


def test_everything_wrong_with_the_criteria_is_told_at_once(bank: Bank) -> None:
    criteria = {"sha256": ["no hash"], "customer": ["nobody-known"], "limit": 5}

    shape = bank.post(PATH, criteria, "mia")
    meaning = bank.post(PATH, {name: criteria[name] for name in ("sha256", "customer")}, "mia")

    assert (shape.status_code, fields_of(shape)) == (412, {"limit"})
    assert (meaning.status_code, fields_of(meaning)) == (412, {"sha256[0]", "customer[0]"})


@pytest.mark.parametrize("criteria", [{}, {"indexStartTimestamp": 0}, {"customer": []}])
def test_a_reanalysis_of_everything_is_not_asked_for_by_mistake(bank: Bank, criteria: dict[str, Any]) -> None:
    refused = bank.post(PATH, criteria, "mia")

    assert refused.status_code == 412
    assert "Without any criterion" in refused.json()["messages"][0]["message"]


# -- step by step


class Crash(Exception):
    """The process dies before the step is committed."""


@pytest.fixture
async def directory(database: Database) -> Directory:
    directory = Directory(database)
    await directory.refresh(at_once=True)
    return directory


@pytest.fixture(scope="module", autouse=True)
async def none_under_way(database: Database) -> None:
    """End the reanalyses left under way by other files of tests: a user may have a few only."""
    async with database.connection() as db:
        await db.execute(
            "UPDATE service_task SET state = 'aborted', finished_time = created_time "
            "WHERE finished_time IS NULL AND operation = 'reanalyse'"
        )


@pytest.fixture
def tools(service: Service, directory: Directory) -> Tools:
    return Tools(DiskStore(service.blobs), directory, PolicyBook())


@pytest.fixture
def caller(directory: Directory) -> Caller:
    """A user who may reanalyse everything here. Elsewhere the user may not, and so has no reanalyses under way."""
    viewer = directory.find_subject("gus")
    assert viewer is not None
    everywhere = {permission: Scope(everywhere=True) for permission in Permission}
    return Caller(viewer, (), everywhere, directory.customer_ids)


async def opened(db: Connection, caller: Caller, *samples: Sample) -> UUID:
    """A reanalysis of samples visible to the test only."""
    names = [bytes.fromhex(sample.sha256) for sample in samples]
    rows = await db.fetch("SELECT id FROM sample WHERE sha256 = ANY ($1::bytea[])", names)
    correlation = await reanalysing.open_reanalysis(db, caller, [row[0] for row in rows], now=NOW)
    id_: UUID = await db.fetchval("SELECT id FROM service_task WHERE correlation_id = $1", correlation)
    return id_


async def run(db: Connection, task: UUID, tools: Tools) -> None:
    """Run the task until a rest or the end."""
    while await operations.run_step(db, task, None, "here", tools, now=NOW) is State.RUNNING:
        pass


async def jobs_of(db: Connection, *samples: Sample) -> list[int]:
    """The number of unfinished jobs of each sample."""
    query = "SELECT count(*) FROM job j JOIN sample s ON s.id = j.sample_id WHERE s.sha256 = $1 AND end_time IS NULL"
    return [await db.fetchval(query, bytes.fromhex(sample.sha256)) for sample in samples]


async def state_of(db: Connection, task: UUID) -> tuple[str, dict[str, str]]:
    row = await db.fetchrow("SELECT state, context FROM service_task WHERE id = $1", task)
    assert row is not None
    return row[0], row[1]


async def test_a_step_that_is_cut_off_opens_no_job_and_its_repeat_opens_each_once(
    bank: Bank, db: Connection, caller: Caller, tools: Tools
) -> None:
    _, _, samples = analysed(bank, "mia", "mia")
    task = await opened(db, caller, *samples)
    with suppress(Crash):
        async with db.transaction():
            await operations.run_step(db, task, None, "here", tools, now=NOW)
            raise Crash
    cut_off = await jobs_of(db, *samples)

    await run(db, task, tools)
    await run(db, task, tools)

    assert (cut_off, await jobs_of(db, *samples)) == ([0, 0], [1, 1])
    assert await state_of(db, task) == ("running", {"samples": "2", "jobs": "2"})


async def test_jobs_are_opened_as_earlier_jobs_end(
    bank: Bank, db: Connection, caller: Caller, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reanalysing, "OPEN", 2)
    _, _, samples = analysed(bank, "mia", "mia", "mia")
    task = await opened(db, caller, *samples)
    await run(db, task, tools)
    at_first = sum(await jobs_of(db, *samples))

    await db.execute(
        "UPDATE job SET state = 'done', end_time = $1 WHERE end_time IS NULL AND id IN "
        "(SELECT job_id FROM reanalysis_wanted WHERE task_id = $2 ORDER BY sample_id LIMIT 1)",
        NOW,
        task,
    )
    await run(db, task, tools)

    assert (at_first, await state_of(db, task)) == (
        2,
        ("running", {"samples": "3", "jobs": "3", "ended": "1"}),
    )


async def test_a_task_rests_after_a_round_in_which_nothing_changed(
    bank: Bank, db: Connection, caller: Caller, tools: Tools
) -> None:
    _, _, samples = analysed(bank, "mia", "mia")
    task = await opened(db, caller, *samples)
    await run(db, task, tools)
    await db.execute(
        "UPDATE job SET state = 'done', end_time = $1 WHERE id IN "
        "(SELECT job_id FROM reanalysis_wanted WHERE task_id = $2 ORDER BY sample_id LIMIT 1)",
        NOW,
        task,
    )

    states = [await operations.run_step(db, task, None, "here", tools, now=NOW) for _ in range(2)]

    assert states == [State.RUNNING, None]


async def test_a_sample_deleted_meanwhile_is_passed_over(
    bank: Bank, db: Connection, caller: Caller, tools: Tools
) -> None:
    _, _, samples = analysed(bank, "mia", "mia")
    task = await opened(db, caller, *samples)
    gone = bytes.fromhex(samples[0].sha256)
    await db.execute("UPDATE sample SET deleted_time = $2 WHERE sha256 = $1", gone, NOW)

    await run(db, task, tools)

    assert await jobs_of(db, *samples) == [0, 1]
    assert (await state_of(db, task))[1] == {"samples": "2", "jobs": "1", "passedOver": "1"}


async def test_what_an_aborted_task_left_is_forgotten(
    bank: Bank, db: Connection, caller: Caller, tools: Tools
) -> None:
    _, _, (sample,) = analysed(bank, "mia")
    task, other = await opened(db, caller, sample), await opened(db, caller, sample)
    await operations.abort(db, task, None, "chief", now=NOW)

    await reanalysing.forget_left(db)

    assert await operations.run_step(db, task, None, "here", tools, now=NOW) is None
    left = await db.fetch("SELECT DISTINCT task_id FROM reanalysis_wanted WHERE task_id = ANY ($1::uuid[])", [task, other])  # fmt: skip
    assert [row[0] for row in left] == [other]


async def test_a_user_has_a_few_reanalyses_under_way_at_most(db: Connection, caller: Caller) -> None:
    for _ in range(reanalysing.MOST_AT_ONCE):
        await opened(db, caller)

    with pytest.raises(Conflict, match="under way"):
        await opened(db, caller)
