"""An update of a task looks first and changes then. A change in between is never lost."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, cast
from uuid import UUID

import pytest

from kit.bank import ROBOT, V2, Bank, later
from kit.interleaving import Interrupted
from kit.rules import RULES
from samplebank.accounts.caller import Caller
from samplebank.accounts.directory import Directory
from samplebank.accounts.keys import Callers
from samplebank.analyses.model import NewAnalysis
from samplebank.assembly import clock
from samplebank.database import Connection, Database, Outrun
from samplebank.endings.results import (
    END_JOB_WITH_RESULT,
    END_TASK_WITH_RESULT,
    TaskResult,
    end_with_result,
)
from samplebank.endings.updates import END_JOB, END_TASK, update_task
from samplebank.errors import Conflict
from samplebank.jobs.model import Task, TaskState
from samplebank.jobs.progress import Move


@pytest.fixture(scope="module")
async def robot(bank: Bank, database: Database) -> Caller:
    found = await Callers(database, Directory(database)).find(bank.keys[ROBOT], now=clock())
    assert found is not None
    return found


class Interruption:
    """An update of a task, in the middle of which something else happens."""

    def __init__(self, database: Database, robot: Caller) -> None:
        self._database = database
        self._robot = robot

    async def update(
        self, meanwhile: Callable[[], Any], job: str, task: str, move: Move, *, locking: bool = False
    ) -> tuple[Task, bool]:
        async with self._database.transaction() if locking else self._database.connection() as db:
            interrupted = Interrupted(db, partial(asyncio.to_thread, meanwhile), END_TASK, END_JOB)
            ended = await update_task(
                cast("Connection", interrupted), self._robot, job, task, move, rules=RULES, now=clock()
            )
        assert interrupted.is_over
        return ended


@pytest.fixture
def interruption(database: Database, robot: Caller) -> Interruption:
    return Interruption(database, robot)


def success(*analyses: str) -> Move:
    return Move(TaskState.SUCCESS, [UUID(id_) for id_ in analyses])


async def test_the_end_of_another_task_outruns_it(bank: Bank, interruption: Interruption) -> None:
    one, other = bank.workers(2)
    _, job, tasks = bank.planned(one, other)
    meanwhile = partial(bank.update, job, tasks[other], "success")

    with pytest.raises(Outrun):
        await interruption.update(meanwhile, job, tasks[one], success())

    assert bank.job(job)["state"] == "enqueued"
    assert bank.task(job, tasks[one])["state"] == "enqueued"


async def test_a_task_of_another_worker_that_is_given_up_outruns_it(
    bank: Bank, interruption: Interruption
) -> None:
    one, other = bank.workers(2)
    _, job, tasks = bank.planned(one, other)
    for _ in range(2):
        (claimed,) = bank.claim(other)
        bank.release(claimed)
    (claimed,) = bank.claim(other)

    with pytest.raises(Outrun):
        await interruption.update(partial(bank.release, claimed), job, tasks[one], success())

    assert bank.task(job, tasks[one])["state"] == "enqueued"


async def test_a_verdict_by_hand_outruns_the_last_one(bank: Bank, interruption: Interruption) -> None:
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker)
    by_hand = {"statusOverride": "benign", "comment": "ours"}

    with pytest.raises(Outrun):
        await interruption.update(
            partial(bank.post, f"{sample.path}/verdict", by_hand), job, tasks[worker], success()
        )

    assert bank.job(job)["state"] == "enqueued"
    assert [verdict["comment"] for verdict in bank.verdicts_of(sample)] == ["ours"]


async def test_a_submission_of_another_customer_outruns_the_last_one(
    bank: Bank, interruption: Interruption
) -> None:
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker)

    with pytest.raises(Outrun):
        await interruption.update(partial(bank.submit, sample, "boss"), job, tasks[worker], success())

    assert bank.verdicts_of(sample) == []


async def test_a_job_ends_no_earlier_than_its_task_with_the_latest_end(
    bank: Bank, database: Database, robot: Caller
) -> None:
    one, other = bank.workers(2)
    _, job, tasks = bank.planned(one, other)
    now = later(clock())

    for worker, time in ((one, now + 15), (other, now)):
        end = partial(
            update_task, caller=robot, job=job, task=tasks[worker], move=success(), rules=RULES, now=time
        )
        await database.optimistically(end)

    assert bank.job(job)["endTimestamp"] == bank.task(job, tasks[one])["endTimestamp"] == now + 15


async def test_a_lost_lease_outruns_it_and_is_told_the_next_time(
    bank: Bank, interruption: Interruption
) -> None:
    (worker,) = bank.workers(1)
    _, job, tasks = bank.planned(worker)
    (claimed,) = bank.claim(worker)
    move = Move(TaskState.SUCCESS, [], lease=UUID(claimed["leaseToken"]))

    with pytest.raises(Outrun):
        await interruption.update(partial(bank.release, claimed), job, tasks[worker], move)

    with pytest.raises(Conflict):
        await interruption.update(lambda: None, job, tasks[worker], move)
    assert bank.task(job, tasks[worker])["state"] == "enqueued"


async def test_what_was_outrun_leaves_no_trace(bank: Bank, interruption: Interruption) -> None:
    one, other = bank.workers(2)
    sample, job, tasks = bank.planned(one, other)
    analysis = bank.analyse(sample, one)

    with pytest.raises(Outrun):
        await interruption.update(
            partial(bank.update, job, tasks[other], "success"), job, tasks[one], success(analysis)
        )

    assert bank.task(job, tasks[one])["analyses"] == []
    assert "jobID" not in bank.data(bank.get(f"{sample.path}/analysis/{analysis}"))


@pytest.mark.parametrize("is_last", [True, False])
async def test_an_outrun_result_leaves_no_trace(
    bank: Bank, database: Database, robot: Caller, *, is_last: bool
) -> None:
    one, other = bank.workers(2)
    sample, job, tasks = bank.planned(one, other)
    (claim,) = bank.claim(one)
    if is_last:
        bank.update(job, tasks[other], "success")
    result = TaskResult(job, tasks[one], UUID(claim["leaseToken"]), an_analysis(robot, one))

    async with database.connection() as db:
        meanwhile = partial(asyncio.to_thread, bank.release, claim)
        interrupted = Interrupted(db, meanwhile, END_TASK_WITH_RESULT, END_JOB_WITH_RESULT)
        with pytest.raises(Outrun):
            await end_with_result(cast("Connection", interrupted), robot, result, rules=RULES, now=clock())

    assert bank.data(bank.get(f"{sample.path}/analysis")) == []
    assert bank.task(job, tasks[one])["state"] == "enqueued"
    assert bank.verdicts_of(sample) == []


def an_analysis(caller: Caller, worker: str) -> NewAnalysis:
    return NewAnalysis(
        customer_id=caller.user.customer.id,
        tlp="amber",
        acl=[],
        readers=[],
        score=9,
        status_override=None,
        tags=[],
        detections=[],
        possible_detections=None,
        profile=None,
        internet_access=False,
        agent_name=worker,
        agent_version="1",
        result=b"{}",
    )


async def test_it_goes_on_behind_locks(bank: Bank, database: Database, robot: Caller) -> None:
    one, other = bank.workers(2)
    sample, job, tasks = bank.planned(one, other)
    meanwhile = partial(bank.update, job, tasks[other], "success")
    outruns = [meanwhile]

    async def change(db: Connection, *, locking: bool = False) -> tuple[Task, bool]:
        happens = partial(asyncio.to_thread, outruns.pop() if outruns else lambda: None)
        interrupted = cast("Connection", Interrupted(db, happens, END_TASK, END_JOB))
        return await update_task(
            interrupted, robot, job, tasks[one], success(), rules=RULES, now=clock(), locking=locking
        )

    _, ended = await database.optimistically(change)

    assert ended
    assert bank.job(job)["state"] == "done"
    assert len(bank.verdicts_of(sample)) == 1
    assert bank.get(f"{V2}/job/{job}").status_code == 200
