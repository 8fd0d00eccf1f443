"""Jobs survive clocks that jump and services that were away. Leases lost in masses come back at once."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest

from kit.bank import Bank, Sample
from kit.interleaving import Interrupted
from kit.rules import RULES
from kit.service import Service
from samplebank.assembly import Bank as Opened
from samplebank.assembly import clock, open_bank
from samplebank.database import Connection, Database, Statement
from samplebank.database.bound import Bound, HeldSignals
from samplebank.endings import leases, timeouts
from samplebank.jobs import clock as clocks
from samplebank.jobs.progress import LOCK_JOB
from samplebank.maintenance.sweeps import take_back_tasks, time_out_sweep
from samplebank.settings import Settings

HOUR = 3_600_000


async def times_of(db: Connection, task: str) -> tuple[int | None, int]:
    row = await db.fetchrow("SELECT lease_until, run_after FROM job_task WHERE id = $1", task)
    assert row is not None
    return row[0], row[1]


async def test_leases_move_with_a_clock_that_is_set_back(bank: Bank, database: Database) -> None:
    (worker,) = bank.workers(1)
    bank.planned(worker)
    (claimed,) = bank.claim(worker, lease=600)
    async with database.connection() as db:
        before, _ = await times_of(db, claimed["task"]["id"])
        transaction = db.transaction()
        await transaction.start()

        await clocks.set_back(db, HOUR, now=clock() - HOUR)

        after, _ = await times_of(db, claimed["task"]["id"])
        await transaction.rollback()
    assert before is not None
    assert after == before - HOUR


async def test_delays_move_with_a_clock_that_is_set_back(bank: Bank, database: Database) -> None:
    (worker,) = bank.workers(1)
    _, _, tasks = bank.planned(worker)
    (claimed,) = bank.claim(worker)
    bank.release(claimed, delay=60)
    async with database.connection() as db:
        _, before = await times_of(db, tasks[worker])
        transaction = db.transaction()
        await transaction.start()

        await clocks.set_back(db, HOUR, now=clock() - HOUR)

        _, after = await times_of(db, tasks[worker])
        await transaction.rollback()
    assert after == before - HOUR


@pytest.fixture
async def lost(bank: Bank, db: Connection) -> list[tuple[UUID, UUID]]:
    """Three tasks with ended leases, one task in the last attempt, as (task, job)."""
    (worker,) = bank.workers(1)
    plan = bank.plan(worker)
    for _ in range(3):
        bank.submit(Sample(), metaData=plan)
    ids = [claim["task"]["id"] for claim in bank.claim(worker, most=3)]
    await db.execute("UPDATE job_task SET lease_until = 1 WHERE id = ANY($1::uuid[])", ids)
    await db.execute("UPDATE job_task SET attempt = 3 WHERE id = $1", ids[0])
    rows = await db.fetch(
        "SELECT id, job_id FROM job_task WHERE id = ANY($1::uuid[]) ORDER BY attempt DESC", ids
    )
    return [(row[0], row[1]) for row in rows]


async def test_lost_leases_come_back_together_but_for_last_attempts(
    db: Connection, lost: list[tuple[UUID, UUID]]
) -> None:
    back = await leases.give_back_ended(db, lost, RULES, now=clock())

    assert set(back) == {task for task, _ in lost[1:]}
    rows = await db.fetch(
        "SELECT state, lease_token, reasons FROM job_task WHERE id = ANY($1::uuid[])", list(back)
    )
    assert [tuple(row) for row in rows] == [
        ("enqueued", None, ["Attempt 1: The lease ended without a result."])
    ] * 2


async def test_a_lease_that_was_extended_since_the_look_goes_on(
    db: Connection, lost: list[tuple[UUID, UUID]]
) -> None:
    _, (task, job), other = lost
    await db.execute("UPDATE job_task SET lease_until = $2 WHERE id = $1", task, clock() + HOUR)

    back = await leases.give_back_ended(db, [(task, job), other], RULES, now=clock())
    await leases.take_back(db, job, task, RULES, now=clock())

    assert back == [other[0]]
    assert await db.fetchval("SELECT state FROM job_task WHERE id = $1", task) == "executing"


@pytest.fixture
async def housekeeper(service: Service, db: Connection, tmp_path: Path) -> AsyncIterator[Opened]:
    """A bank whose sweeps are a part of the test's transaction."""
    async with open_bank(Settings(data_dir=tmp_path), service.database_url) as bank:
        bound = Bound(db)
        bound.clock = bank.database.clock
        yield bank.within(bound, HeldSignals(bank.signals))


