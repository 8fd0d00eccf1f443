"""Uploads that come at once share a statement. Each upload fares as if alone."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import pytest

from kit.bank import Bank, Sample
from kit.locks import session_behind
from kit.service import Service
from samplebank.accounts.caller import Caller, of_uploader
from samplebank.assembly import clock
from samplebank.blobs.writing import Hashing
from samplebank.database import Connection, Database, connect
from samplebank.database.shared_statements import SharedStatements, all_or_none
from samplebank.submissions.receiving import NewUpload, plan_upload, receive, receive_new

EXPIRY = 4_000_000_000_000
ROWS = """
    SELECT s.sha256, s.md5, s.sha1, s.sha512, s.size, s.created_time, s.activity_time, s.readers, s.deleted_time,
           s.charged_customer_id, s.charged_user_id, s.charged_key_id, s.classification_wanted, s.blob_token,
           s.unread_since = s.created_time AS is_unread, s.xmin::text AS added_by,
           c.id AS token, c.user_id, c.answer, c.expiry_time
      FROM sample s LEFT JOIN challenge c ON c.sample_id = s.id AND c.id = ANY ($1) WHERE s.sha256 = ANY ($2)
"""
DELETE = "UPDATE sample SET deleted_time = $2, readers = '{}' WHERE sha256 = $1"


class Uploads:
    """The uploads of a process, all by Mia."""

    def __init__(self, database: Database, mia: Caller) -> None:
        self._receiving = SharedStatements(database, all_or_none(receive_new))
        self._mia = mia

    def plan(self, sample: Sample | None = None) -> NewUpload:
        hashing = Hashing()
        hashing.update((sample or Sample()).data)
        user = self._mia.user
        return plan_upload(
            hashing.digests(),
            customer_id=user.customer.id,
            user_id=user.id,
            key_id=self._mia.key_id,
            expiry=EXPIRY,
            now=clock(),
        )

    def begin(self, upload: NewUpload) -> "asyncio.Task[bool | None]":
        return asyncio.create_task(self._receiving.run(upload))

    async def at_once(self, uploads: Sequence[NewUpload]) -> list[bool | None]:
        return await asyncio.gather(*map(self.begin, uploads))


@pytest.fixture
async def own(service: Service) -> AsyncIterator[Database]:
    """A database with a single connection, as all of a statement need one only."""
    database = await connect(service.database_url, most=1)
    yield database
    await database.close()


@pytest.fixture
def uploads(own: Database, mia: Caller) -> Uploads:
    return Uploads(own, mia)


async def rows_of(database: Database, uploads: Sequence[NewUpload]) -> dict[bytes, dict[str, object]]:
    """The samples with the challenges of the uploads, by digest."""
    async with database.connection() as db:
        rows = await db.fetch(ROWS, [one.token for one in uploads], [one.name for one in uploads])
    return {row["sha256"]: dict(row) for row in rows}


async def add(db: Connection, upload: NewUpload) -> None:
    assert await receive(db, upload)


async def test_new_files_that_come_at_once_are_stored_by_one_statement(
    uploads: Uploads, database: Database
) -> None:
    several = [uploads.plan() for _ in range(5)]

    told = await uploads.at_once(several)

    rows = await rows_of(database, several)
    assert told == [True] * 5
    assert len({row["added_by"] for row in rows.values()}) == 1


@pytest.mark.parametrize("number", [1, 3])
async def test_each_file_has_its_own_row_and_a_challenge_that_is_solved(
    uploads: Uploads, database: Database, mia: Caller, number: int
) -> None:
    several = [uploads.plan() for _ in range(number)]

    await uploads.at_once(several)

    rows = await rows_of(database, several)
    customer_id, user_id = mia.user.customer.id, mia.user.id
    for upload in several:
        row = rows[upload.name]
        assert {name: row[name] for name in ("md5", "sha1", "sha512", "size", "blob_token")} == {
            name: upload.told[name] for name in ("md5", "sha1", "sha512", "size", "blob_token")
        }
        assert row["created_time"] == row["activity_time"] == upload.told["now"]
        assert (row["readers"], row["deleted_time"]) == ([of_uploader(customer_id)], None)
        charged = row["charged_customer_id"], row["charged_user_id"], row["charged_key_id"]
        assert charged == (customer_id, user_id, mia.key_id)
        assert (row["is_unread"], row["classification_wanted"]) == (True, True)
        challenge = row["token"], row["user_id"], row["answer"], row["expiry_time"]
        assert challenge == (upload.token, user_id, upload.name, EXPIRY)


async def test_of_several_files_a_known_one_goes_alone_and_is_left_unchanged(
    uploads: Uploads, database: Database
) -> None:
    first = uploads.plan(sample := Sample())
    await uploads.at_once([first])
    before = await rows_of(database, [first])

    told = await uploads.at_once([again := uploads.plan(sample), uploads.plan()])

    assert told == [None, True]
    assert await rows_of(database, [first]) == before
    assert await token_of(database, again) is None


async def token_of(database: Database, upload: NewUpload) -> UUID | None:
    """The challenge of an upload, if there is one."""
    rows = await rows_of(database, [upload])
    token = rows[upload.name]["token"]
    return token if isinstance(token, UUID) else None


async def test_a_known_file_that_comes_by_itself_gets_its_challenge(
    uploads: Uploads, database: Database
) -> None:
    await uploads.at_once([uploads.plan(sample := Sample())])

    told = await uploads.at_once([again := uploads.plan(sample)])

    assert told == [False]
    assert await token_of(database, again) == again.token


@pytest.mark.parametrize(("others", "told"), [(0, True), (1, None)])
async def test_a_deleted_file_comes_back_by_itself_only(
    uploads: Uploads, database: Database, others: int, *, told: bool | None
) -> None:
    first = uploads.plan(sample := Sample())
    await uploads.at_once([first])
    async with database.connection() as db:
        await db.execute(DELETE, first.name, 1)

    answers = await uploads.at_once([uploads.plan(sample), *(uploads.plan() for _ in range(others))])

    rows = await rows_of(database, [first])
    assert answers == [told, *[True] * others]
    assert (rows[first.name]["deleted_time"] is None) == bool(told)


async def test_of_the_same_bytes_twice_the_second_finds_them_known(uploads: Uploads) -> None:
    sample = Sample()

    assert await uploads.at_once([uploads.plan(sample), uploads.plan(sample)]) == [True, False]


async def test_a_file_that_fails_the_statement_leaves_nothing_and_lets_the_others_go_alone(
    uploads: Uploads, database: Database
) -> None:
    too_large = NewUpload({**uploads.plan().told, "size": 2**63})
    several = [uploads.plan(), too_large, uploads.plan()]

    assert await uploads.at_once(several) == [None] * 3
    assert not await rows_of(database, several)


@pytest.mark.parametrize("step", [1, -1])
async def test_files_are_added_in_one_order_so_that_nobody_waits_in_a_circle(
    uploads: Uploads, database: Database, step: int
) -> None:
    low, high = sorted((Sample(), Sample()), key=lambda sample: sample.sha256)

    async with database.transaction() as other:
        await add(other, uploads.plan(low))
        storing = asyncio.create_task(uploads.at_once([uploads.plan(low), uploads.plan(high)][::step]))
        await session_behind(database, other)
        await other.execute("SET LOCAL lock_timeout = '500ms'")  # sooner than PostgreSQL would break a circle
        await add(other, uploads.plan(high))

    assert await storing == [None, None]


async def test_a_file_given_up_during_its_statement_holds_its_bytes_until_the_end(
    uploads: Uploads, database: Database
) -> None:
    sample, mine = Sample(), uploads.plan()

    async with database.transaction() as other:
        await add(other, uploads.plan(sample))
        storing = [uploads.begin(one) for one in (mine, uploads.plan(sample))]
        await session_behind(database, other)
        storing[0].cancel()
        ended, _ = await asyncio.wait(storing[:1], timeout=0)
        assert not ended

    await asyncio.wait(storing)
    assert storing[0].cancelled()
    assert await token_of(database, mine) == mine.token


async def test_clients_that_upload_at_once_each_get_the_answer_to_their_own_file(bank: Bank) -> None:
    known = [Sample() for _ in range(4)]
    for sample in known:
        bank.upload(sample)
    several = [*known, *(Sample() for _ in range(12))]

    answers = await asyncio.gather(*(asyncio.to_thread(bank.upload, sample) for sample in several))

    assert [answer.status_code for answer in answers] == [200] * 4 + [201] * 12
    for sample, answer in zip(several, answers, strict=True):
        data = answer.json()["data"]
        assert data["sample"]["id"] == sample.sha256
        body = bank.submission_body(data["challenge"])
        assert bank.call("POST", f"{sample.path}/submission", "mia", json=body).status_code == 201
