"""A reader of few customers finds the samples of the list, each once, whoever shares samples with the reader."""

import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from bench.tenants import Tenants

from kit.databases import rolled_back
from samplebank.accounts.access import numbers_of_samples, see_samples
from samplebank.accounts.caller import UPLOADERS, Caller, Scope, of_customer, of_uploader
from samplebank.accounts.many_customers import MANY
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Database, Page, Sql
from samplebank.samples.tally import LATE
from samplebank.search.rows import ClassificationCriterion, VerdictCriterion
from samplebank.search.sample_ways import Much
from samplebank.search.samples import SampleCriterion, samples_matching
from samplebank.search.window import IndexWindow, lies_in_window
from search.conftest import followed, rows_read

NOW = time.time_ns() // 1_000_000
DAY = 86_400_000
WEEK = 7 * DAY
WINDOWS = {
    "ever": IndexWindow(0),
    "a week": IndexWindow(NOW - WEEK),
    "until a week ago": IndexWindow(0, NOW - WEEK),
    "the week before last": IndexWindow(NOW - 2 * WEEK, NOW - WEEK),
}
SEEN = "SELECT s.id FROM sample s WHERE {{}} AND {{}} ORDER BY s.created_time {0}, s.id {0}"
#: the entries of the lists of readers, and the right entries
LISTED = "SELECT reader, created_time, sample_id FROM sample_reader"
TO_LIST = f"""
    SELECT r, created_time, id FROM sample s, unnest(readers) r
     WHERE deleted_time IS NULL AND unread_since IS NULL AND
           (r = 0 OR NOT 0 = ANY (readers) AND (r > {UPLOADERS} OR NOT 2 * ({UPLOADERS} - r) = ANY (readers)))
"""
WRONG = (
    f"SELECT count(*) FROM (({LISTED} EXCEPT ALL {TO_LIST}) UNION ALL ({TO_LIST} EXCEPT ALL {LISTED})) wrong"
)
#: samples with late activity whose times are not noted
NOT_LATE = f"""
    SELECT count(*) FROM sample s
     WHERE activity_time > created_time + {LATE} AND NOT EXISTS (
           SELECT FROM sample_late l
            WHERE l.sample_id = s.id AND (l.created_time, l.activity_time) = (s.created_time, s.activity_time))
"""
WANTED = SampleCriterion(
    classifications=[ClassificationCriterion(type=["pebin"])], verdicts=[VerdictCriterion(minimum_score=5)]
)
MATCHES = """
    SELECT s.id FROM sample s JOIN verdict v ON v.id = s.verdict_id JOIN classification c ON c.id = s.classification_id
     WHERE v.score >= 5 AND c.type = 'pebin'
"""
#: uploaded by a customer, and submitted by nobody, or by another customer
UPLOADED = (
    "UPDATE sample SET readers = ARRAY[{uploader}], unread_since = 1 WHERE id % 50 = 4",
    "UPDATE sample SET readers = ARRAY[{uploader}, {stranger}], unread_since = NULL WHERE id % 50 = 5",
)
NEW = f"""
    INSERT INTO sample (sha256, size, created_time, activity_time, readers)
    VALUES (sha256(''), 0, 5, 5, '{{{{{UPLOADERS - 1}, 4, 6}}}}')
"""
#: changes to who reads which samples
CHANGES = {
    "another customer submits": "UPDATE sample SET readers = readers || 4_000_000::bigint WHERE {some}",
    "everybody may read": "UPDATE sample SET readers = 0 || readers WHERE NOT readers @> '{{0}}' AND {some}",
    "not everybody may read any more": "UPDATE sample SET readers = array_remove(readers, 0) WHERE {some}",
    "the customer of the uploader submits": f"""
        UPDATE sample SET readers = readers || 2 * ({UPLOADERS} - readers[1])
         WHERE NOT readers @> ARRAY[2 * ({UPLOADERS} - readers[1])] AND {{some}}
    """,
    "the last submission ends": "UPDATE sample SET readers = readers[1:1], unread_since = 1 WHERE {some}",
    "somebody submits after all": """
        UPDATE sample SET readers = '{{2}}', unread_since = NULL WHERE unread_since IS NOT NULL AND {some}
    """,
    "the sample is deleted": "UPDATE sample SET deleted_time = 1 WHERE {some}",
    "the sample comes back": """
        UPDATE sample SET deleted_time = NULL, created_time = created_time + 7, readers = '{{2}}' WHERE {some}
    """,
    "something happens": "UPDATE sample SET activity_time = activity_time + 1 WHERE {some}",
    "something happens much later": "UPDATE sample SET activity_time = created_time + 7_200_000 WHERE {some}",
    "a new sample": NEW,
    "a new sample that is gone": f"{NEW}; DELETE FROM sample WHERE size = 0",
}


@pytest.fixture
async def db(filled: tuple[Database, Tenants]) -> AsyncIterator[Connection]:
    """A transaction on the filled database, rolled back after the test."""
    async with rolled_back(filled[0]) as db:
        yield db


@pytest.fixture
def reader(callers: dict[str, Caller]) -> Caller:
    """A reader for two customers of different domains."""
    one = callers["one"]
    held = one.scope(Permission.VIEW_SAMPLES).customers
    views = (Permission.VIEW_SAMPLES, Permission.VIEW_SUBMISSION, Permission.VIEW_ANALYSIS)
    return msgspec.structs.replace(one, scopes=dict.fromkeys(views, Scope(customers=held | {max(held) + 3})))


