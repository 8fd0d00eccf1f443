"""Hunts through very many samples, in steps; and hunts that ended long ago."""

import asyncio
import secrets

import pytest

from hunts.hunting import HUNT, begun, hunt_of, marked, rules_for
from kit.bank import Bank, eventually
from kit.locks import session_behind
from samplebank.accounts.caller import Caller, Scope
from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Database
from samplebank.errors import Conflict, Invalid
from samplebank.hunts import model, opening, retention
from samplebank.hunts.model import MOST_AT_ONCE
from samplebank.hunts.opening import Cut, Wish

#: later than the samples of all other tests in the database
NOW = 5_000_000_000_000
DAY = 24 * 3600 * 1000
AGE = "UPDATE hunt SET created_time = created_time - $2, end_time = end_time - $2 WHERE id = $1::uuid"
SAMPLES = """
    INSERT INTO sample (sha256, size, created_time, activity_time)
    SELECT sha256($1 || n::text::bytea), 100 + n, $2::bigint + n / 3, $2
      FROM generate_series(1, $3::int) n
    RETURNING id
"""
OF_SIZES = """
    INSERT INTO sample (sha256, size, created_time, activity_time)
    SELECT sha256($1 || n::text::bytea), size, $2::bigint - n, $2 FROM unnest($3::bigint[]) WITH ORDINALITY one(size, n)
"""
BYTES = "SELECT cardinality(samples), bytes FROM hunt_batch WHERE hunt_id = $1 ORDER BY number"
BATCHES = "SELECT samples FROM hunt_batch WHERE hunt_id = $1 ORDER BY number"
TOTALS = "SELECT samples, bytes FROM hunt WHERE id = $1"


@pytest.fixture
async def caller(database: Database) -> Caller:
    """Somebody who may download everything."""
    directory = Directory(database)
    await directory.refresh(at_once=True)
    user = directory.find_subject("gus")
    assert user is not None
    everywhere = {permission: Scope(everywhere=True) for permission in Permission}
    return Caller(user, (), everywhere, directory.customer_ids)


async def cut_in_steps(db: Connection, caller: Caller, wish: Wish) -> list[Cut]:
    """Open a hunt, and tell how far each step went."""
    steps = [await opening.open_hunt(db, caller, wish, now=NOW)]
    while not steps[-1].is_whole:
        steps.append(await opening.cut(db, caller, wish, steps[-1], now=NOW))
    return steps


async def test_a_hunt_through_many_samples_is_opened_in_steps_and_has_each_sample_once(
    db: Connection, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "STEP", 70)
    made = await db.fetch(SAMPLES, secrets.token_bytes(8), NOW - 1000, 200)
    wish = Wish(customer_id=caller.user.customer.id, rules="", rule_count=1, since=NOW - 1000)

    steps = await cut_in_steps(db, caller, wish)

    batches = [row[0] for row in await db.fetch(BATCHES, steps[0].hunt)]
    assert [step.samples for step in steps] == [0, 70, 140, 200]
    assert [len(batch) for batch in batches] == [50, 20, 70, 60]
    assert [id_ for batch in batches for id_ in batch] == [row[0] for row in reversed(made)]
    assert await db.fetch(TOTALS, steps[0].hunt) == [(200, sum(100 + n for n in range(1, 201)))]


async def test_a_large_sample_is_a_batch_by_itself(
    db: Connection, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "BATCH_BYTES", 1000)
    await db.execute(OF_SIZES, secrets.token_bytes(8), NOW, [400, 5000, 300, 600, 100, 1000, 200])
    wish = Wish(customer_id=caller.user.customer.id, rules="", rule_count=1, since=NOW - 1000)

    *_, whole = await cut_in_steps(db, caller, wish)

    batches = [tuple(row) for row in await db.fetch(BYTES, whole.hunt)]
    assert batches == [(1, 400), (1, 5000), (2, 900), (2, 1100), (1, 200)]


