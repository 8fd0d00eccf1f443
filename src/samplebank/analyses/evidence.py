"""Evidence: files that back an analysis, seen only with the analysis. The bytes come before the row, as with samples.

Equal files are stored once. To keep or to remove the bytes of a file takes the lock of the file's name, so that a removal
cannot come between the bytes and the row of an upload.
"""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

import msgspec

from samplebank.accounts.access import see_rows, sees_internal
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.blobs import Area, Blob, Blobs, Staged
from samplebank.database import Columns, Connection, Sql, Statement, all_of, any_of, new_id
from samplebank.database.identifiers import find_id
from samplebank.database.listing import Listing
from samplebank.errors import NotFound
from samplebank.installation import removals
from samplebank.samples.model import Sample
from samplebank.timespec import Millis

LOCK_ANALYSIS = "SELECT id FROM analysis WHERE id = $1 FOR NO KEY UPDATE"
#: the first of the two numbers of an advisory lock says what is locked
LOCKS = 0x5A4B_0005
LOCK_NAME_SHARED = "SELECT pg_advisory_xact_lock_shared($1::int, $2::int)"
LOCK_NAME = "SELECT pg_advisory_xact_lock($1::int, $2::int)"
ADD = Statement("""
    WITH added AS (
        INSERT INTO evidence (id, analysis_id, file_name, mime_type, sha256, internal, potentially_malicious, user_id,
                              size, created_time, blob_token)
        VALUES (:id, :analysis_id::uuid, :file_name, :mime_type, :sha256, :internal, :potentially_malicious, :user_id,
                :size, :created_time::bigint, :blob_token)
        RETURNING id
    )
    INSERT INTO outbox (sample_id, kind, payload, created_time)
    SELECT a.sample_id, 'evidence', jsonb_build_object('evidenceID', added.id, 'analysisID', a.id), :created_time
      FROM added, analysis a WHERE a.id = :analysis_id
""")
#: A move of the store gives equal evidence the same object. A folder has no objects, whatever tokens the rows have.
IS_USED = Statement("""
    SELECT EXISTS (SELECT FROM evidence
                    WHERE sha256 = :sha256 AND (NOT :has_tokens::boolean OR blob_token = :token::bytea))
""")
#: milliseconds in which a repeated upload answers the evidence stored already; a client repeats within seconds
REPEATED = 600_000
NO_ANALYSIS = "There is no analysis with this id of a sample that you may see."
NO_EVIDENCE = "There is no evidence with this id of an analysis that you may see."


class AnalysisOfCustomer(NamedTuple):
    id: UUID
    customer_id: int


class NewEvidence(msgspec.Struct, frozen=True):
    """The description of an upload, checked."""

    file_name: str
    mime_type: str
    internal: bool
    potentially_malicious: bool


class Evidence(msgspec.Struct, frozen=True):
    id: UUID
    file_name: str
    mime_type: str
    size: int
    sha256: bytes
    internal: bool
    potentially_malicious: bool
    user_id: int
    created_time: Millis

    @property
    def flags(self) -> list[str]:
        flags = ["internal"] if self.internal else []
        return [*flags, "potentiallyMalicious"] if self.potentially_malicious else flags


class SomeEvidence(msgspec.Struct, frozen=True):
    """Evidence of an analysis, of `number` in all."""

    files: list[Evidence]
    number: int

    @property
    def more(self) -> int:
        return self.number - len(self.files)


COLUMNS = Columns.of(Evidence, "e")
FIND_OF_SEVERAL = f"""
    SELECT e.analysis_id, e.number, {COLUMNS.sql}
      FROM (SELECT e.*, row_number() OVER (PARTITION BY e.analysis_id ORDER BY e.created_time, e.id) AS place,
                   count(*) OVER (PARTITION BY e.analysis_id) AS number
              FROM evidence e WHERE {{}}) e
     WHERE e.place <= {{}} ORDER BY e.analysis_id, e.place
"""
FIND_SAME = Statement(f"""
    SELECT {COLUMNS.sql} FROM evidence e
     WHERE e.analysis_id = :analysis_id AND e.file_name = :file_name AND e.mime_type = :mime_type AND e.sha256 = :sha256
       AND e.internal = :internal AND e.potentially_malicious = :potentially_malicious AND e.user_id = :user_id
       AND e.created_time > :since
     ORDER BY e.created_time LIMIT 1
""")


