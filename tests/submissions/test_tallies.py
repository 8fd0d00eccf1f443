"""The tallies of samples and submissions agree with the rows, whatever happens to these at once."""

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any

import asyncpg
import pytest
from bench.databases import connected

from kit.bank import Bank, Sample, eventually, together
from kit.databases import migrated_database
from kit.service import Service
from samplebank.database import Database
from samplebank.database.tally import DAY, HOUR, MONTH, Span, spans_since
from samplebank.samples.tally import LISTED, SAMPLES
from samplebank.submissions.tally import SHOWN, SUBMISSIONS

TALLIES = (SAMPLES, SUBMISSIONS, LISTED, SHOWN)
NEW = """
    INSERT INTO sample (sha256, size, created_time, activity_time, unread_since, readers)
    VALUES (sha256(gen_random_uuid()::text::bytea), 1, $1, $1, $1, $2)
"""
READ = "UPDATE sample SET unread_since = NULL, readers = readers || 4::bigint WHERE created_time = $1"


async def disagreements(database: Database) -> dict[str, int]:
    """The tallies that are not what counting gives, with the number of wrong buckets."""
    async with database.transaction(read_only=True) as db:
        found = {tally.table: await tally.disagreements(db) for tally in TALLIES}
    return {table: number for table, number in found.items() if number}


async def fold(db: "asyncpg.Connection[Any]") -> None:
    for tally in TALLIES:
        await tally.fold(db)


async def test_they_agree_after_uploads_submissions_and_deletions_at_once(
    bank: Bank, database: Database
) -> None:
    samples = [Sample() for _ in range(4)]

    together(
        partial(bank.submit, sample, user, tlp=tlp)
        for sample in samples
        for user, tlp in (("mia", "amber"), ("quinn", "green"))
    )
    together([partial(bank.delete, samples[0].path), partial(bank.upload, Sample())])

    assert eventually(lambda: bank.get(samples[0].path, "mia").status_code == 404)
    assert await disagreements(database) == {}


async def test_folding_changes_nothing_and_empties_the_list_of_changes(service: Service) -> None:
    async with migrated_database(service) as url, connected(url) as db:
        for time in (5, HOUR, 3 * DAY, 2 * MONTH):
            await db.execute(NEW, time, [2])
            await db.execute(READ, time)

        for tally in (SAMPLES, LISTED):
            await tally.fold(db)

            assert await db.fetchval(f"SELECT count(*) FROM {tally.changes}") == 0
            assert await tally.disagreements(db) == 0


async def test_they_agree_when_folding_is_killed_while_rows_change(service: Service) -> None:
    async def write(url: str, number: int) -> None:
        async with connected(url) as db:
            for time in range(0, 40 * HOUR, HOUR):
                await db.execute(NEW, time + number, [number])
                await db.execute(READ, time + number)

    async def fold_and_die(url: str, killer: "asyncpg.Connection[Any]") -> None:
        # a killed connection fails at the statement, or when closed
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
            async with connected(url) as db:
                folding = asyncio.ensure_future(fold(db))
                await killer.execute("SELECT pg_terminate_backend($1)", db.get_server_pid())
                await folding

    async with migrated_database(service) as url, connected(url) as db:
        writing = asyncio.gather(*(write(url, number) for number in range(4)))
        while not writing.done():
            await fold_and_die(url, db)
        await writing
        await fold(db)

        assert [await tally.disagreements(db) for tally in TALLIES] == [0, 0, 0, 0]


async def test_the_check_notices_a_wrong_figure(service: Service) -> None:
    async with migrated_database(service) as url, connected(url) as db:
        await db.execute(NEW, 5, [2])
        await db.execute(READ, 5)
        for tally in (SAMPLES, LISTED):
            await db.execute(f"DELETE FROM {tally.changes}")

            assert await tally.disagreements(db) > 0


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (0, [Span(3, 0, None)]),
        (MONTH, [Span(0, MONTH, MONTH), Span(1, MONTH, MONTH), Span(2, MONTH, None)]),
        (HOUR, [Span(0, HOUR, DAY), Span(1, DAY, MONTH), Span(2, MONTH, None)]),
    ],
)
def test_a_time_is_made_of_as_few_buckets_as_can_be(first: int, expected: list[Span]) -> None:
    assert list(spans_since(first)) == expected
