"""Links: directed relations from a sample to another, named by SHA-256. The other sample need not be stored."""

from typing import NamedTuple
from uuid import UUID

import msgspec

from samplebank.accounts.access import see_rows, see_samples
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Columns, Connection, Sql, Statement, all_of, new_id
from samplebank.database.identifiers import find_id
from samplebank.database.listing import Listing
from samplebank.errors import NotFound
from samplebank.samples import catalogue
from samplebank.samples.model import Sample
from samplebank.timespec import Millis

FROM = "link l JOIN sample s ON s.id = l.sample_id"
ADDED = """
    WITH added AS (
        INSERT INTO link (id, sample_id, reference, type, customer_id, user_id, tlp, acl, agent_name, agent_version,
                          readers, created_time)
        SELECT :id::uuid, :sample_id::bigint, :reference::bytea, :type::text, :customer_id::bigint, :user_id::bigint,
               :tlp::text, :acl::bigint[], :agent_name::text, :agent_version::text, :readers::bigint[], :now::bigint
         {condition}
        RETURNING id
    )
    INSERT INTO outbox (sample_id, kind, payload, created_time)
    SELECT :sample_id, 'link', jsonb_build_object('linkID', id), :now FROM added
"""
ADD = Statement(ADDED.format(condition=""))
#: nothing is added beside a link that says the same to the same readers; the sample is locked
SAME = """
    WHERE NOT EXISTS (SELECT FROM link
                       WHERE sample_id = :sample_id AND reference = :reference AND type = :type
                         AND customer_id = :customer_id AND agent_name = :agent_name AND readers @> :readers)
"""
ADD_ONCE = Statement(ADDED.format(condition=SAME))
COUNT = "SELECT l.type, count(*) FROM link l WHERE {} GROUP BY l.type ORDER BY l.type"
NO_LINK = "There is no link with this id of a sample that you may see."


class NewLink(msgspec.Struct, frozen=True):
    """A link as requested, checked."""

    reference: bytes
    type: str
    customer_id: int
    tlp: str
    acl: list[int]
    readers: list[int]
    agent_name: str
    agent_version: str


class Link(msgspec.Struct, frozen=True):
    """A stored link, from the sample `sha256` to `reference`."""

    id: UUID
    sha256: bytes
    reference: bytes
    type: str
    customer_id: int
    user_id: int
    tlp: str
    acl: list[int]
    agent_name: str
    agent_version: str
    created_time: Millis


class Naming(NamedTuple):
    """A link of another sample, told by the digest of the other sample."""

    sha256: str
    type: str
    created_time: Millis


COLUMNS = Columns.of(Link, "l", sha256="s.sha256")
FIND = Statement(f"SELECT {COLUMNS.sql} FROM {FROM} WHERE l.id = :id")


async def add(db: Connection, sha256: bytes, new: NewLink, *, user_id: int, now: Millis) -> UUID:
    """Add a link to a sample that is not deleted; answers the id of the link."""
    sample = await catalogue.get_stored(db, sha256)
    id_ = new_id()
    await ADD.run(db, id=id_, sample_id=sample.id, user_id=user_id, now=now, **msgspec.structs.asdict(new))
    await catalogue.note_activity(db, sample, now=now)
    return id_


async def add_once(db: Connection, sample_id: int, new: NewLink, *, user_id: int, now: Millis) -> None:
    """Add a link to a sample that the caller has locked, unless there is the same link for the same readers."""
    values = msgspec.structs.asdict(new)
    await ADD_ONCE.run(db, id=new_id(), sample_id=sample_id, user_id=user_id, now=now, **values)


def links_of(caller: Caller, sample: Sample) -> Listing[Link]:
    """List the links of the sample that the caller may see, newest first."""
    where = _visible(caller, sample)
    order = "ORDER BY l.created_time DESC, l.id DESC"
    return Listing(COLUMNS, FROM, where, order, counted="link l")


def links_to(caller: Caller, most: int) -> Sql:
    """An expression for the newest `most` links of other samples to the sample `s`: one list of `Naming`, or NULL.

    Only links that the caller may see count, of samples that the caller may see.
    """
    return Sql(
        """
        (SELECT jsonb_agg(jsonb_build_array(encode(sha256, 'hex'), type, created_time) ORDER BY created_time DESC, id DESC)
           FROM (SELECT o.sha256, l.type, l.created_time, l.id FROM link l JOIN sample o ON o.id = l.sample_id
                  WHERE l.reference = s.sha256 AND o.deleted_time IS NULL AND {} AND {}
                  ORDER BY l.created_time DESC, l.id DESC LIMIT {}) naming)
        """,
        see_rows(caller, "l", Permission.VIEW_ANALYSIS),
        see_samples(caller, "o", Permission.VIEW_SAMPLES),
        most,
    )


async def get_visible_link(db: Connection, caller: Caller, sample: Sample, reference: str) -> Link:
    """Get a link of the sample that the caller may see. Raises `NotFound`."""
    where = all_of([_visible(caller, sample), Sql("l.id = {}", find_id(reference))])
    row = await Sql(f"SELECT {COLUMNS.sql} FROM {FROM} WHERE {{}}", where).row(db)
    if row is None:
        raise NotFound(NO_LINK)
    return COLUMNS.read(row)


async def get_link(db: Connection, id_: UUID) -> Link:
    """Get a link, no matter who asks. Raises `NotFound`."""
    row = await FIND.row(db, id=id_)
    if row is None:
        raise NotFound(NO_LINK)
    return COLUMNS.read(row)


def numbers_by_type(caller: Caller) -> Sql:
    """An expression for the types of links of the sample `s`, each with the number that the caller may see: one list, or NULL."""
    return Sql(
        "(SELECT jsonb_agg(jsonb_build_array(type, number) ORDER BY type) FROM ({}) counted (type, number))",
        Sql(COUNT, all_of([Sql("l.sample_id = s.id"), see_rows(caller, "l", Permission.VIEW_ANALYSIS)])),
    )


async def count_by_type(db: Connection, caller: Caller, sample: Sample) -> list[tuple[str, int]]:
    """Count the links that the caller may see, by type."""
    return [(row[0], row[1]) for row in await Sql(COUNT, _visible(caller, sample)).rows(db)]


def _visible(caller: Caller, sample: Sample) -> Sql:
    return all_of([Sql("l.sample_id = {}", sample.id), see_rows(caller, "l", Permission.VIEW_ANALYSIS)])
