"""Static facts: what is true of a sample for ever. A key is said once; saying the same again changes nothing."""

from collections.abc import Sequence

import msgspec

from samplebank.database import Connection, Where, new_id, order_by
from samplebank.database.listing import Listing
from samplebank.errors import invalid
from samplebank.samples import catalogue
from samplebank.samples.model import Sample, StaticFact
from samplebank.timespec import Millis

COLUMNS = "f.id, s.sha256, f.key, f.value, f.agent_name, f.agent_version, f.user_id, f.created_time"
FROM = "static_fact f JOIN sample s ON s.id = f.sample_id"
SORTS = {"key": "f.key", "createdTimestamp": "f.created_time"}
FIND = f"SELECT {COLUMNS} FROM {FROM} WHERE f.sample_id = $1 AND f.key = $2"
ADD = """
    INSERT INTO static_fact (id, sample_id, key, value, agent_name, agent_version, user_id, created_time)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (sample_id, key) DO NOTHING
    RETURNING id
"""


class NewFact(msgspec.Struct, frozen=True):
    """A fact as it is said, checked."""

    key: str
    value: str
    agent_name: str
    agent_version: str


async def add(
    db: Connection, sha256: bytes, new: NewFact, *, user_id: int, now: Millis
) -> tuple[StaticFact, bool]:
    """Add a fact: (the fact, whether it is new). Raises `Invalid` when the key has another value already."""
    sample = await catalogue.get_stored(db, sha256)
    added = await db.fetchval(
        ADD, new_id(), sample.id, new.key, new.value, new.agent_name, new.agent_version, user_id, now
    )
    row = await db.fetchrow(FIND, sample.id, new.key)
    fact = StaticFact(*row)  # type: ignore[misc]  # it is there: the sample is locked against deletion
    if fact.value != new.value:
        raise invalid(
            "key", f"The sample has the fact {new.key!r} already, with another value; facts do not change."
        )
    if added is not None:
        await catalogue.note_activity(db, sample, now=now)
    return fact, added is not None


def facts_of(sample: Sample, keys: Sequence[str] | None, sort: Sequence[str]) -> Listing[StaticFact]:
    """List the facts of a sample; with `keys`, only those."""
    where = Where()
    where.add("f.sample_id = {}", sample.id)
    if keys is not None:
        where.add("f.key = ANY({}::text[])", list(keys))
    return Listing(COLUMNS, FROM, where, order_by(sort, SORTS, "f.id"), StaticFact)
