"""How long tasks wait and take: what is summed up is what happened, whatever happens at once."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.bank import V2, Bank, eventually, together
from samplebank.database import Connection, Database
from samplebank.jobs.task_times import EVERYBODY, TIMES, Times, forget_times
from samplebank.policy.workers import get_worker
from samplebank.timespec import Millis

HOUR = 3_600_000
TALLIED = f"""
    SELECT level, measure, sum(n)::bigint, sum(ms)::bigint FROM (
        SELECT customer_id, worker_id, level, measure, n, ms FROM task_times
        UNION ALL SELECT customer_id, worker_id, level, measure, n, ms FROM ({TIMES.bucketed("task_times_change")}) c
    ) t WHERE worker_id = $1 AND customer_id = ANY ($2::bigint[]) AND (level = 0 OR measure = 'failed')
     GROUP BY level, measure ORDER BY level, measure
"""
COUNTED = """
    SELECT level, measure, count(*), sum(ms)::bigint FROM job_task t CROSS JOIN LATERAL (VALUES
        (0, 'wait', start_time - enqueued_time, state IN ('success', 'failed') AND start_time IS NOT NULL),
        (0, 'service', end_time - start_time, state IN ('success', 'failed') AND start_time IS NOT NULL),
        (0, 'unstarted', 0, state IN ('success', 'failed') AND start_time IS NULL),
        (0, 'failed', 0, state IN ('failed', 'timeout')),
        (1, 'failed', 0, state IN ('failed', 'timeout'))
    ) one (level, measure, ms, counts) WHERE worker_id = $1 AND counts GROUP BY level, measure ORDER BY level, measure
"""


async def agrees(database: Database, worker: str) -> bool:
    """Whether the sums of a worker are what the tasks of the worker say, by customer and for everybody."""
    async with database.transaction(read_only=True) as db:
        id_ = (await get_worker(db, worker)).id
        counted = [tuple(row) for row in await db.fetch(COUNTED, id_)]
        customers = [row[0] for row in await db.fetch("SELECT id FROM customer")]
        of_all = [tuple(row) for row in await db.fetch(TALLIED, id_, [EVERYBODY])]
        by_customer = [tuple(row) for row in await db.fetch(TALLIED, id_, customers)]
    return bool(counted) and counted == of_all == by_customer


async def test_the_sums_agree_with_the_tasks_whatever_happens_at_once(bank: Bank, database: Database) -> None:
    (worker,) = bank.workers(1)
    planned = [bank.planned(worker, user=user) for user in ("mia", "quinn") for _ in range(4)]
    bank.claim(worker, most=4)

    together(
        partial(bank.update, job, tasks[worker], state)
        for state in ("success", "failed", "cancelled")
        for _, job, tasks in planned
    )

    assert await agrees(database, worker)


async def test_folding_the_notes_changes_nothing(bank: Bank, database: Database) -> None:
    (worker,) = bank.workers(1)
    _, job, tasks = bank.planned(worker)
    bank.claim(worker)
    bank.update(job, tasks[worker], "success")

    async with database.connection() as db:
        await TIMES.fold(db)

    assert await agrees(database, worker)


async def test_work_stays_counted_when_the_sample_is_deleted(bank: Bank, database: Database) -> None:
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker)
    bank.update(job, tasks[worker], "failed")

    bank.delete(sample.path)

    assert eventually(lambda: bank.get(f"{V2}/job/{job}").status_code == 404)
    async with database.connection() as db:
        id_ = (await get_worker(db, worker)).id
        assert ("failed", 1) in [tuple(row)[1:3] for row in await db.fetch(TALLIED, id_, [EVERYBODY])]


async def test_buckets_that_nobody_asks_for_are_forgotten(bank: Bank, db: Connection) -> None:
    (worker,) = bank.workers(1)
    id_ = (await get_worker(db, worker)).id
    now = 100 * 24 * HOUR
    for level, age in ((0, 4), (0, 2), (1, 50), (1, 48)):
        bucket = now - age * HOUR
        await db.execute(
            "INSERT INTO task_times VALUES (0, $1, $2, $3, 'failed', 0, 1, 0)", level, bucket, id_
        )

    await forget_times(db, now=now)

    kept = await db.fetch("SELECT level, bucket FROM task_times WHERE worker_id = $1 ORDER BY level", id_)
    assert [tuple(row) for row in kept] == [(0, now - 2 * HOUR), (1, now - 48 * HOUR)]


def test_without_times_there_is_no_quantile() -> None:
    assert Times(0, {}).quantile(0.5) is None


@pytest.mark.parametrize(("part", "least", "most"), [(0.5, 512, 1024), (0.95, 4096, 8192)])
def test_a_quantile_lies_among_the_times_of_its_size(part: float, least: Millis, most: Millis) -> None:
    assert least <= (Times(0, {10: 90, 13: 10}).quantile(part) or 0) <= most


@given(st.lists(st.integers(0, 10**9), min_size=1), st.sampled_from([0.5, 0.95]))
def test_a_quantile_is_off_by_a_factor_of_two_at_most(times: list[Millis], part: float) -> None:
    numbers: dict[int, int] = {}
    for time in times:
        numbers[time.bit_length()] = numbers.get(time.bit_length(), 0) + 1
    exact = next(time for n, time in enumerate(sorted(times), 1) if n >= part * len(times))

    found = Times(sum(times), numbers).quantile(part)

    assert found is not None
    assert exact / 2 <= found <= 2 * exact
