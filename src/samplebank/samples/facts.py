"""Static facts: true of a sample for ever. A key has one value; adding the same fact again changes nothing."""

from collections.abc import Sequence

import msgspec

from samplebank.database import Columns, Connection, Sql, Statement, all_of, new_id, one_of, order_by
from samplebank.database.listing import Listing
from samplebank.errors import invalid
from samplebank.samples import catalogue
from samplebank.samples.model import Sample, StaticFact
from samplebank.timespec import Millis

COLUMNS = Columns.of(StaticFact, "f", sha256="s.sha256")
FROM = "static_fact f JOIN sample s ON s.id = f.sample_id"
SORTS = {"key": "f.key", "createdTimestamp": "f.created_time"}
FIND = Statement(f"SELECT {COLUMNS.sql} FROM {FROM} WHERE f.sample_id = :sample_id AND f.key = :key")
ADD = Statement("""
    INSERT INTO static_fact (id, sample_id, key, value, agent_name, agent_version, user_id, created_time)
    VALUES (:id, :sample_id, :key, :value, :agent_name, :agent_version, :user_id, :now)
    ON CONFLICT (sample_id, key) DO NOTHING
    RETURNING id
""")


class NewFact(msgspec.Struct, frozen=True):
    """A fact as requested, checked."""

    key: str
    value: str
    agent_name: str
    agent_version: str


async def add(
    db: Connection, sha256: bytes, new: NewFact, *, user_id: int, now: Millis
) -> tuple[StaticFact, bool]:
    """Add a fact: (the fact, whether the fact is new). Raises `Invalid` when the key has another value already."""
    sample = await catalogue.get_stored(db, sha256)
    added = await ADD.value(
        db, id=new_id(), sample_id=sample.id, user_id=user_id, now=now, **msgspec.structs.asdict(new)
    )
    # None is impossible: the sample is locked against deletion, and so the fact is there
    fact = COLUMNS.read(await FIND.row(db, sample_id=sample.id, key=new.key))
    if fact.value != new.value:
        raise invalid(
            "key", f"The sample has the fact {new.key!r} already, with another value; facts do not change."
        )
    if added is not None:
        await catalogue.note_activity(db, sample, now=now)
    return fact, added is not None


def facts_of(sample: Sample, keys: Sequence[str] | None, sort: Sequence[str]) -> Listing[StaticFact]:
    """List the facts of a sample; with `keys`, only the facts with one of the keys."""
    named = [] if keys is None else [one_of("f.key", "text", keys)]
    where = all_of([Sql("f.sample_id = {}", sample.id), *named])
    return Listing(COLUMNS, FROM, where, order_by(sort, SORTS, "f.id"), number=where.count("static_fact f"))