async def get_visible_owner(
    db: Connection, caller: Caller, sample: Sample, reference: str, *permissions: Permission
) -> AnalysisOfCustomer:
    """Get an analysis that the caller may see, for the evidence of the analysis. Raises `NotFound`."""
    row = await Sql(
        "SELECT a.id, a.customer_id FROM analysis a WHERE a.sample_id = {} AND a.id = {} AND ({})",
        sample.id,
        find_id(reference),
        see_rows(caller, "a", *permissions),
    ).row(db)
    if row is None:
        raise NotFound(NO_ANALYSIS)
    return AnalysisOfCustomer(**row)


async def add(
    db: Connection, analysis_id: UUID, staged: Staged, new: NewEvidence, *, user_id: int, now: Millis
) -> tuple[Evidence, bool]:
    """Add the staged bytes to an analysis: (the evidence, whether the evidence is new, and the upload not repeated)."""
    if await db.fetchval(LOCK_ANALYSIS, analysis_id) is None:
        raise NotFound(NO_ANALYSIS)
    sha256, size = staged.digests.sha256, staged.digests.size
    said = {"sha256": sha256, "user_id": user_id, **msgspec.structs.asdict(new)}
    same = await FIND_SAME.row(db, analysis_id=analysis_id, since=now - REPEATED, **said)
    if same is not None:
        return COLUMNS.read(same), False
    made = Evidence(id=new_id(), size=size, created_time=now, **said)
    token = staged.digests.blob_token
    await ADD.run(db, analysis_id=analysis_id, blob_token=token, **msgspec.structs.asdict(made))
    await db.execute(LOCK_NAME_SHARED, LOCKS, lock_number(sha256))
    await staged.keep()
    return made, True


def lock_number(sha256: bytes) -> int:
    """Tell the number that stands for the name of some bytes among the locks. Two names may share a number."""
    return int.from_bytes(sha256[:4], "big", signed=True)


def evidence_of(analysis: AnalysisOfCustomer, caller: Caller) -> Listing[Evidence]:
    """List the evidence of an analysis that is for the caller, oldest first."""
    where = _of(analysis, caller)
    return Listing(COLUMNS, "evidence e", where, "ORDER BY e.created_time, e.id")


def _of(analysis: AnalysisOfCustomer, caller: Caller) -> Sql:
    shown = [] if sees_internal(caller, analysis.customer_id) else [Sql("NOT e.internal")]
    return all_of([Sql("e.analysis_id = {}", analysis.id), *shown])


async def get_evidence(
    db: Connection, analysis: AnalysisOfCustomer, caller: Caller, reference: str
) -> Evidence:
    """Get evidence of the analysis that is for the caller. Raises `NotFound`."""
    where = all_of([_of(analysis, caller), Sql("e.id = {}", find_id(reference))])
    row = await Sql(f"SELECT {COLUMNS.sql} FROM evidence e WHERE {{}}", where).row(db)
    if row is None:
        raise NotFound(NO_EVIDENCE)
    return COLUMNS.read(row)


async def evidence_of_several(
    db: Connection, caller: Caller, analyses: Iterable[AnalysisOfCustomer], most: int
) -> dict[UUID, SomeEvidence]:
    """Find the evidence of several analyses that is for the caller, oldest first, `most` of each analysis."""
    of_analyses = [_of(analysis, caller) for analysis in analyses]
    found: dict[UUID, SomeEvidence] = {}
    for id_, number, *columns in await Sql(FIND_OF_SEVERAL, any_of(of_analyses), most).rows(db):
        found.setdefault(id_, SomeEvidence([], number)).files.append(COLUMNS.read(columns))
    return found


async def remove_unused(db: Connection, blobs: Blobs, blob: Blob) -> bool:
    """Remove bytes that no evidence has. Whether the bytes were removed. Uploads wait until the transaction ends."""
    await db.execute(LOCK_NAME, LOCKS, lock_number(blob.sha256))
    if await IS_USED.value(db, sha256=blob.sha256, token=blob.token, has_tokens=blobs.has_tokens):
        return False
    await removals.remove(db, blobs, Area.EVIDENCE, blob)
    return True
