"""A submission looks first and stores then. A change in between is never overlooked."""

import asyncio
import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any, cast
from uuid import UUID

import pytest

from kit.bank import V2, Bank, Sample
from kit.interleaving import Interrupted
from samplebank.accounts.caller import Caller, of_customer
from samplebank.assembly import clock
from samplebank.database import Connection, Database, Outrun
from samplebank.policy.rules import PolicyBook
from samplebank.policy.turns import LOCK_POLICY
from samplebank.submissions.challenge import Outcome, Tries
from samplebank.submissions.intake import STORE, Result, Token, submit
from samplebank.submissions.model import NewSubmission

#: whether a change of the policy waits for somebody
WAITS_FOR_POLICY = f"""
    SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query = '{LOCK_POLICY}')
"""


class Interruption:
    """Submissions of mia, in the middle of which something else happens."""

    def __init__(self, bank: Bank, database: Database, mia: Caller) -> None:
        self.bank = bank
        self._database = database
        self._mia = mia
        self._policies = PolicyBook()

    def token(self, sample: Sample) -> dict[str, str]:
        """A challenge of a sample whose file type is known, so that nothing else changes it."""
        token = self.bank.token(sample)
        self.bank.post(f"{sample.path}/submission", self.bank.submission_body(self.bank.token(sample)), "mia")
        return token

    def new(self, meta_data: dict[str, str]) -> NewSubmission:
        customer = self._mia.user.customer.id
        return NewSubmission(
            customer_id=customer,
            readers=[of_customer(customer)],
            tlp="amber",
            acl=[],
            file_name="invoice.exe",
            mime_type="application/octet-stream",
            agent_name="tests",
            agent_version="1",
            meta_data=meta_data,
            observed_time=clock(),
            expiry_time=None,
            trusted_agent=False,
        )

    async def submit(
        self,
        meanwhile: Callable[[], Any],
        sample: Sample,
        token: dict[str, str],
        *,
        locking: bool = False,
        meta_data: dict[str, str] | None = None,
    ) -> Result:
        good = Token(
            UUID(token["id"]), bytes.fromhex(sample.sha256), hashlib.sha256(b"this request").digest()
        )
        async with self._database.transaction() if locking else self._database.connection() as db:
            interrupted = Interrupted(db, partial(asyncio.to_thread, meanwhile), STORE)
            result = await submit(
                cast("Connection", interrupted),
                bytes.fromhex(sample.sha256),
                good,
                self.new(meta_data or {}),
                self._policies,
                user_id=self._mia.user.id,
                tries=Tries(20, 60_000),
                similar_window=60_000,
                now=clock(),
                locking=locking,
            )
        assert interrupted.is_over or result.outcome is not Outcome.GOOD
        return result


@pytest.fixture
def interruption(bank: Bank, database: Database, mia: Caller) -> Interruption:
    return Interruption(bank, database, mia)


def submissions_of(bank: Bank, sample: Sample) -> list[str]:
    return [row["fileName"] for row in bank.data(bank.get(f"{sample.path}/submission", limit=0))]


async def test_another_submission_of_the_sample_outruns_it(bank: Bank, interruption: Interruption) -> None:
    sample = Sample()
    token = interruption.token(sample)

    with pytest.raises(Outrun):
        await interruption.submit(partial(bank.submit, sample), sample, token)

    assert "invoice.exe" not in submissions_of(bank, sample)


async def test_a_reanalysis_of_the_sample_outruns_it(bank: Bank, interruption: Interruption) -> None:
    (worker,) = bank.workers(1)
    plan = bank.plan(worker)
    sample = Sample()
    token = interruption.token(sample)
    bank.submit(sample, metaData=plan)
    meanwhile = partial(bank.put, f"{sample.path}/reanalyse", None, "mia")

    with pytest.raises(Outrun):
        await interruption.submit(meanwhile, sample, token, meta_data=plan)

    assert "invoice.exe" not in submissions_of(bank, sample)


async def test_a_change_of_the_policy_outruns_it(bank: Bank, interruption: Interruption) -> None:
    sample = Sample()
    token = interruption.token(sample)
    (worker,) = bank.workers(1)

    with pytest.raises(Outrun):
        await interruption.submit(partial(bank.plan, worker), sample, token)

    assert "invoice.exe" not in submissions_of(bank, sample)


async def test_a_wrong_answer_to_its_challenge_outruns_it(bank: Bank, interruption: Interruption) -> None:
    sample = Sample()
    token = interruption.token(sample)
    wrong = bank.submission_body({**token, "sha256": "0" * 64})
    meanwhile = partial(bank.post, f"{sample.path}/submission", wrong, "mia")

    with pytest.raises(Outrun):
        await interruption.submit(meanwhile, sample, token)

    result = await interruption.submit(lambda: None, sample, token, locking=True)
    assert result.outcome is Outcome.REFUSED


async def test_behind_locks_it_makes_changes_of_the_policy_wait(
    bank: Bank, database: Database, interruption: Interruption
) -> None:
    sample = Sample()
    token = interruption.token(sample)
    (worker,) = bank.workers(1)
    changes: list[asyncio.Task[Any]] = []
    loop = asyncio.get_running_loop()

    async def begin_a_change() -> None:
        changes.append(asyncio.create_task(asyncio.to_thread(bank.plan, worker)))
        async with database.connection() as db, asyncio.timeout(60):
            while not changes[0].done():
                if await db.fetchval(WAITS_FOR_POLICY):
                    return

    def meanwhile() -> None:
        asyncio.run_coroutine_threadsafe(begin_a_change(), loop).result()

    result = await interruption.submit(meanwhile, sample, token, locking=True)
    await changes[0]

    assert result.outcome is Outcome.GOOD
    assert "invoice.exe" in submissions_of(bank, sample)


async def test_behind_locks_it_makes_others_wait(bank: Bank, interruption: Interruption) -> None:
    sample = Sample()
    token = interruption.token(sample)
    others: list[asyncio.Future[Any]] = []
    loop = asyncio.get_running_loop()

    def begin_another() -> None:
        others.append(loop.run_in_executor(None, partial(bank.submit, sample)))

    result = await interruption.submit(
        lambda: loop.call_soon_threadsafe(begin_another), sample, token, locking=True
    )
    other = await others[0]

    assert result.submission is not None
    assert {"invoice.exe", other["fileName"]} <= set(submissions_of(bank, sample))
    assert bank.get(f"{V2}/sample/{sample.sha256}").status_code == 200
