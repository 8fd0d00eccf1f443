"""A database with many samples, for searches in a large database. The tests change nothing in the database."""

import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from bench import generate, relatives
from bench.databases import connected
from bench.tenants import Tenants

from kit.databases import migrated_database
from kit.service import Service
from samplebank.accounts.caller import Caller, Scope
from samplebank.accounts.directory import Directory
from samplebank.accounts.keys import find_caller
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Database, Page, connect
from samplebank.database.listing import OrderedListing
from samplebank.submissions.tally import SHOWN, SUBMISSIONS

SAMPLES, CUSTOMERS = 14_000, 100
#: the oldest samples, of which workers have told facts
RELATED = 5_000
#: rows that were read of a table, and entries that were read of its indexes, since `forget_scans`
READ = "SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_user_tables WHERE relname = $1"
ENTRIES = "SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname = $1"
#: later than everything else
NOW = 2**42
HELPERS = "SELECT count(*) FROM pg_stat_activity WHERE leader_pid = pg_backend_pid()"
#: what happens to samples in the course of time
AGED = (
    # deleted, and uploaded, submitted and judged again just now
    f"UPDATE sample SET created_time = {NOW}, activity_time = {NOW} WHERE id % 500 = 7",
    f"UPDATE submission SET submitted_time = {NOW} WHERE sample_id % 500 = 7",
    f"UPDATE analysis SET created_time = {NOW} WHERE sample_id % 500 = 7",
    f"UPDATE classification SET created_time = {NOW} WHERE sample_id % 500 = 7",
    f"UPDATE verdict SET created_time = {NOW} WHERE sample_id % 500 = 7",
    # judged again, the other way round
    """
    WITH again AS (
        INSERT INTO verdict (id, sample_id, score, manual, contradicting, shared, malicious, tags, triggered_detections,
                             created_time)
        SELECT gen_random_uuid(), sample_id, 99 - score, true, false, false, false, '[]', 0, created_time + 1
          FROM verdict WHERE sample_id % 10 = 3 RETURNING id, sample_id
    )
    UPDATE sample s SET verdict_id = again.id FROM again WHERE s.id = again.sample_id
    """,
    # analysed again with better rules: next to nothing is suspicious any more
    """
    UPDATE verdict SET score = -1
     WHERE score >= 30 AND NOT malicious AND sample_id % 500 <> 9
    """,
    # analyses of a few do not agree
    "UPDATE verdict SET contradicting = true WHERE latest AND sample_id % 500 = 9",
    # submitted by several customers
    "UPDATE verdict SET shared = true WHERE latest AND sample_id % 500 = 8",
    # of no submission any more
    "DELETE FROM submission WHERE sample_id % 100 = 11",
    "UPDATE sample SET readers = '{}', unread_since = 1 WHERE id % 100 = 11",
    # deleted
    "DELETE FROM submission WHERE sample_id % 100 = 12",
    "DELETE FROM verdict_analysis USING verdict v WHERE v.id = verdict_id AND v.sample_id % 100 = 12",
    "DELETE FROM verdict WHERE sample_id % 100 = 12",
    """
    UPDATE sample SET deleted_time = 1, md5 = NULL, sha1 = NULL, sha512 = NULL, verdict_id = NULL,
           classification_id = NULL WHERE id % 100 = 12
    """,
    # which the housekeeper of PostgreSQL does in time: so the indexes know which rows everybody may read
    "VACUUM (ANALYZE)",
)


@pytest.fixture(scope="package")
async def filled(service: Service) -> AsyncIterator[tuple[Database, Tenants]]:
    """A separate database with many samples."""
    async with migrated_database(service) as url:
        tenants = await generate.fill(url, SAMPLES, CUSTOMERS)
        async with connected(url) as db:
            for statement in AGED:
                await db.execute(statement)
            async with db.transaction():
                for tally in (SUBMISSIONS, SHOWN):
                    await tally.recount(db)
            await relatives.fill(db, files=100, most=RELATED)
        database = await connect(url, most=1, keep_plans=True)
        yield database, tenants
        await database.close()


@pytest.fixture(scope="package")
async def callers(filled: tuple[Database, Tenants]) -> dict[str, Caller]:
    """An administrator, users of one customer and of the whole tree, and a user who sees more submissions than samples."""
    database, tenants = filled
    directory = Directory(database)
    await directory.refresh()
    now = time.time_ns() // 1_000_000
    async with database.connection() as db:
        one = await find_caller(db, directory, tenants.one_key, now=now)
        most = await find_caller(db, directory, tenants.everyone_key, now=now)
    assert one is not None
    assert most is not None
    everything = {permission: Scope(everywhere=True) for permission in Permission}
    mixed = {**one.scopes, Permission.VIEW_SUBMISSION: Scope(everywhere=True)}
    return {
        "one": one,
        "most": most,
        "admin": Caller(one.user, (), everything),
        "mixed": Caller(one.user, (), mixed, one.customers),
    }


async def followed(db: Connection, listing: Callable[[], OrderedListing[Any]], limit: int) -> list[Any]:
    """The rows of all pages, each of which begins behind the last row of the page before."""
    rows: list[Any] = []
    after = None
    while True:
        found, after = await listing().page_with_place(db, Page(limit, after=after))
        rows += found
        if after is None:
            return rows


async def rows_read(db: Connection, table: str) -> int:
    """The rows of a table that the transaction has read so far."""
    query = "SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = $1"
    number: int = await db.fetchval(query, table)
    return number


async def forget_scans(db: Connection) -> None:
    """Begin to count scans at 0. What the connection and the helpers of the last statement have not told yet is told before."""
    while await db.fetchval(HELPERS):
        pass
    await db.execute("SELECT pg_stat_force_next_flush()")
    await db.execute("SELECT pg_stat_reset()")


async def entries_read(db: Connection, tables: list[str]) -> int:
    """The entries of indexes of the tables that were read since the last `forget_scans`."""
    await db.execute("SELECT pg_stat_force_next_flush()")
    query = "SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname = ANY ($1)"
    number: int = await db.fetchval(query, tables)
    return number
