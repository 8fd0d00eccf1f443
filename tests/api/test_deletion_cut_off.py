"""Complete deletion: no crash, repetition, or upload at the wrong moment breaks a deletion."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from api.deleting import full_sample, held, row_of, rows_of, task_of, wait_for
from kit.bank import AGENT, CHIEF, ROBOT, V2, Bank, Sample, eventually
from kit.locks import session_behind
from kit.service import Service, running
from samplebank.accounts.directory import Directory
from samplebank.blobs import Area, DiskStore
from samplebank.blobs.folder import Folder
from samplebank.database import Connection, Database, connect
from samplebank.errors import Unavailable
from samplebank.policy.rules import PolicyBook
from samplebank.samples import classification_queue
from samplebank.samples.model import Classification
from samplebank.service_tasks import deletion, leftovers, operations
from samplebank.service_tasks.model import State, Tools

NOW = 4_000_000_000_000
PDF = Classification(type="pdf", super_type="document", arch=None, platform=None, version="", meta_data={})
LOCK_LINKS = "SELECT FROM link l JOIN sample s ON s.id = l.sample_id WHERE s.sha256 = $1 FOR UPDATE OF l"


# -- crashes: a step that is cut off runs again


@asynccontextmanager
async def at_hand(
    db: Connection, database: Database, sample: Sample, folder: Path, *, only_unread: bool = False
) -> AsyncIterator[tuple[UUID, Tools]]:
    """An open deletion that only the test can see, with a copy of the bytes: (the task, the tools of the task)."""
    store = DiskStore(folder)
    store.prepare()
    (folder / "sample" / sample.sha256[:2] / sample.sha256).write_bytes(sample.data)
    directory = Directory(database)
    await directory.refresh(at_once=True)
    user = directory.find_subject(CHIEF)
    assert user is not None
    correlation = await deletion.open_deletion(
        db, await row_of(db, sample), user_id=user.id, now=NOW, only_unread=only_unread
    )
    yield (
        await db.fetchval("SELECT id FROM service_task WHERE correlation_id = $1", correlation),
        Tools(store, directory, PolicyBook()),
    )


class Crash(Exception):
    """The process dies before the step is committed."""


async def run(db: Connection, task: UUID, tools: Tools, most: int = 100) -> int:
    """Run the task to the end, `most` steps at most. Returns the number of steps."""
    taken = 0
    state: State | None = State.RUNNING
    while state is State.RUNNING and taken < most:
        state = await operations.run_step(db, task, None, "here", tools, now=NOW)
        taken += 1
    return taken


async def cut_off(db: Connection, task: UUID, tools: Tools) -> None:
    with suppress(Crash):
        async with db.transaction():
            await operations.run_step(db, task, None, "here", tools, now=NOW)
            raise Crash


@pytest.mark.parametrize("done", range(12))
async def test_a_deletion_cut_off_in_any_step_is_finished_later(
    bank: Bank, db: Connection, database: Database, tmp_path: Path, done: int
) -> None:
    sample = full_sample(bank)
    async with at_hand(db, database, sample, tmp_path) as (task, tools):
        await classification_queue.store(db, [((await row_of(db, sample)).id, PDF)], now=NOW)
        await run(db, task, tools, done)

        await cut_off(db, task, tools)

        await run(db, task, tools)
        assert await db.fetchval("SELECT state FROM service_task WHERE id = $1", task) == "done"
        assert await rows_of(db, sample) == {}
        assert (await row_of(db, sample)).deleted_time == NOW
        assert not await tools.blobs.holds(Area.SAMPLE, bytes.fromhex(sample.sha256))


async def test_the_bytes_go_only_after_the_sample_is_a_record(
    bank: Bank, db: Connection, database: Database, tmp_path: Path
) -> None:
    sample = bank.submitted()
    async with at_hand(db, database, sample, tmp_path) as (task, tools):
        name = bytes.fromhex(sample.sha256)
        steps = await run(db, task, tools)
        (tmp_path / "sample" / sample.sha256[:2] / sample.sha256).write_bytes(sample.data)
        await db.execute("UPDATE sample SET deleted_time = NULL WHERE sha256 = $1", name)
        await db.execute(
            "UPDATE service_task SET state = 'running', finished_time = NULL WHERE id = $1", task
        )

        await run(db, task, tools, 1)

        assert steps > 2
        assert (await row_of(db, sample)).deleted_time == NOW
        assert await tools.blobs.holds(Area.SAMPLE, name)


# -- aborts


async def test_an_aborted_deletion_leaves_what_it_has_not_come_to(bank: Bank, database: Database) -> None:
    sample = full_sample(bank)
    async with held(database, LOCK_LINKS, sample) as holder:
        response = bank.delete(sample.path)
        step = await session_behind(database, holder)
        task = task_of(bank, bank.data(response)["correlationID"])["id"]
        abort = asyncio.create_task(asyncio.to_thread(bank.delete, f"{V2}/servicetask/{task}"))
        await session_behind(database, step)

    aborted = await abort

    assert bank.data(aborted)["state"] == "aborted"
    assert bank.get(f"{sample.path}/raw", "mia").content == sample.data
    assert bank.data(bank.get(f"{sample.path}/analysis", "mia")) == []


async def test_an_abort_takes_the_readers_of_deleted_submissions_back(
    bank: Bank, db: Connection, database: Database, tmp_path: Path
) -> None:
    sample = bank.submitted()
    async with at_hand(db, database, sample, tmp_path) as (task, _):
        await db.execute("DELETE FROM submission WHERE sample_id = $1", (await row_of(db, sample)).id)

        await operations.abort(db, task, None, "chief", now=NOW)

        row = await db.fetchrow(
            "SELECT readers, unread_since FROM sample WHERE sha256 = $1", bytes.fromhex(sample.sha256)
        )
        assert row is not None
        assert [number for number in row[0] if number > 0] == []
        assert row[1] == NOW


# -- uploads at the wrong moment


async def test_an_upload_while_the_bytes_are_removed_keeps_its_own(
    bank: Bank, service: Service, database: Database, tmp_path: Path
) -> None:
    sample = bank.submitted()
    store = DiskStore(service.blobs)
    async with database.transaction() as db, at_hand(db, database, sample, tmp_path) as (task, tools):
        await run(db, task, tools._replace(blobs=store))
        upload = asyncio.create_task(asyncio.to_thread(bank.upload, sample))
        await session_behind(database, db)

    response = await upload

    assert (response.status_code, response.json()["data"]["exists"]) == (201, False)
    assert bank.call("GET", f"{sample.path}/raw").content == sample.data


async def test_a_sample_uploaded_again_is_not_what_was_to_be_deleted(
    bank: Bank, db: Connection, database: Database, tmp_path: Path
) -> None:
    sample = bank.submitted()
    async with at_hand(db, database, sample, tmp_path) as (task, tools):
        await db.execute(
            "UPDATE sample SET created_time = created_time + 1 WHERE sha256 = $1",
            bytes.fromhex(sample.sha256),
        )

        await run(db, task, tools)

        assert (await row_of(db, sample)).deleted_time is None
        assert await tools.blobs.holds(Area.SAMPLE, bytes.fromhex(sample.sha256))
        assert (await rows_of(db, sample))["submission"] == 1


async def uploaded_again(bank: Bank, db: Connection) -> tuple[Sample, int]:
    """A sample that has had no submission for long, uploaded again just now; and the end of the upload's challenge."""
    sample = Sample()
    bank.upload(sample)
    id_ = (await row_of(db, sample)).id
    await db.execute("UPDATE sample SET unread_since = 1 WHERE id = $1", id_)
    return sample, await db.fetchval("SELECT expiry_time FROM challenge WHERE sample_id = $1", id_)


