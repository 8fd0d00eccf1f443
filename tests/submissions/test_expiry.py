"""Expired submissions go, and the submissions of malicious samples stay for as long as the samples are malicious."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import cast

import pytest

from kit.bank import Bank, Sample
from kit.interleaving import Interrupted
from kit.service import Service
from samplebank.assembly import Bank as Opened
from samplebank.assembly import open_bank
from samplebank.database import Connection, Statement
from samplebank.database.bound import Bound, HeldSignals
from samplebank.maintenance.sweeps import WHOLE_LOOK, retention_sweep
from samplebank.settings import Settings
from samplebank.submissions import retention

HOUR = 3_600_000
EXPIRE = "UPDATE submission SET expiry_time = $2 WHERE id = ANY ($1::uuid[])"
#: whoever changes submissions locks their samples before, such as the alerts of a verdict
HOLD = """
    SELECT FROM sample WHERE id IN (SELECT sample_id FROM submission WHERE id = ANY ($1::uuid[])) FOR NO KEY UPDATE
"""
NO_MORE = """
    UPDATE verdict SET malicious = false
     WHERE sample_id IN (SELECT sample_id FROM submission WHERE id = ANY ($1::uuid[]))
"""


@pytest.fixture
async def housekeeper(service: Service, db: Connection, tmp_path: Path) -> AsyncIterator[Opened]:
    """A bank whose sweeps are a part of the test's transaction, and whose clock stands still."""
    async with open_bank(Settings(data_dir=tmp_path), service.database_url) as bank:
        bound = Bound(db)
        bound.clock = bank.database.clock
        within, now = bank.within(bound, HeldSignals(bank.signals)), bank.clock()
        within.clock = lambda: now
        yield within


def later(housekeeper: Opened, milliseconds: int) -> None:
    now = housekeeper.clock() + milliseconds
    housekeeper.clock = lambda: now


async def left(db: Connection, submitted: list[str]) -> set[str]:
    rows = await db.fetch("SELECT id::text FROM submission WHERE id = ANY ($1::uuid[])", submitted)
    return {row[0] for row in rows}


async def test_a_round_deletes_more_expired_submissions_than_one_look_finds(
    bank: Bank, housekeeper: Opened, db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 1)
    submitted = [bank.submit(Sample())["id"] for _ in range(3)]
    await db.execute(EXPIRE, submitted, housekeeper.clock())

    await retention_sweep()(housekeeper)

    assert await left(db, submitted) == set()


async def test_a_later_round_finds_what_has_expired_meanwhile(
    bank: Bank, housekeeper: Opened, db: Connection
) -> None:
    submitted = [bank.submit(Sample())["id"]]
    await db.execute(EXPIRE, submitted, housekeeper.clock() + 1)
    sweep = retention_sweep()
    await sweep(housekeeper)
    before = await left(db, submitted)

    later(housekeeper, 2)
    await sweep(housekeeper)

    assert (before, await left(db, submitted)) == (set(submitted), set())


@pytest.mark.parametrize("after", [WHOLE_LOOK, -HOUR], ids=["a whole look", "a clock set back"])
async def test_a_submission_goes_when_its_sample_is_malicious_no_more(
    bank: Bank, housekeeper: Opened, db: Connection, after: int
) -> None:
    sample = Sample()
    submitted = [bank.submit(sample)["id"]]
    bank.post(f"{sample.path}/verdict", {"statusOverride": "malicious", "comment": "known here"})
    await db.execute(HOLD, submitted)
    await db.execute(EXPIRE, submitted, housekeeper.clock() - 2 * HOUR)
    sweep = retention_sweep()
    await sweep(housekeeper)
    kept = await left(db, submitted)
    await db.execute(NO_MORE, submitted)

    later(housekeeper, after)
    await sweep(housekeeper)

    assert (kept, await left(db, submitted)) == (set(submitted), set())


async def test_a_submission_stays_whose_sample_becomes_malicious_after_the_look(
    bank: Bank, housekeeper: Opened, db: Connection
) -> None:
    sample, now = Sample(), housekeeper.clock()
    submitted = [bank.submit(sample)["id"]]
    await db.execute(EXPIRE, submitted, now)
    verdict = {"statusOverride": "malicious", "comment": "known here"}
    judge = partial(asyncio.to_thread, bank.post, f"{sample.path}/verdict", verdict)

    interrupted = Interrupted(db, judge, Statement(retention.LOCK_SAMPLES))
    await retention.delete_expired(cast("Connection", interrupted), since=now, now=now)

    assert interrupted.is_over
    assert await left(db, submitted) == set(submitted)


async def test_most_rounds_pass_over_what_was_seen_before(
    bank: Bank, housekeeper: Opened, db: Connection
) -> None:
    submitted = [bank.submit(Sample())["id"]]
    sweep = retention_sweep()
    await sweep(housekeeper)
    await db.execute(EXPIRE, submitted, housekeeper.clock() - HOUR)

    later(housekeeper, WHOLE_LOOK - 1)
    await sweep(housekeeper)

    assert await left(db, submitted) == set(submitted)