@pytest.fixture
def analyst(reader: Caller) -> Caller:
    """A reader who may also look at uploads of either customer."""
    held = reader.scope(Permission.VIEW_SAMPLES).customers
    unrestricted = {Permission.DOWNLOAD_UNRESTRICTED: Scope(customers=frozenset({max(held)}))}
    return msgspec.structs.replace(reader, scopes={**reader.scopes, **unrestricted})


@pytest.fixture
async def uploaded(db: Connection, analyst: Caller) -> None:
    """Samples uploaded and not submitted by the customer of the analyst."""
    customer = max(analyst.scope(Permission.VIEW_SAMPLES).customers)
    for change in UPLOADED:
        await db.execute(change.format(uploader=of_uploader(customer), stranger=of_customer(customer + 1)))


async def seen(db: Connection, caller: Caller, window: IndexWindow, direction: str) -> list[int]:
    visible = see_samples(caller, "s", Permission.VIEW_SAMPLES)
    rows = await Sql(SEEN.format(direction), visible, lies_in_window(caller, "s", window)).rows(db)
    return [row[0] for row in rows]


@pytest.mark.usefixtures("uploaded")
@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("who", ["reader", "analyst"])
async def test_a_reader_finds_each_sample_once_in_order(
    db: Connection, request: pytest.FixtureRequest, who: str, window: IndexWindow, direction: str
) -> None:
    caller: Caller = request.getfixturevalue(who)
    sort = ("-" if direction == "DESC" else "") + "sampleCreatedTimestamp"
    expected = await seen(db, caller, window, direction)

    def listing() -> Any:
        return samples_matching(caller, SampleCriterion(), window, [sort])

    for offset in (0, 333, len(expected) - 3, len(expected)):
        assert await listing().ids(db, Page(7, offset)) == expected[offset : offset + 7]
    digests = [one.sha256 for one in await followed(db, listing, 400)]
    found = await db.fetch("SELECT id, sha256 FROM sample WHERE sha256 = ANY ($1)", digests)
    ids = {row[1]: row[0] for row in found}
    assert [ids[digest] for digest in digests] == expected
    assert (await listing().count(db, 10_000)).number == len(expected) > 400


@pytest.mark.usefixtures("uploaded")
@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
async def test_a_search_for_much_goes_through_the_lists_to_the_same_page(
    db: Connection, analyst: Caller, window: IndexWindow, direction: str
) -> None:
    sort = ("-" if direction == "DESC" else "") + "sampleCreatedTimestamp"
    matches = {row[0] for row in await db.fetch(MATCHES)}
    expected = [id_ for id_ in await seen(db, analyst, window, direction) if id_ in matches]

    listing = samples_matching(analyst, WANTED, window, [sort])
    listing.ways = [way._replace(little=-1) for way in listing.ways if isinstance(way, Much)][-1:]

    for offset in (0, 33, len(expected) - 3):
        assert await listing.ids(db, Page(7, offset)) == expected[offset : offset + 7]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_the_lists_of_readers_follow_the_samples(db: Connection, change: str) -> None:
    for before in UPLOADED:
        await db.execute(before.format(uploader=of_uploader(1), stranger=of_customer(2)))

    await db.execute(change.format(some="id % 25 BETWEEN 4 AND 12"))

    assert await db.fetchval(WRONG) == 0


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_late_activity_is_noted_with_the_times_of_the_sample(db: Connection, change: str) -> None:
    await db.execute(change.format(some="id % 25 BETWEEN 4 AND 12"))

    assert await db.fetchval(NOT_LATE) == 0


async def test_a_list_of_the_last_days_passes_over_the_late_activity_of_samples_of_these_days(
    db: Connection, callers: dict[str, Caller]
) -> None:
    late = await db.fetchval("SELECT count(*) FROM sample_late")
    before = await rows_read(db, "sample_late")
    listing = samples_matching(callers["one"], SampleCriterion(), IndexWindow(NOW - 30 * DAY))

    await listing.page(db, Page(25))
    await listing.count(db, 10_000)

    assert await rows_read(db, "sample_late") - before < late / 100


def test_who_sees_all_or_very_much_has_no_few_lists(callers: dict[str, Caller], reader: Caller) -> None:
    many = Scope(customers=frozenset(range(1, MANY + 1)))
    holder = msgspec.structs.replace(reader, scopes={Permission.VIEW_SAMPLES: many})

    found = [numbers_of_samples(caller, Permission.VIEW_SAMPLES) for caller in (callers["admin"], holder)]

    assert found == [None, None]


def test_who_may_download_more_than_the_lists_have_has_no_few_lists(reader: Caller) -> None:
    stranger = {Permission.DOWNLOAD_UNRESTRICTED: Scope(customers=frozenset({1}))}
    caller = msgspec.structs.replace(reader, scopes={**reader.scopes, **stranger})

    assert numbers_of_samples(caller, Permission.VIEW_SAMPLES) is None


@pytest.mark.parametrize(
    ("wanted", "waits"), [(SampleCriterion(), False), (WANTED, True)], ids=["all", "some"]
)
@pytest.mark.parametrize("who", ["admin", "one", "most"])
def test_a_search_may_have_to_wait_for_other_searches_and_a_list_of_all_does_not(
    callers: dict[str, Caller], who: str, wanted: SampleCriterion, *, waits: bool
) -> None:
    assert samples_matching(callers[who], wanted, IndexWindow(0)).is_dear is waits
