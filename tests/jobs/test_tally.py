"""How many jobs there are is never counted, and always right."""

from functools import partial

from bench.databases import connected

from kit.bank import V2, Bank, eventually, together
from kit.databases import migrated_database
from kit.service import Service
from samplebank.database import Database
from samplebank.database.tally import LARGE
from samplebank.jobs.tally import JOBS, TALLY, TOTAL

#: bytes of a page of the database
PAGE = 8192
COUNTED = "SELECT customer_id, state, count(*) FROM job GROUP BY customer_id, state ORDER BY 1, 2"
TALLIED = f"""
    SELECT customer_id, state, sum(n) FROM {TALLY} GROUP BY customer_id, state HAVING sum(n) <> 0 ORDER BY 1, 2
"""

COUNTED_BY_STATE = "SELECT state, count(*) FROM job GROUP BY state ORDER BY 1"
TOTALLED = f"SELECT state, sum(n) FROM {TOTAL} GROUP BY state HAVING sum(n) <> 0 ORDER BY 1"


async def agrees(database: Database) -> bool:
    """Whether the tally and its totals are what counting gives, in one snapshot."""
    async with database.transaction(read_only=True) as db:
        counted, tallied = await db.fetch(COUNTED), await db.fetch(TALLIED)
        by_state, totalled = await db.fetch(COUNTED_BY_STATE), await db.fetch(TOTALLED)
    return [*map(tuple, counted), *map(tuple, by_state)] == [*map(tuple, tallied), *map(tuple, totalled)]


async def test_it_agrees_with_the_jobs_whatever_happens_to_them_at_once(
    bank: Bank, database: Database
) -> None:
    worker, other = bank.workers(2)
    planned = [bank.planned(worker, other) for _ in range(4)]

    together(
        partial(bank.update, job, tasks[name], state)
        for state in ("executing", "success")
        for _, job, tasks in planned
        for name in (worker, other)
    )

    assert await agrees(database)


async def test_folding_its_changes_changes_nothing(bank: Bank, database: Database) -> None:
    bank.submitted()
    async with database.connection() as db:
        await JOBS.fold(db)

    assert await agrees(database)


async def test_it_forgets_the_jobs_of_a_deleted_sample(bank: Bank, database: Database) -> None:
    (worker,) = bank.workers(1)
    sample, job, _ = bank.planned(worker)

    bank.delete(sample.path)

    assert eventually(lambda: bank.get(f"{V2}/job/{job}").status_code == 404)
    assert await agrees(database)


def test_a_list_of_the_jobs_in_some_states_says_how_many_there_are(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    before = bank.get(f"{V2}/job", state="executing", limit=1).json()["count"]
    _, job, tasks = bank.planned(worker)

    bank.update(job, tasks[worker], "executing")

    assert bank.get(f"{V2}/job", state="executing", limit=1).json()["count"] == before + 1


async def test_many_changes_leave_no_empty_space_behind(service: Service) -> None:
    # where no housekeeper folds them
    async with migrated_database(service) as url, connected(url) as db:
        await db.execute("INSERT INTO job_tally_change SELECT 1, 'done', 1 FROM generate_series(1, 20000)")

        await JOBS.fold(db)

        assert await db.fetchval("SELECT pg_relation_size('job_tally_change')") <= LARGE
        assert await db.fetchval(f"SELECT sum(n) FROM {TOTAL}") == 20_000


async def test_its_totals_stay_on_one_page_however_many_customers_are_folded(service: Service) -> None:
    async with migrated_database(service) as url, connected(url) as db:
        for _ in range(3):
            await db.execute(
                "INSERT INTO job_tally_change SELECT n, 'done', 1 FROM generate_series(1, 1000) n"
            )
            await JOBS.fold(db)

        assert await db.fetchval("SELECT pg_relation_size('job_tally_total')") == PAGE
        assert await db.fetchval(f"SELECT sum(n) FROM {TOTAL}") == 3_000
