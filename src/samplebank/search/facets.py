"""What the newest matches of a sample search are like: how many of each verdict, type and customer, and on which days."""

from collections import Counter
from typing import Final, TypeVar

import msgspec

from samplebank.accounts.access import see_rows
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Page, Sql, one_of
from samplebank.search.sample_listing import SampleListing
from samplebank.timespec import Millis
from samplebank.verdicts.model import word_of

V = TypeVar("V", int, str)
#: matches that are looked at, the newest first
LOOKED_AT: Final = 1_000
#: values of a kind that are told
MOST: Final = 12
#: submissions of a sample whose customers are looked at, the newest first
MOST_SUBMISSIONS: Final = 200
DAY: Final = 24 * 3600 * 1000


class Facets(msgspec.Struct, frozen=True):
    """Numbers among `looked_at` matches, the most frequent values first. `days` are (start of the day in UTC, number).

    A match counts for each customer that has submitted the sample, as far as the caller may see the submissions. `customers` are
    all of these: some may not be named to the caller.
    """

    looked_at: int
    verdicts: list[tuple[str, int]]
    types: list[tuple[str, int]]
    customers: list[tuple[int, int]]
    days: list[tuple[Millis, int]]


async def facets_of(db: Connection, caller: Caller, listing: SampleListing, malicious_score: int) -> Facets:
    """Look at the newest matches: of a search first for their ids, then at their rows, else by one statement."""
    among = listing.among(Page(LOOKED_AT))
    if among is None:
        among = one_of("s.id", "bigint", await listing.ids(db, Page(LOOKED_AT)))
    rows = await _rows(caller, among).rows(db)
    customers: Counter[int] = Counter(customer for row in rows for customer in row[3])
    return Facets(
        looked_at=len(rows),
        verdicts=_most(Counter(_word(row[1], row[2], malicious_score) for row in rows)),
        types=_most(Counter(row[0] for row in rows if row[0] is not None)),
        customers=_in_order(customers),
        days=sorted(Counter(row[4] - row[4] % DAY for row in rows).items()),
    )


def _rows(caller: Caller, among: Sql) -> Sql:
    """The type, the verdict, the customers of the newest visible submissions, and the time of each sample."""
    return Sql(
        """
        SELECT c.type, v.score, v.status_override,
               ARRAY(SELECT DISTINCT n.customer_id FROM (
                   SELECT u.customer_id FROM submission u WHERE u.sample_id = s.id AND {}
                    ORDER BY u.submitted_time DESC LIMIT {}
               ) n),
               s.created_time
          FROM sample s LEFT JOIN classification c ON c.id = s.classification_id LEFT JOIN verdict v ON v.id = s.verdict_id
         WHERE {}
        """,
        see_rows(caller, "u", Permission.VIEW_SUBMISSION, Permission.VIEW_SAMPLES),
        MOST_SUBMISSIONS,
        among,
    )


def _word(score: int | None, override: str | None, malicious_score: int) -> str:
    return "unknown" if score is None else word_of(score, override, malicious_score)


def _most(counted: Counter[V]) -> list[tuple[V, int]]:
    return _in_order(counted)[:MOST]


def _in_order(counted: Counter[V]) -> list[tuple[V, int]]:
    """The most frequent values first. Equally frequent ones stand in their own order: the order of rows would tell of rows of others."""
    return sorted(counted.items(), key=lambda one: (-one[1], one[0]))
