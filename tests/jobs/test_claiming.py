"""Claims that come while another claim is under way are served together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import pytest

from kit.bank import CHIEF, Bank
from kit.service import Service
from samplebank.accounts.caller import Caller
from samplebank.accounts.directory import Directory
from samplebank.accounts.keys import find_caller
from samplebank.assembly import clock
from samplebank.database import Database, connect
from samplebank.jobs.claim_batches import MOST, Claiming
from samplebank.jobs.claims import Claim
from samplebank.submissions.model import COLUMNS

LEASE = 60_000


class Stage:
    """The claims of a process. The claims wait for the only connection until the connection is given back."""

    def __init__(self, database: Database, caller: Caller) -> None:
        self._claiming = Claiming(database, clock, COLUMNS)
        self.caller = caller

    def claim(
        self, worker: str, most: int = 1, lease: int = LEASE, caller: Caller | None = None
    ) -> "asyncio.Task[list[Claim]]":
        claim = self._claiming.claim(caller or self.caller, worker, most=most, lease=lease)
        return asyncio.create_task(claim)


@pytest.fixture
async def own(service: Service) -> AsyncIterator[Database]:
    """A database with one connection."""
    database = await connect(service.database_url, most=1)
    yield database
    await database.close()


@pytest.fixture
async def stage(bank: Bank, own: Database) -> Stage:
    directory = Directory(own)
    await directory.refresh()
    async with own.connection() as db:
        caller = await find_caller(db, directory, bank.keys[CHIEF], now=clock())
    assert caller is not None
    return Stage(own, caller)


@asynccontextmanager
async def busy(database: Database) -> AsyncIterator[None]:
    """Lets claims begin to wait while no statement can begin."""
    async with database.connection():
        yield
        await asyncio.sleep(0)


def tasks_for(bank: Bank, count: int) -> tuple[str, list[UUID]]:
    """A worker, and `count` tasks of the worker, longest-waiting first."""
    (worker,) = bank.workers(1)
    return worker, [UUID(bank.planned(worker)[2][worker]) for _ in range(count)]


def line_of(bank: Bank, users: list[str]) -> str:
    """A worker with a waiting task of each of the users, who may be named more than once."""
    (worker,) = bank.workers(1)
    plan = bank.plan(worker)
    for user in users:
        bank.submit(user=user, metaData=plan)
    return worker


def ids(claims: list[Claim]) -> list[UUID]:
    return [claim.task_id for claim in claims]


async def test_each_gets_its_share_of_what_one_statement_takes_first_come_first_served(
    bank: Bank, own: Database, stage: Stage, database: Database
) -> None:
    worker, tasks = tasks_for(bank, 4)

    async with busy(own):
        claims = [stage.claim(worker, most) for most in (1, 2, 3, 1)]
    shares = [ids(await claim) for claim in claims]

    assert shares == [tasks[:1], tasks[1:3], tasks[3:], []]
    async with database.connection() as db:
        changes = await db.fetchval(
            "SELECT count(DISTINCT xmin::text) FROM job_task WHERE id = ANY($1)", tasks
        )
    assert changes == 1


async def test_who_gave_up_leaves_its_share_to_the_others(bank: Bank, own: Database, stage: Stage) -> None:
    worker, tasks = tasks_for(bank, 1)

    async with busy(own):
        first, second = stage.claim(worker), stage.claim(worker)
        await asyncio.sleep(0)
        first.cancel()

    assert ids(await second) == tasks


async def test_claims_that_are_too_much_for_one_statement_are_served_by_the_next(
    bank: Bank, own: Database, stage: Stage
) -> None:
    worker, tasks = tasks_for(bank, 2)

    async with busy(own):
        claims = [stage.claim(worker, most) for most in (1, MOST)]

    assert [ids(await claim) for claim in claims] == [tasks[:1], tasks[1:]]


async def test_claims_for_different_times_are_served_one_after_the_other_for_their_own_time(
    bank: Bank, own: Database, stage: Stage
) -> None:
    worker, tasks = tasks_for(bank, 3)

    async with busy(own):
        claims = [stage.claim(worker, lease=lease) for lease in (LEASE, 10 * LEASE, LEASE)]
    (first,), (longer,), (last,) = [await claim for claim in claims]

    assert [first.task_id, last.task_id, longer.task_id] == tasks
    assert first.lease_until == last.lease_until < longer.lease_until - 8 * LEASE


async def test_no_caller_gets_what_another_one_may_see(bank: Bank, own: Database, stage: Stage) -> None:
    worker, tasks = tasks_for(bank, 1)
    nobody = Caller(stage.caller.user, (), {})

    async with busy(own):
        claims = [stage.claim(worker, caller=nobody), stage.claim(worker)]

    assert [ids(await claim) for claim in claims] == [[], tasks]


async def test_a_statement_that_fails_fails_all_whom_it_would_have_served_and_none_after(
    bank: Bank, own: Database, stage: Stage
) -> None:
    worker, tasks = tasks_for(bank, 1)

    async with busy(own):
        claims = [stage.claim(worker, lease=2**70) for _ in range(2)]
    errors = await asyncio.gather(*claims, return_exceptions=True)

    assert [type(error) for error in errors] == [asyncpg.DataError] * 2
    assert ids(await stage.claim(worker)) == tasks


async def test_customers_take_turns(bank: Bank, stage: Stage) -> None:
    worker = line_of(bank, ["mia"] * 6 + ["quinn", "hana"])

    order = [(await stage.claim(worker))[0].customer_id for _ in range(8)]

    floods, first, second = order[7], *sorted(set(order) - {order[7]})
    assert order.count(floods) == 6
    assert {first, second} <= set(order[:4])


async def test_a_claim_of_many_tasks_leaves_nobody_out(bank: Bank, stage: Stage) -> None:
    worker = line_of(bank, ["mia"] * 6 + ["quinn", "hana"])

    claims = await stage.claim(worker, most=4)

    assert len(claims) == 4
    assert len({claim.customer_id for claim in claims}) == 3


async def test_a_customer_that_is_alone_gets_all_in_one_statement(
    bank: Bank, stage: Stage, database: Database
) -> None:
    worker, tasks = tasks_for(bank, 4)

    taken = ids(await stage.claim(worker, most=4))

    assert taken == tasks
    async with database.connection() as db:
        changes = await db.fetchval(
            "SELECT count(DISTINCT xmin::text) FROM job_task WHERE id = ANY($1)", tasks
        )
    assert changes == 1


async def weigh(database: Database, customer_of: str, weight: int) -> None:
    async with database.connection() as db:
        await db.execute(
            "UPDATE customer SET weight = $2 WHERE id = (SELECT customer_id FROM subject WHERE short_name = $1)",
            customer_of,
            weight,
        )


@asynccontextmanager
async def weighted(database: Database, **weights: int) -> AsyncIterator[None]:
    """Gives the customers of users weights, until the end."""
    for user, weight in weights.items():
        await weigh(database, user, weight)
    try:
        yield
    finally:
        for user in weights:
            await weigh(database, user, 1)


async def test_a_customer_of_weight_three_gets_three_tasks_in_each_turn(
    bank: Bank, stage: Stage, database: Database
) -> None:
    worker = line_of(bank, ["mia"] * 6 + ["quinn"] * 6)

    async with weighted(database, mia=3):
        order = [(await stage.claim(worker))[0].customer_id for _ in range(8)]

    heavy, light = sorted(set(order), key=order.count, reverse=True)
    assert order.count(heavy) == 6
    assert order.count(light) == 2
    assert [heavy, heavy, heavy, light] == order[order.index(light) - 3 :][:4] or order[:1] == [light]


async def test_claims_of_several_tasks_keep_the_weights_too(
    bank: Bank, stage: Stage, database: Database
) -> None:
    worker = line_of(bank, ["mia"] * 12 + ["quinn"] * 12)

    async with weighted(database, mia=3):
        taken = [one.customer_id for _ in range(8) for one in await stage.claim(worker, most=2)]

    assert sorted(taken.count(customer) for customer in set(taken)) == [4, 12]