async def test_a_sample_without_submissions_that_is_uploaded_again_has_time_to_be_submitted(
    bank: Bank, db: Connection
) -> None:
    sample, end = await uploaded_again(bank, db)

    early, late = [await leftovers.unread_samples(db, 1, now=now) for now in (end - 1, end)]

    assert [one.sha256.hex() for one in early] == []
    assert [one.sha256.hex() for one in late] == [sample.sha256]


async def test_a_deletion_for_want_of_submissions_leaves_a_sample_that_is_uploaded_again(
    bank: Bank, db: Connection, database: Database, tmp_path: Path
) -> None:
    sample, end = await uploaded_again(bank, db)
    async with at_hand(db, database, sample, tmp_path, only_unread=True) as (task, tools):
        state = await operations.run_step(db, task, None, "here", tools, now=end - 1)

    assert state is State.DONE
    assert (await row_of(db, sample)).deleted_time is None


LATE: dict[str, tuple[str, dict[str, object]]] = {
    "analysis": (
        ROBOT,
        {"analysisResult": {}, "analysisScore": 1, "customer": "mill", "tlp": "amber", "userAgent": AGENT},
    ),
    "verdict": (ROBOT, {"statusOverride": "benign", "comment": "by hand"}),
    "link": (ROBOT, {"reference": "0" * 64, "type": "child", "tlp": "amber", "userAgent": AGENT}),
    "fact": (CHIEF, {"key": "k", "value": "v", "userAgent": AGENT}),
}


