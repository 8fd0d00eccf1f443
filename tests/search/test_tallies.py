"""How many samples and submissions a caller may see is known without counting, and always right."""

import time
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
from bench.tenants import Tenants

from kit.databases import rolled_back
from samplebank.accounts.access import see_rows, see_samples
from samplebank.accounts.caller import Caller, Scope, of_subject
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Database, Sql, all_of
from samplebank.database.tally import DAY, HOUR, MONTH
from samplebank.samples.tally import LISTED, SAMPLES
from samplebank.search.numbers import (
    number_of_all_samples,
    number_of_all_submissions,
    number_of_listed_samples,
    number_of_nearly_all_samples,
    number_of_nearly_all_submissions,
    number_of_read_submissions,
)
from samplebank.search.sample_parts import parts_of
from samplebank.search.window import IndexWindow, lies_in_window
from samplebank.submissions.tally import SHOWN, SUBMISSIONS

NOW = time.time_ns() // 1_000_000
#: the starts of windows, and a start in the midst of the samples of `filled`
STARTS = {
    "ever": 0,
    "an hour": NOW - HOUR,
    "a week": NOW - 7 * DAY,
    "a month": NOW - 30 * DAY,
    "three months": NOW - 90 * DAY,
    "a whole month": (NOW // MONTH - 1) * MONTH,
    "the future": NOW + DAY,
}
#: who sees everything, or everything that was submitted
CALLERS = ["admin", "most"]
#: changes to who sees which rows; `{id}` is a few samples
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
TALLIES = (SAMPLES, SUBMISSIONS, LISTED, SHOWN)
#: shares submissions and samples with a user, the `{number}` of whom is a reader then
SHARE = (
    "UPDATE submission SET readers = readers || {number}::bigint WHERE sample_id % 50 = 4",
    "UPDATE sample SET readers = readers || {number}::bigint WHERE id % 50 = 4",
)


@pytest.fixture
async def db(filled: tuple[Database, Tenants]) -> AsyncIterator[Connection]:
    """A transaction on the filled database that is rolled back after the test."""
    async with rolled_back(filled[0]) as db:
        yield db


@pytest.fixture
def nearly(callers: dict[str, Caller]) -> Caller:
    """A caller who lacks three of all customers. The first of these has more rows than any other."""
    most = callers["most"]
    first, *others = sorted(most.customers)
    lacked = {first, *others[-2:]}
    scopes = {name: Scope(customers=scope.customers - lacked) for name, scope in most.scopes.items()}
    return msgspec.structs.replace(most, scopes=scopes)


async def counted_samples(db: Connection, caller: Caller, since: int) -> int:
    visible = see_samples(caller, "s", Permission.VIEW_SAMPLES)
    there = all_of([visible, lies_in_window(caller, "s", IndexWindow(since))])
    counted: int = await Sql("SELECT count(*) FROM sample s WHERE {}", there).value(db)
    return counted


async def counted_submissions(db: Connection, caller: Caller, since: int) -> int:
    visible = see_rows(caller, "u", Permission.VIEW_SUBMISSION)
    there = all_of([visible, Sql("u.submitted_time >= {}", since)])
    counted: int = await Sql("SELECT count(*) FROM submission u WHERE {}", there).value(db)
    return counted


async def samples_of(db: Connection, caller: Caller, since: int) -> tuple[int | None, int]:
    """(the number by the tally, the number by counting)."""
    tallied = await told(db, number_of_all_samples(caller, IndexWindow(since)))
    return tallied, await counted_samples(db, caller, since)


async def submissions_of(db: Connection, caller: Caller, since: int) -> tuple[int | None, int]:
    """As `samples_of`, of submissions."""
    tallied = await told(db, number_of_all_submissions(caller, IndexWindow(since)))
    return tallied, await counted_submissions(db, caller, since)


async def told(db: Connection, number: Sql | None) -> int | None:
    found: int | None = None if number is None else await Sql("SELECT {}", number).value(db)
    return found


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


@pytest.mark.parametrize("number", [number_of_all_samples, number_of_all_submissions])
@pytest.mark.parametrize(
    ("name", "window"), [("one", IndexWindow(0)), ("admin", IndexWindow(0, NOW))], ids=["few", "ended"]
)
def test_of_others_and_of_windows_that_ended_the_tallies_know_nothing(
    callers: dict[str, Caller],
    name: str,
    window: IndexWindow,
    number: Callable[[Caller, IndexWindow], Sql | None],
) -> None:
    assert number(callers[name], window) is None


async def test_who_holds_every_customer_is_told_nothing_when_there_is_a_newer_one(
    db: Connection, callers: dict[str, Caller]
) -> None:
    await db.execute(
        "INSERT INTO customer (short_name, name, domain_id) SELECT 'newer', 'Newer', min(id) FROM domain"
    )

    found = [
        number(callers["most"], IndexWindow(0))
        for number in (number_of_all_samples, number_of_all_submissions)
    ]

    assert [await told(db, number) for number in found] == [None, None]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_change_counts_at_once(db: Connection, callers: dict[str, Caller], change: str) -> None:
    await db.execute(change.format(id="id % 50 = 3"), NOW)

    found = [
        await number(db, callers[name], since)
        for number in (samples_of, submissions_of)
        for name in CALLERS
        for since in (0, NOW - 30 * DAY)
    ]

    assert [tallied for tallied, _ in found] == [counted for _, counted in found]
    assert [await tally.disagreements(db) for tally in TALLIES] == [0, 0, 0, 0]


async def numbers_of_nearly_all(db: Connection, caller: Caller, since: int) -> list[int | None]:
    """The numbers of samples and submissions, as all but the rows that the caller may not see."""
    window = IndexWindow(since)
    numbers = number_of_nearly_all_samples(caller, window), number_of_nearly_all_submissions(caller, window)
    return [await told(db, number) for number in numbers]


@pytest.mark.parametrize("since", STARTS.values(), ids=STARTS)
async def test_who_lacks_a_few_customers_is_told_the_number_that_counting_gives(
    db: Connection, nearly: Caller, since: int
) -> None:
    found = await numbers_of_nearly_all(db, nearly, since)

    counted = [await counted_samples(db, nearly, since), await counted_submissions(db, nearly, since)]
    assert found == counted


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_change_counts_at_once_for_who_lacks_a_few_customers(
    db: Connection, nearly: Caller, change: str
) -> None:
    await db.execute(change.format(id="id % 50 = 3"), NOW)

    for since in (0, NOW - 30 * DAY, NOW - HOUR):
        counted = [await counted_samples(db, nearly, since), await counted_submissions(db, nearly, since)]
        assert await numbers_of_nearly_all(db, nearly, since) == counted


async def test_what_a_newer_customer_adds_is_hidden_from_who_lacks_a_few(
    db: Connection, nearly: Caller
) -> None:
    before = await numbers_of_nearly_all(db, nearly, 0)
    newer = await db.fetchval(
        "INSERT INTO customer (short_name, name, domain_id) SELECT 'newer', 'Newer', max(id) FROM domain RETURNING id"
    )
    await db.execute(CHANGES["a submission added"].format(id="id % 50 = 3"), NOW)
    moved = "UPDATE submission SET customer_id = $1::bigint, readers = ARRAY[2 * $1::bigint] WHERE submitted_time = $2"
    await db.execute(moved, newer, NOW)

    samples, submissions = await numbers_of_nearly_all(db, nearly, 0)

    assert samples is None
    assert submissions == before[1] == await counted_submissions(db, nearly, 0)


@pytest.mark.parametrize("name", ["admin", "one"])
def test_only_who_lacks_a_few_customers_is_told_by_what_is_hidden(
    callers: dict[str, Caller], name: str
) -> None:
    caller = callers[name]

    assert number_of_nearly_all_samples(caller, IndexWindow(0)) is None
    assert number_of_nearly_all_submissions(caller, IndexWindow(0)) is None


@pytest.fixture
def few(callers: dict[str, Caller]) -> dict[str, Caller]:
    """Readers of one customer, of another who may look at what was uploaded, and of two customers of different domains."""
    one = callers["one"]
    (held,) = one.scope(Permission.VIEW_SAMPLES).customers
    views = (Permission.VIEW_SAMPLES, Permission.VIEW_SUBMISSION, Permission.VIEW_ANALYSIS)

    def reading(*customers: int, also: tuple[Permission, ...] = ()) -> Caller:
        scopes = dict.fromkeys((*views, *also), Scope(customers=frozenset(customers)))
        return msgspec.structs.replace(one, scopes=scopes)

    return {
        "one": one,
        "analyst": reading(held + 3, also=(Permission.DOWNLOAD_UNRESTRICTED,)),
        "two": reading(held, held + 3),
        "none": reading(),
    }


async def numbers_of_few(db: Connection, caller: Caller, since: int) -> list[int | None]:
    """The numbers of samples and submissions by the tallies of readers."""
    window = IndexWindow(since)
    parts = parts_of(caller, window, ("-sampleCreatedTimestamp",))
    assert parts is not None
    samples = number_of_listed_samples(caller, window, parts.unlisted)
    return [await told(db, number) for number in (samples, number_of_read_submissions(caller, window))]


async def counted_of(db: Connection, caller: Caller, since: int) -> list[int]:
    return [await counted_samples(db, caller, since), await counted_submissions(db, caller, since)]


@pytest.mark.parametrize("name", ["one", "analyst", "none"])
@pytest.mark.parametrize("since", STARTS.values(), ids=STARTS)
async def test_a_reader_of_few_customers_is_told_the_number_that_counting_gives(
    db: Connection, few: dict[str, Caller], name: str, since: int
) -> None:
    found = await numbers_of_few(db, few[name], since)

    assert found == await counted_of(db, few[name], since)


@pytest.mark.parametrize("since", STARTS.values(), ids=STARTS)
async def test_of_samples_that_two_customers_may_share_the_tally_tells_nothing(
    db: Connection, few: dict[str, Caller], since: int
) -> None:
    samples, submissions = await numbers_of_few(db, few["two"], since)

    assert samples is None
    assert submissions == await counted_submissions(db, few["two"], since)


@pytest.mark.parametrize("is_folded", [False, True])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_change_counts_at_once_for_a_reader_of_few_customers(
    db: Connection, few: dict[str, Caller], change: str, *, is_folded: bool
) -> None:
    await db.execute(change.format(id="id % 50 = 3"), NOW)
    if is_folded:
        await fold(db)

    for name in ("one", "analyst"):
        for since in (0, NOW - 30 * DAY, NOW - HOUR):
            assert await numbers_of_few(db, few[name], since) == await counted_of(db, few[name], since)


@pytest.mark.parametrize("is_folded", [False, True])
async def test_what_is_shared_with_a_user_counts_once(
    db: Connection, few: dict[str, Caller], *, is_folded: bool
) -> None:
    for share in SHARE:
        await db.execute(share.format(number=of_subject(few["one"].user.id)))
    if is_folded:
        await fold(db)

    for since in (0, NOW - 7 * DAY):
        samples, submissions = await numbers_of_few(db, few["one"], since)

        counted = await counted_of(db, few["one"], since)
        assert submissions == counted[1]
        # where both lists have rows, only counting tells what they have in common
        assert samples in ({None} if is_folded else {counted[0], None})


def test_of_windows_that_ended_no_tally_of_hidden_or_own_rows_knows_anything(
    few: dict[str, Caller], nearly: Caller
) -> None:
    ended = IndexWindow(0, NOW)

    assert number_of_nearly_all_samples(nearly, ended) is None
    assert number_of_nearly_all_submissions(nearly, ended) is None
    assert number_of_listed_samples(few["one"], ended, []) is None
    assert number_of_read_submissions(few["one"], ended) is None


async def fold(db: Connection) -> None:
    """Fold the tallies of readers, in a transaction, where space cannot be given back."""
    for tally in (LISTED, SHOWN):
        await db.execute(tally.folding)
