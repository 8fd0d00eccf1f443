"""Notes: what people tell each other about a sample. A note has readers, as analyses and links have."""

from uuid import UUID

import msgspec

from samplebank.accounts.access import see_rows, sees_row
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Columns, Connection, Sql, Statement, all_of, new_id
from samplebank.database.identifiers import find_id
from samplebank.database.listing import Listing
from samplebank.errors import Forbidden, NotFound
from samplebank.samples import catalogue
from samplebank.samples.model import Sample
from samplebank.timespec import Millis

FROM = "sample_note n JOIN sample s ON s.id = n.sample_id"
ADD = Statement("""
    INSERT INTO sample_note (id, sample_id, text, customer_id, user_id, tlp, acl, readers, created_time)
    VALUES (:id, :sample_id, :text, :customer_id, :user_id, :tlp, :acl, :readers, :now)
""")
WITHDRAW = Statement("""
    UPDATE sample_note SET text = '', withdrawn_time = coalesce(withdrawn_time, :now) WHERE id = :id
""")
NO_NOTE = "There is no note with this id of a sample that you may see."


class NewNote(msgspec.Struct, frozen=True):
    """A note as requested, checked."""

    text: str
    customer_id: int
    tlp: str
    acl: list[int]
    readers: list[int]


class Note(msgspec.Struct, frozen=True):
    """A stored note. A withdrawn note has no text any more."""

    id: UUID
    sha256: bytes
    text: str
    customer_id: int
    user_id: int
    tlp: str
    acl: list[int]
    created_time: Millis
    withdrawn_time: Millis | None


COLUMNS = Columns.of(Note, "n", sha256="s.sha256")
FIND = Statement(f"SELECT {COLUMNS.sql} FROM {FROM} WHERE n.id = :id")


async def add(db: Connection, sha256: bytes, new: NewNote, *, user_id: int, now: Millis) -> Note:
    """Add a note to a sample that is not deleted."""
    # The activity of the sample stays: the index window of searches would tell others that somebody wrote.
    sample = await catalogue.get_stored(db, sha256)
    id_ = new_id()
    await ADD.run(db, id=id_, sample_id=sample.id, user_id=user_id, now=now, **msgspec.structs.asdict(new))
    return COLUMNS.read(await FIND.row(db, id=id_))


def notes_of(caller: Caller, sample: Sample) -> Listing[Note]:
    """List the notes on the sample that the caller may see, newest first."""
    of_sample = Sql("n.sample_id = {} AND n.withdrawn_time IS NULL", sample.id)
    where = all_of([of_sample, see_rows(caller, "n", Permission.VIEW_ANALYSIS)])
    order = "ORDER BY n.created_time DESC, n.id DESC"
    return Listing(COLUMNS, FROM, where, order, counted="sample_note n")


async def withdraw(db: Connection, caller: Caller, sample: Sample, reference: str, *, now: Millis) -> Note:
    """Withdraw a note of the caller's own; to repeat changes nothing. Raises `NotFound`, and `Forbidden` to others."""
    where = all_of(
        [
            Sql("n.sample_id = {} AND n.id = {}", sample.id, find_id(reference)),
            Sql("(n.withdrawn_time IS NULL OR n.user_id = {})", caller.user.id),
            sees_row(caller, "n", Permission.VIEW_ANALYSIS),
        ]
    )
    row = await Sql(f"SELECT {COLUMNS.sql} FROM {FROM} WHERE {{}} FOR UPDATE OF n", where).row(db)
    if row is None:
        raise NotFound(NO_NOTE)
    note = COLUMNS.read(row)
    if note.user_id != caller.user.id:
        raise Forbidden("Only the author of a note may withdraw the note.")
    await WITHDRAW.run(db, id=note.id, now=now)
    return COLUMNS.read(await FIND.row(db, id=note.id))
