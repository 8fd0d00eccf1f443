"""Reading hunts and their hits. A hunt is seen by who asked, and by who sees the jobs of its customer.

A hit is seen by who sees the hunt and may download the sample: a hit shows bytes of the sample.
"""

from typing import NamedTuple
from uuid import UUID

import msgspec

from samplebank.accounts.access import see_customers, see_samples
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Columns, Connection, Sql, all_of, any_of, one_of
from samplebank.database.identifiers import find_id
from samplebank.database.listing import Listing
from samplebank.errors import NotFound
from samplebank.hunts.model import NO_HUNT, Hunt
from samplebank.hunts.opening import NEEDED
from samplebank.timespec import Millis

COLUMNS = Columns.of(Hunt, "h")
NEWEST_FIRST = "ORDER BY h.created_time DESC, h.id DESC"


class HitRow(msgspec.Struct, frozen=True):
    """A sample that rules of a hunt matched. `matches` are in the order of their scores, the highest first."""

    sha256: bytes
    size: int
    type: str | None
    matches: list[dict[str, object]]
    found_time: Millis


class VisibleHits(NamedTuple):
    """The number of the hits that somebody sees, and the time of the first among these."""

    number: int
    first_time: Millis | None


NO_HITS = VisibleHits(0, None)
HITS = Columns(
    HitRow, sha256="s.sha256", size="s.size", type="c.type", matches="x.matches", found_time="x.created_time"
)
OF_HITS = """
    hunt_hit x JOIN sample s ON s.id = x.sample_id LEFT JOIN classification c ON c.id = s.classification_id
"""


def hunts_matching(caller: Caller, states: list[str] | None) -> Listing[Hunt]:
    """List the hunts that the caller may see, newest first."""
    given = [] if states is None else [one_of("h.state", "text", states)]
    return Listing(COLUMNS, "hunt h", all_of([see_hunts(caller), *given]), NEWEST_FIRST)


def hits_of(caller: Caller, hunt: UUID) -> Listing[HitRow]:
    """List the hits of a hunt that the caller may see, the newest samples first."""
    where = all_of(
        [Sql("x.hunt_id = {}", hunt), Sql("s.deleted_time IS NULL"), see_samples(caller, "s", *NEEDED)]
    )
    return Listing(HITS, OF_HITS, where, "ORDER BY x.batch, x.place")


async def visible_among(db: Connection, caller: Caller, ids: list[UUID]) -> list[UUID]:
    """Find the hunts, of those with these ids, that the caller may see."""
    where = all_of([one_of("h.id", "uuid", ids), see_hunts(caller)])
    return [row[0] for row in await Sql("SELECT h.id FROM hunt h WHERE {}", where).rows(db)]


async def get_visible(db: Connection, caller: Caller, reference: str) -> Hunt:
    """Get a hunt that the caller may see. Raises `NotFound`."""
    id_ = find_id(reference)
    row = id_ and await Sql(
        f"SELECT {COLUMNS.sql} FROM hunt h WHERE h.id = {{}} AND {{}}", id_, see_hunts(caller)
    ).row(db)
    if not row:
        raise NotFound(NO_HUNT)
    return COLUMNS.read(row)


async def look_at_hits(db: Connection, caller: Caller, hunt: Hunt) -> VisibleHits:
    """Look at the hits that the caller may see: `MOST_HITS` at most."""
    if not hunt.hits:
        return NO_HITS
    listing = hits_of(caller, hunt.id)
    query = Sql("SELECT count(*), min(x.created_time) FROM {} WHERE {}", listing.source, listing.where)
    return VisibleHits(*await query.row(db))


def may_cancel(caller: Caller, hunt: Hunt) -> bool:
    """Whether the caller may cancel a hunt: an own hunt, or as somebody who may hunt for the customer."""
    return hunt.user_id == caller.user.id or caller.may(Permission.REANALYSE, hunt.customer_id)


def see_hunts(caller: Caller) -> Sql:
    own = Sql("h.user_id = {}", caller.user.id)
    return any_of([see_customers(caller, "h.customer_id", Permission.VIEW_JOBS), own])
