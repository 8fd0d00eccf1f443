"""New files that come at once share a statement. Each file fares as if alone."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
import pytest

from kit.bank import Bank, Sample, name_of
from kit.locks import session_behind
from kit.service import Service
from samplebank.accounts.caller import Caller, of_customer
from samplebank.assembly import clock
from samplebank.blobs.writing import Hashing
from samplebank.database import Connection, Database, connect
from samplebank.database.shared_statements import MOST, SharedStatements, all_or_none
from samplebank.policy.model import Book
from samplebank.policy.rules import PolicyBook, read_version
from samplebank.repeats.kept import Keyed
from samplebank.submissions.at_once import Answering, Uploader
from samplebank.submissions.model import NewSubmission
from samplebank.submissions.new_files import NewFile, plan_file, store

ADDED = "SELECT sha256, xmin::text FROM sample WHERE sha256 = ANY($1)"
SLOWEST = 15


class Stage:
    """The files of a process, planned by `book`. Files with the metadata `planned` get two workers."""

    def __init__(self, database: Database, book: Book, mia: Caller, planned: dict[str, str]) -> None:
        self._ingesting = SharedStatements(database, all_or_none(store))
        self._book = book
        self._mia = mia
        self.planned = planned

    def file(self, sample: Sample | None = None, key: bytes | None = None, **fields: object) -> NewFile:
        user = self._mia.user
        new = NewSubmission(
            customer_id=user.customer.id,
            readers=[of_customer(user.customer.id)],
            tlp="amber",
            acl=[],
            file_name=name_of("file"),
            mime_type="application/octet-stream",
            agent_name="tests",
            agent_version="1",
            meta_data=self.planned,
            observed_time=clock(),
            expiry_time=None,
            trusted_agent=False,
        )
        hashing = Hashing()
        hashing.update((sample or Sample()).data)
        return plan_file(
            hashing.digests(),
            msgspec.structs.replace(new, **fields),
            self._book,
            uploader=Uploader(user.id, user.customer.id),
            now=clock(),
            answering=_answering(user.id, key) if key else None,
        )

    def begin(self, file: NewFile) -> "asyncio.Task[bool]":
        return asyncio.create_task(self._is_stored(file))

    async def _is_stored(self, file: NewFile) -> bool:
        return await self._ingesting.run(file) is not None

    async def store(self, files: Sequence[NewFile]) -> list[bool]:
        return await asyncio.gather(*map(self.begin, files))


def _answering(user_id: int, key: bytes) -> Answering:
    return Answering(Keyed(user_id, key, b"request"), b"{}", lambda *_: b"{}")


@pytest.fixture
async def own(service: Service) -> AsyncIterator[Database]:
    """A database with a single connection. A block that holds the connection gathers files."""
    database = await connect(service.database_url, most=1)
    yield database
    await database.close()


async def book_of(database: Database) -> Book:
    async with database.connection() as db:
        return await PolicyBook().current(db, await read_version(db))


@pytest.fixture
async def stage(bank: Bank, own: Database, mia: Caller) -> Stage:
    planned = bank.plan(*bank.workers(2))
    return Stage(own, await book_of(own), mia, planned)


@asynccontextmanager
async def adding(database: Database, *files: NewFile) -> AsyncIterator[Connection]:
    """Another process that adds the files, and has not committed before the block ends."""
    async with database.transaction() as db:
        for file in files:
            assert await store(db, [file])
        yield db


async def added(database: Database, files: Sequence[NewFile]) -> dict[bytes, str]:
    """The digests of the files that are stored, each with the transaction that added the file."""
    async with database.connection() as db:
        return dict(await db.fetch(ADDED, [file.submission.sha256 for file in files]))


async def in_one_statement(own: Database, stage: Stage, files: Sequence[NewFile]) -> list[bool]:
    """Store files that come while an earlier statement is under way."""
    async with own.connection():
        first = stage.begin(stage.file())
        await asyncio.sleep(0)
        others = [stage.begin(file) for file in files]
        await asyncio.sleep(0)
    assert await first
    return await asyncio.gather(*others)


async def test_files_that_come_at_once_are_stored_by_one_statement(
    own: Database, stage: Stage, database: Database
) -> None:
    files = [stage.file() for _ in range(5)]

    told = await in_one_statement(own, stage, files)

    assert told == [True] * 5
    assert len(set((await added(database, files)).values())) == 1


async def test_more_files_than_a_statement_takes_are_stored_by_the_next(own: Database, stage: Stage) -> None:
    files = [stage.file() for _ in range(MOST + 1)]

    assert await in_one_statement(own, stage, files) == [True] * len(files)


async def test_each_file_has_its_own_submission_job_tasks_event_and_answer(
    own: Database, stage: Stage, database: Database
) -> None:
    key = name_of("key").encode()
    files = [stage.file(key=key, acl=[7, 8]), stage.file(file_name="other"), stage.file(meta_data={})]

    await in_one_statement(own, stage, files)

    async with database.connection() as db:
        rows = await db.fetch(
            """
            SELECT u.id, u.file_name, u.acl, u.meta_data, j.id AS job_id,
                   (SELECT count(*) FROM job_task t WHERE t.job_id = j.id AND t.sample_id = u.sample_id) AS tasks,
                   (SELECT count(*) FROM outbox o WHERE o.payload->>'jobID' = j.id::text) AS events
              FROM submission u LEFT JOIN job j ON j.submission_id = u.id WHERE u.id = ANY($1)
            """,
            [file.submission.id for file in files],
        )
        kept = await db.fetchval("SELECT count(*) FROM kept_answer WHERE key = $1", key)
    by_id = {row["id"]: row for row in rows}
    ordered = [by_id[file.submission.id] for file in files]
    told = [file.submission for file in files]
    assert [tuple(row)[:4] for row in ordered] == [(s.id, s.file_name, s.acl, s.meta_data) for s in told]
    assert [row["job_id"] for row in ordered] == [file.job_id for file in files]
    assert [(row["tasks"], row["events"]) for row in ordered][:2] == [(2, 1), (2, 1)]
    assert kept == 1


async def test_a_known_file_goes_alone(bank: Bank, own: Database, stage: Stage) -> None:
    known = bank.submitted()

    assert await in_one_statement(own, stage, [stage.file(known), stage.file()]) == [False, True]


async def test_of_the_same_bytes_twice_the_second_goes_alone(own: Database, stage: Stage) -> None:
    sample = Sample()

    assert await in_one_statement(own, stage, [stage.file(sample), stage.file(sample)]) == [True, False]


async def test_a_request_with_a_used_key_stores_nothing(
    own: Database, stage: Stage, database: Database
) -> None:
    key = name_of("key").encode()
    repeated = stage.file(key=key)
    await stage.store([stage.file(key=key)])

    assert await in_one_statement(own, stage, [repeated, stage.file()]) == [False, True]
    assert not await added(database, [repeated])


async def test_a_file_planned_by_an_earlier_policy_stores_nothing(
    bank: Bank, stage: Stage, database: Database
) -> None:
    late = stage.file()
    await asyncio.to_thread(bank.workers, 1)

    assert await stage.store([late]) == [False]
    assert not await added(database, [late])


async def test_a_file_that_fails_the_statement_leaves_nothing_and_lets_the_others_go_alone(
    own: Database, stage: Stage, database: Database
) -> None:
    files = [stage.file(), stage.file(tlp="purple"), stage.file()]

    assert await in_one_statement(own, stage, files) == [False] * 3
    assert not await added(database, files)


async def test_a_key_that_others_take_meanwhile_leaves_nothing(stage: Stage, database: Database) -> None:
    key = name_of("key").encode()
    mine = stage.file(key=key)

    async with adding(database, stage.file(key=key)) as other:
        storing = stage.begin(mine)
        await session_behind(database, other)

    assert not await storing
    assert not await added(database, [mine])


async def test_a_file_that_others_add_meanwhile_goes_alone(stage: Stage, database: Database) -> None:
    sample = Sample()

    async with adding(database, stage.file(sample)) as other:
        storing = stage.begin(stage.file(sample))
        await session_behind(database, other)

    assert not await storing


@pytest.mark.parametrize("step", [1, -1])
async def test_files_are_added_in_one_order_so_that_nobody_waits_in_a_circle(
    own: Database, stage: Stage, database: Database, step: int
) -> None:
    low, high = sorted((Sample(), Sample()), key=lambda sample: sample.sha256)
    files = [stage.file(low), stage.file(high)][::step]

    async with adding(database, stage.file(low)) as other:
        storing = asyncio.create_task(in_one_statement(own, stage, files))
        await session_behind(database, other)
        await other.execute("SET LOCAL lock_timeout = '500ms'")  # sooner than PostgreSQL would break a circle
        assert await store(other, [stage.file(high)])

    assert await storing == [False, False]


async def test_a_statement_that_waits_for_others_keeps_no_later_file_waiting(
    service: Service, database: Database, mia: Caller
) -> None:
    two = await connect(service.database_url, most=2)
    stage = Stage(two, await book_of(two), mia, {})
    sample = Sample()

    async with asyncio.timeout(SLOWEST), adding(database, stage.file(sample)) as other:
        stuck = stage.begin(stage.file(sample))
        await session_behind(database, other)
        assert await stage.begin(stage.file())

    assert not await stuck
    await two.close()


async def test_a_file_given_up_before_its_statement_is_not_stored(
    own: Database, stage: Stage, database: Database
) -> None:
    given_up, other = stage.file(), stage.file()

    async with own.connection():
        first = stage.begin(stage.file())
        await asyncio.sleep(0)
        storing, staying = stage.begin(given_up), stage.begin(other)
        await asyncio.sleep(0)
        storing.cancel()

    assert (await first, await staying) == (True, True)
    assert storing.cancelled()
    assert list(await added(database, [given_up, other])) == [other.submission.sha256]


async def test_a_file_given_up_during_its_statement_holds_its_bytes_until_the_end(
    stage: Stage, database: Database
) -> None:
    sample = Sample()
    mine = stage.file()

    async with adding(database, stage.file(sample)) as other:
        storing = [stage.begin(file) for file in (mine, stage.file(sample))]
        await session_behind(database, other)
        storing[0].cancel()
        ended, _ = await asyncio.wait(storing[:1], timeout=0)
        assert not ended

    await asyncio.wait(storing)
    assert storing[0].cancelled()
    assert await added(database, [mine])


async def test_without_the_database_each_request_is_told(service: Service, mia: Caller) -> None:
    closed = await connect(service.database_url, most=1)
    lost = Stage(closed, await book_of(closed), mia, {})
    await closed.close()

    told = await asyncio.gather(*map(lost.begin, [lost.file(), lost.file()]), return_exceptions=True)

    assert [isinstance(error, Exception) for error in told] == [True, True]
