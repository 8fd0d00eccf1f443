"""How many samples and submissions a caller may see is known without counting, and always right."""

import time
from collections.abc import AsyncIterator

import pytest
from bench.tenants import Tenants

from samplebank.accounts.access import see_rows, see_samples
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Database, Where
from samplebank.database.listing import only_used
from samplebank.database.tally import DAY, HOUR, MONTH
from samplebank.samples.tally import SAMPLES, number_of_samples
from samplebank.search.window import IndexWindow, lies_in_window
from samplebank.submissions.tally import SUBMISSIONS, number_of_submissions

NOW = time.time_ns() // 1_000_000
#: the starts of windows, and one in the midst of the samples of `filled`
STARTS = {
    "ever": 0,
    "an hour": NOW - HOUR,
    "a week": NOW - 7 * DAY,
    "a month": NOW - 30 * DAY,
    "three months": NOW - 90 * DAY,
    "a whole month": (NOW // MONTH - 1) * MONTH,
    "the future": NOW + DAY,
}
CALLERS = ["admin", "one", "most", "mixed"]
#: what changes who sees which rows; `{id}` is a few samples
CHANGES = {
    "a sample uploaded": """
        INSERT INTO sample (sha256, size, created_time, activity_time, unread_since, readers)
        SELECT sha256(id::text::bytea), 1, $1, $1, $1, ARRAY(SELECT r FROM unnest(readers) r WHERE r < -(1::bigint << 40))
          FROM sample WHERE {id}
    """,
    "readers changed": "UPDATE sample SET readers = readers || 2::bigint, activity_time = $1 WHERE {id}",
    "the last submission expired": "UPDATE sample SET readers = '{{}}', unread_since = $1 WHERE {id}",
    "a sample deleted": "UPDATE sample SET deleted_time = $1 WHERE {id}",
    "an old sample active again": "UPDATE sample SET created_time = 5, activity_time = $1 WHERE {id}",
    "a submission added": """
        INSERT INTO submission (id, sample_id, customer_id, user_id, tlp, acl, readers, file_name, mime_type, agent_name,
                                agent_version, meta_data, observed_time, submitted_time, trusted_agent)
        SELECT gen_random_uuid(), sample_id, customer_id, user_id, tlp, acl, readers, file_name, mime_type, agent_name,
               agent_version, meta_data, observed_time, $1, trusted_agent
          FROM submission WHERE sample_{id}
    """,
    "submissions expired": "DELETE FROM submission WHERE sample_{id} AND $1::bigint > 0",
    "an ACL of submissions changed": """
        UPDATE submission SET readers = readers || 3::bigint WHERE sample_{id} AND $1::bigint > 0
    """,
}


@pytest.fixture
async def db(filled: tuple[Database, Tenants]) -> AsyncIterator[Connection]:
    """A transaction on the filled database that is rolled back after the test."""
    async with filled[0].connection() as db:
        transaction = db.transaction()
        await transaction.start()
        yield db
        await transaction.rollback()


async def ask(db: Connection, expression: str, where: Where) -> int:
    query, parameters = only_used(f"SELECT {expression}", where.parameters)
    found: int = await db.fetchval(query, *parameters)
    return found


def seen_of(where: Where) -> str | None:
    """The condition; None where everything is seen."""
    return None if where.sql == "TRUE" else where.sql


async def samples_of(db: Connection, caller: Caller, since: int) -> tuple[int, int]:
    """(the number by the tally, the number by counting)."""
    counted = Where()
    see_samples(counted, caller, "s", Permission.VIEW_SAMPLES)
    lies_in_window(counted, caller, "s", IndexWindow(since))
    visible = Where()
    see_samples(visible, caller, "s", Permission.VIEW_SAMPLES)
    active = Where()
    active.parameters = visible.parameters
    lies_in_window(active, caller, "s", IndexWindow(since))
    tallied = number_of_samples(
        visible,
        since,
        visible=seen_of(visible),
        active=active.sql,
        sees_unread=caller.holds(Permission.DOWNLOAD_UNRESTRICTED),
    )
    return await ask(db, tallied, visible), await ask(db, counted.count("sample s"), counted)


async def submissions_of(db: Connection, caller: Caller, since: int) -> tuple[int, int]:
    """As `samples_of`, of submissions."""
    counted = Where()
    see_rows(counted, caller, "u", Permission.VIEW_SUBMISSION)
    counted.add("u.submitted_time >= {}", since)
    visible = Where()
    see_rows(visible, caller, "u", Permission.VIEW_SUBMISSION)
    tallied = number_of_submissions(visible, since, visible=seen_of(visible))
    return await ask(db, tallied, visible), await ask(db, counted.count("submission u"), counted)


@pytest.mark.parametrize("name", CALLERS)
@pytest.mark.parametrize("since", STARTS.values(), ids=STARTS)
async def test_each_caller_is_told_the_number_of_samples_that_counting_gives(
    db: Connection, callers: dict[str, Caller], name: str, since: int
) -> None:
    tallied, counted = await samples_of(db, callers[name], since)

    assert tallied == counted


@pytest.mark.parametrize("name", CALLERS)
@pytest.mark.parametrize("since", STARTS.values(), ids=STARTS)
async def test_each_caller_is_told_the_number_of_submissions_that_counting_gives(
    db: Connection, callers: dict[str, Caller], name: str, since: int
) -> None:
    tallied, counted = await submissions_of(db, callers[name], since)

    assert tallied == counted


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_change_counts_at_once(db: Connection, callers: dict[str, Caller], change: str) -> None:
    await db.execute(change.format(id="id % 50 = 3"), NOW)

    found = [
        await number(db, callers[name], since)
        for number in (samples_of, submissions_of)
        for name in ("admin", "one")
        for since in (0, NOW - 30 * DAY)
    ]

    assert [tallied for tallied, _ in found] == [counted for _, counted in found]
    assert (await SAMPLES.disagreements(db), await SUBMISSIONS.disagreements(db)) == (0, 0)