@pytest.mark.parametrize("what", LATE)
async def test_what_comes_while_its_sample_goes_is_refused(bank: Bank, database: Database, what: str) -> None:
    sample = bank.submitted()
    assert eventually(
        lambda: bank.data(bank.get(f"{sample.path}/classification"))
    )  # else the request waits for the lock, too
    user, body = LATE[what]
    async with database.transaction() as db:
        await db.execute(
            "UPDATE sample SET deleted_time = $2 WHERE id = (SELECT id FROM sample WHERE sha256 = $1 FOR UPDATE)",
            bytes.fromhex(sample.sha256),
            NOW,
        )
        late = asyncio.create_task(asyncio.to_thread(bank.post, f"{sample.path}/{what}", body, user))
        await session_behind(database, db)

    refused = await late

    assert refused.status_code == 404


# -- the death of a whole service, and deletions without a request


@pytest.fixture
def own_service(tmp_path: Path) -> Iterator[Service]:
    """A separate service that the test may kill."""
    settings = {
        "SAMPLEBANK_PROCESSES": "1",
        "SAMPLEBANK_BYTES_RETENTION": "1",
        "SAMPLEBANK_CHALLENGE_TTL": "3",
    }
    with running(tmp_path, settings) as service:
        yield service


async def test_a_deletion_goes_on_after_the_service_was_killed(own_service: Service) -> None:
    bank = Bank(own_service.url, own_service.keys)
    sample = full_sample(bank)
    database = await connect(own_service.database_url, most=4)
    with suppress(Unavailable, asyncpg.PostgresError):
        async with held(database, LOCK_LINKS, sample) as holder:
            response = bank.delete(sample.path)
            await session_behind(database, holder)
            own_service.kill()
    await database.close()

    own_service.start()

    wait_for(bank, response)
    assert bank.data(bank.get(sample.path))["flags"] == ["deleted"]


def test_a_sample_that_nobody_submits_is_deleted_in_the_name_of_the_built_in_administrator(
    own_service: Service,
) -> None:
    bank = Bank(own_service.url, own_service.keys)
    kept, forgotten = bank.submitted(), Sample()
    bank.upload(forgotten)

    assert eventually(lambda: bank.data(bank.get(forgotten.path))["flags"] == ["deleted"])

    (task,) = bank.data(bank.get(f"{V2}/servicetask", operation=["deleteSample"]))
    assert task["createdByUser"]["shortName"] == "admin"
    assert bank.get(f"{kept.path}/raw").content == kept.data


def test_a_deletion_whose_bytes_cannot_go_keeps_no_other_deletion_waiting(
    bank: Bank, service: Service
) -> None:
    stuck, other = bank.submitted(), bank.submitted()
    folder = service.blobs / "sample" / stuck.sha256[:2]
    while other.sha256[:2] == stuck.sha256[:2]:
        other = bank.submitted()

    with closing(Folder(folder)) as uploading:
        uploading.lock_shared()
        correlation = bank.data(bank.delete(stuck.path))["correlationID"]
        assert eventually(lambda: "deletedTimestamp" in bank.data(bank.get(stuck.path)))
        wait_for(bank, bank.delete(other.path))
        assert task_of(bank, correlation)["state"] == "running"

    assert eventually(lambda: task_of(bank, correlation)["state"] == "done")