async def test_a_hunt_through_what_a_query_finds_has_each_sample_once_without_the_deleted(
    db: Connection, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "STEP", 70)
    made = await db.fetch(SAMPLES, secrets.token_bytes(8), NOW - 1000, 210)
    newest = [row[0] for row in reversed(made)]
    deleted = newest[75:150]
    await db.execute("UPDATE sample SET deleted_time = 1 WHERE id = ANY($1)", deleted)
    wish = Wish(customer_id=caller.user.customer.id, rules="", rule_count=1, among=newest)

    steps = await cut_in_steps(db, caller, wish)

    batches = [row[0] for row in await db.fetch(BATCHES, steps[0].hunt)]
    assert [step.samples for step in steps] == [0, 70, 75, 135, 135]
    assert [id_ for batch in batches for id_ in batch] == [id_ for id_ in newest if id_ not in deleted]


async def test_a_hunt_through_too_many_samples_is_refused_at_the_step_that_finds_out(
    db: Connection, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "STEP", 20)
    monkeypatch.setattr(opening, "MOST_SAMPLES", 50)
    await db.execute(SAMPLES, secrets.token_bytes(8), NOW - 1000, 90)
    wish = Wish(customer_id=caller.user.customer.id, rules="", rule_count=1, since=NOW - 1000)

    begun_hunt = await opening.open_hunt(db, caller, wish, now=NOW)
    first = await opening.cut(db, caller, wish, begun_hunt, now=NOW)
    second = await opening.cut(db, caller, wish, first, now=NOW)

    with pytest.raises(Invalid, match="shorter time"):
        await opening.cut(db, caller, wish, second, now=NOW)


async def test_a_hunt_that_ended_long_ago_is_forgotten_with_its_hits(bank: Bank, database: Database) -> None:
    done = begun(bank, rules_for("any"), "quinn", until=1000)
    lately = begun(bank, rules_for("any"), "quinn", until=1000)
    running, _ = hunt_of(bank, 1)
    sample = marked(bank, "any", "quinn")
    async with database.connection() as db:
        await db.execute(
            "INSERT INTO hunt_hit SELECT $1::uuid, id, 1, 1, '[]', 1 FROM sample WHERE sha256 = $2",
            done["id"],
            bytes.fromhex(sample.sha256),
        )
        for hunt in (done, running):
            await db.execute(AGE, hunt["id"], 91 * DAY)

    assert eventually(lambda: bank.get(f"{HUNT}/{done['id']}", "quinn").status_code == 404)
    assert [bank.get(f"{HUNT}/{hunt['id']}", "quinn").status_code for hunt in (lately, running)] == [200, 200]


async def test_what_hunts_looked_at_is_forgotten_after_the_next_day(db: Connection, caller: Caller) -> None:
    await db.execute("DELETE FROM hunt_budget")
    for day in (7, 8, 9, 10):
        await db.execute("INSERT INTO hunt_budget VALUES ($1, $2, 1)", caller.user.customer.id, day)

    await retention.forget_budgets(db, now=10 * DAY + 5)

    assert [row[0] for row in await db.fetch("SELECT day FROM hunt_budget ORDER BY day")] == [9, 10]


async def test_hunts_that_a_user_begins_at_the_same_moment_are_counted_one_after_the_other(
    database: Database, caller: Caller
) -> None:
    wish = Wish(customer_id=caller.user.customer.id, rules="", rule_count=1, since=NOW)

    async def begin_one_too_many() -> None:
        with pytest.raises(Conflict, match="under way"):
            async with database.transaction() as db:
                await opening.open_hunt(db, caller, wish, now=NOW)

    async with asyncio.TaskGroup() as tasks, database.transaction() as db:
        for _ in range(MOST_AT_ONCE):
            await opening.open_hunt(db, caller, wish, now=NOW)
        tasks.create_task(begin_one_too_many())
        await session_behind(database, db)
