"""The work of every host: the work is shared out, and the work of a lost host comes back."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest

from kit.databases import migrated_database
from kit.receiver import SECRET, Receiver, receiving
from kit.service import Service
from samplebank.accounts import first_accounts, provisioning
from samplebank.assembly import Bank, open_bank
from samplebank.database import new_id
from samplebank.database.connection import connect_alone
from samplebank.events import outbox
from samplebank.maintenance import election
from samplebank.maintenance.housekeeper import keep_house
from samplebank.maintenance.publishing import LEASE, publish
from samplebank.maintenance.relays import WEBHOOK, WEBHOOK_KINDS, open_relays
from samplebank.maintenance.service_tasks import run_reanalyses
from samplebank.service_tasks import operations, running
from samplebank.service_tasks.model import Operation, State, Tools
from samplebank.settings import Settings

SAMPLES, EVENTS = 20, 5
ADD_SAMPLES = """
    INSERT INTO sample (sha256, size, created_time, activity_time)
    SELECT sha256(number::text::bytea), 1, 1, 1 FROM generate_series(1, $1) number
"""
ADD_EVENTS = """
    INSERT INTO outbox (sample_id, kind, payload, created_time)
    SELECT s.id, 'job', jsonb_build_object('jobID', gen_random_uuid(), 'number', number), 1
      FROM sample s, generate_series(1, $1) number ORDER BY number
"""
WAITING = "SELECT count(*) FROM delivery"
ENDED = "SELECT state FROM service_task WHERE id = $1 AND finished_time IS NOT NULL"
READER = outbox.Reader(WEBHOOK, WEBHOOK_KINDS)
NOW = 2_000_000_000_000


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
async def hosts(service: Service, receiver: Receiver, tmp_path: Path) -> AsyncIterator[tuple[Bank, Bank]]:
    """Two hosts on one database without another service. Both send events to the receiver."""
    settings = Settings(
        data_dir=tmp_path,
        webhook_url=f"http://127.0.0.1:{receiver.server_port}/events",
        webhook_secret=SECRET,
    )
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(migrated_database(service))
        first, second = [await stack.enter_async_context(open_bank(settings, url)) for _ in range(2)]
        yield first, second


async def add_events(bank: Bank, *, samples: int, each: int) -> None:
    async with bank.database.transaction() as db:
        await db.execute(ADD_SAMPLES, samples)
        await db.execute(ADD_EVENTS, each)


async def relay(bank: Bank) -> None:
    (webhook,) = open_relays(bank.settings)
    async with bank.database.connection() as db:
        await publish(bank, webhook)
        while await db.fetchval(WAITING):
            await publish(bank, webhook)
    await webhook.sink.close()


async def test_the_relays_of_two_hosts_deliver_each_event_once_and_in_the_order_of_its_sample(
    hosts: tuple[Bank, Bank], receiver: Receiver
) -> None:
    await add_events(hosts[0], samples=SAMPLES, each=EVENTS)

    await asyncio.gather(*(relay(bank) for bank in hosts))

    numbers: dict[str, list[int]] = {}
    for message in receiver.got:
        numbers.setdefault(message["sampleSha256"], []).append(message["data"]["number"])
    assert len(numbers) == SAMPLES
    assert set(map(tuple, numbers.values())) == {tuple(range(1, EVENTS + 1))}
    assert receiver.repeats == 0


async def test_an_event_that_a_relay_took_and_its_successors_wait_for_the_end_of_the_lease(
    hosts: tuple[Bank, Bank],
) -> None:
    await add_events(hosts[0], samples=1, each=2)
    async with hosts[0].database.connection() as db:
        (taken,) = await outbox.take(db, READER, 10, lease=LEASE, now=NOW)

    async with hosts[1].database.connection() as db:
        meanwhile = await outbox.take(db, READER, 10, lease=LEASE, now=NOW + LEASE - 1)
        afterwards = await outbox.take(db, READER, 10, lease=LEASE, now=NOW + LEASE)

    assert meanwhile == []
    assert afterwards == [taken]


async def test_a_relay_that_is_stopped_gives_back_what_it_has_not_delivered(
    hosts: tuple[Bank, Bank], receiver: Receiver
) -> None:
    await add_events(hosts[0], samples=1, each=1)
    receiver.hold_all = True
    stopping = asyncio.create_task(relay(hosts[0]))
    await asyncio.to_thread(receiver.holding.wait)

    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
    receiver.let_go.set()

    async with hosts[1].database.connection() as db:
        assert len(await outbox.take(db, READER, 1, lease=LEASE, now=hosts[1].clock())) == 1


async def open_task(bank: Bank) -> UUID:
    """Open a reanalysis of no samples, which ends with the first step."""
    id_ = new_id()
    async with bank.database.transaction() as db:
        await first_accounts.provision_first(db, now=NOW)
        user_id = await provisioning.get_user_id(db, first_accounts.ADMIN)
        await running.open_task(db, Operation.REANALYSE, {}, user_id=user_id, now=NOW, id_=id_)
    return id_


def tools_of(bank: Bank) -> Tools:
    return Tools(bank.blobs, bank.directory, bank.policies)


async def test_a_host_passes_over_a_task_that_another_host_is_at(hosts: tuple[Bank, Bank]) -> None:
    first, second = hosts
    task = await open_task(first)

    async with first.database.transaction() as db:
        state = await operations.run_step(db, task, None, "first", tools_of(first), now=NOW)
        await run_reanalyses(second)  # which would wait for ever for the transaction of the first

    assert state is State.DONE


async def test_a_task_that_a_host_left_in_a_step_is_run_by_another(hosts: tuple[Bank, Bank]) -> None:
    first, second = hosts
    task = await open_task(first)
    async with first.database.connection() as db:
        transaction = db.transaction()
        await transaction.start()
        await operations.run_step(db, task, None, "first", tools_of(first), now=NOW)
        await transaction.rollback()

    await run_reanalyses(second)

    async with second.database.connection() as db:
        assert await db.fetchval(ENDED, task) == State.DONE


@asynccontextmanager
async def keeping_house_without_election(host: Bank) -> AsyncIterator[None]:
    """Let the host keep house, while another holds the lock of the elected."""
    elected = await connect_alone(host.database.url)
    await elected.execute("SELECT pg_advisory_lock($1)", election.LOCK)
    keeping = asyncio.create_task(keep_house(host))
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await elected.close()


async def test_a_host_that_is_not_elected_delivers_events_and_runs_tasks(
    hosts: tuple[Bank, Bank], receiver: Receiver
) -> None:
    first, second = hosts
    await add_events(first, samples=3, each=1)
    task = await open_task(first)

    async with (
        keeping_house_without_election(second),
        asyncio.timeout(60),
        first.database.connection() as db,
    ):
        while len(receiver.got) < 3 or await db.fetchval(ENDED, task) != State.DONE:
            await db.execute("SELECT pg_sleep(0.05)")


async def test_a_host_that_is_not_elected_removes_what_is_left_of_its_uploads(
    hosts: tuple[Bank, Bank], tmp_path: Path
) -> None:
    first, second = hosts
    left = tmp_path / "blobs/staging/of-a-killed-process"
    left.write_bytes(b"half an upload")
    os.utime(left, (0, 0))

    async with (
        keeping_house_without_election(second),
        asyncio.timeout(60),
        first.database.connection() as db,
    ):
        while left.exists():
            await db.execute("SELECT pg_sleep(0.05)")