async def test_one_sweep_takes_back_more_leases_than_one_look_finds(
    housekeeper: Opened, db: Connection, lost: list[tuple[UUID, UUID]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "BATCH", 1)

    await take_back_tasks(housekeeper)

    states = "SELECT state FROM job_task WHERE id = ANY($1::uuid[]) ORDER BY attempt DESC"
    rows = await db.fetch(states, [task for task, _ in lost])
    assert [row[0] for row in rows] == ["failed", "enqueued", "enqueued"]


@pytest.mark.parametrize(("away", "state"), [(3 * HOUR, "enqueued"), (0, "timeout")])
async def test_a_job_does_not_time_out_by_hours_in_which_no_service_was_there(
    bank: Bank, housekeeper: Opened, db: Connection, away: int, state: str
) -> None:
    (worker,) = bank.workers(1)
    _, job, _ = bank.planned(worker)
    now = housekeeper.clock()
    await db.execute("UPDATE job SET enqueued_time = $2 WHERE id = $1", job, now - 2 * HOUR)
    await clocks.note_done(db, now=now - away)

    await time_out_sweep()(housekeeper)

    assert await db.fetchval("SELECT state FROM job WHERE id = $1", job) == state


async def test_a_job_that_runs_times_out_by_its_wait_since_the_submission(
    bank: Bank, housekeeper: Opened, db: Connection
) -> None:
    (worker,) = bank.workers(1)
    _, job, _ = bank.planned(worker)
    bank.claim(worker)
    now = housekeeper.clock()
    await db.execute("UPDATE job SET enqueued_time = $2 WHERE id = $1", job, now - 2 * HOUR)
    await clocks.note_done(db, now=now)

    await time_out_sweep()(housekeeper)

    assert await db.fetchval("SELECT state FROM job WHERE id = $1", job) == "timeout"


async def test_a_job_that_ended_since_the_look_is_not_timed_out(bank: Bank, db: Connection) -> None:
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker)
    bank.update(job, tasks[worker], "success")
    late = clock() + 1000 * HOUR

    has_ended = await timeouts.time_out_job(db, UUID(job), RULES, overdue_at=late, now=late)

    assert (has_ended, len(bank.verdicts_of(sample))) == (False, 1)
    assert await db.fetchval("SELECT state FROM job WHERE id = $1", job) == "done"


async def test_an_overdue_job_that_is_deleted_meanwhile_does_not_hold_up_others(
    bank: Bank, housekeeper: Opened, db: Connection
) -> None:
    jobs = [bank.planned(*bank.workers(1))[1] for _ in range(2)]
    await db.execute("UPDATE job SET enqueued_time = 1 WHERE id = ANY($1::uuid[])", jobs)
    await clocks.note_done(db, now=housekeeper.clock())

    async def delete() -> None:
        await db.execute("DELETE FROM job_task WHERE job_id = $1", jobs[0])
        await db.execute("DELETE FROM job WHERE id = $1", jobs[0])

    interrupted = Interrupted(db, delete, Statement(LOCK_JOB))
    bound = Bound(cast("Connection", interrupted))
    bound.clock = housekeeper.database.clock
    await time_out_sweep()(housekeeper.within(bound, HeldSignals(housekeeper.signals)))

    assert interrupted.is_over
    assert await db.fetchval("SELECT state FROM job WHERE id = $1", jobs[1]) == "timeout"


async def test_the_sweep_moves_leases_when_the_clock_is_set_back(
    bank: Bank, housekeeper: Opened, db: Connection
) -> None:
    (worker,) = bank.workers(1)
    bank.planned(worker)
    (claimed,) = bank.claim(worker, lease=600)
    before, _ = await times_of(db, claimed["task"]["id"])
    now = [housekeeper.clock()]
    housekeeper.clock = lambda: now[0]
    sweep = time_out_sweep()
    await sweep(housekeeper)

    now[0] -= HOUR
    await sweep(housekeeper)

    after, _ = await times_of(db, claimed["task"]["id"])
    assert before is not None
    assert after is not None
    assert after <= before - HOUR
