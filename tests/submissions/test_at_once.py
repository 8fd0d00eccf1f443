"""A file in one statement: what others do meanwhile is never overlooked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import cast

import pytest

from kit.bank import Bank, Sample, name_of
from kit.interleaving import Interrupted
from kit.locks import stands_behind
from kit.policy_rules import AddRule
from samplebank.accounts.caller import Caller, of_customer
from samplebank.assembly import clock
from samplebank.blobs.writing import Hashing
from samplebank.database import Connection, Database, Outrun
from samplebank.policy.rules import PolicyBook
from samplebank.submissions.at_once import STORE, Taken, Uploader, take_in
from samplebank.submissions.model import NewSubmission


async def take(
    db: Connection, sample: Sample, mia: Caller, policies: PolicyBook | None = None, *, locking: bool = False
) -> Taken:
    customer = mia.user.customer.id
    new = NewSubmission(
        customer_id=customer,
        readers=[of_customer(customer)],
        tlp="amber",
        acl=[],
        file_name=name_of("file"),
        mime_type="application/octet-stream",
        agent_name="tests",
        agent_version="1",
        meta_data={},
        observed_time=clock(),
        expiry_time=None,
        trusted_agent=False,
    )
    hashing = Hashing()
    hashing.update(sample.data)
    return await take_in(
        db,
        hashing.digests(),
        new,
        policies or PolicyBook(),
        uploader=Uploader(mia.user.id, customer),
        similar_window=60_000,
        now=clock(),
        locking=locking,
    )


@asynccontextmanager
async def overtaken(database: Database, sample: Sample, mia: Caller) -> AsyncIterator["asyncio.Task[Taken]"]:
    """A file that waits, when the block begins, for the transaction that has stored the same file."""

    session: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def second() -> Taken:
        async with database.connection() as db:
            session.set_result(db.get_server_pid())
            return await take(db, sample, mia)

    async with database.transaction() as db:
        await take(db, sample, mia, locking=True)  # a file may get a type meanwhile
        waiting = asyncio.create_task(second())
        # the classifier of the file may stand behind the transaction, too
        await stands_behind(database, db, await session)
    async with asyncio.timeout(60):
        yield waiting


async def test_the_same_new_file_stored_meanwhile_outruns_it(database: Database, mia: Caller) -> None:
    async with overtaken(database, Sample(), mia) as waiting:
        with pytest.raises(Outrun):
            await waiting


async def test_a_submission_of_a_known_file_meanwhile_outruns_it(
    bank: Bank, database: Database, mia: Caller
) -> None:
    async with overtaken(database, bank.submitted(), mia) as waiting:
        with pytest.raises(Outrun):
            await waiting


async def test_with_locks_a_known_file_is_stored_after_the_others(
    bank: Bank, database: Database, mia: Caller
) -> None:
    sample = bank.submitted()

    async with database.transaction() as db:
        taken = await take(db, sample, mia, locking=True)

    assert (taken.is_new, taken.submission is not None) == (False, True)


async def test_a_change_of_the_policy_meanwhile_outruns_it(
    bank: Bank, database: Database, mia: Caller
) -> None:
    (worker,) = bank.workers(1)
    meanwhile = partial(asyncio.to_thread, bank.plan, worker)

    async with database.connection() as db:
        with pytest.raises(Outrun):
            await take(cast("Connection", Interrupted(db, meanwhile, STORE)), Sample(), mia)


async def test_a_new_file_is_stored_where_the_policy_looks_at_types(
    bank: Bank, database: Database, mia: Caller, add_rule: AddRule
) -> None:
    add_rule({"classification": {"type": [name_of("type")]}}, {"workers": {"add": bank.workers(1)}})

    async with database.connection() as db:
        taken = await take(db, Sample(), mia)

    assert taken.is_new


async def test_a_copy_of_an_earlier_policy_is_noticed(bank: Bank, database: Database, mia: Caller) -> None:
    policies = PolicyBook()
    async with database.connection() as db:
        await take(db, Sample(), mia, policies)
        await asyncio.to_thread(bank.workers, 1)

        with pytest.raises(Outrun):
            await take(db, Sample(), mia, policies)
