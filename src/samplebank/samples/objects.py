"""The objects that hold the bytes of samples and evidence, where the blob store is one of objects: rows name the objects."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

from samplebank.blobs import Area, Blob, Blobs, Digests, Staged
from samplebank.database import Columns, Connection, Database, Statement
from samplebank.database.shared_statements import SharedStatements

FIND = {
    Area.SAMPLE: Statement("""
        SELECT sha256, blob_token FROM sample
         WHERE sha256 = ANY (:sha256s::bytea[]) AND deleted_time IS NULL AND blob_token IS NOT NULL
    """),
    Area.EVIDENCE: Statement("""
        SELECT sha256, blob_token FROM evidence WHERE sha256 = ANY (:sha256s::bytea[]) AND blob_token IS NOT NULL
    """),
}
BLOB = Columns(Blob, sha256="sha256", token="blob_token")  # noqa: S106 a column, no password
#: one row for each file, though several rows of evidence may have equal bytes
BETWEEN = {
    Area.SAMPLE: Statement(f"""
        SELECT {BLOB.sql} FROM sample
         WHERE sha256 >= :first::bytea AND (:end::bytea IS NULL OR sha256 < :end) AND deleted_time IS NULL
    """),
    Area.EVIDENCE: Statement(f"""
        SELECT DISTINCT {BLOB.sql} FROM evidence
         WHERE sha256 >= :first::bytea AND (:end::bytea IS NULL OR sha256 < :end)
    """),
}
#: which samples have a row, and the object of each
KNOWN = Statement("""
    SELECT sha256, blob_token FROM sample WHERE sha256 = ANY (:sha256s::bytea[]) AND deleted_time IS NULL
""")
#: rows of a folder name no objects; a move into a bucket names them
ADOPT = {
    Area.SAMPLE: Statement("""
        UPDATE sample SET blob_token = :token::bytea
         WHERE sha256 = :sha256 AND deleted_time IS NULL AND blob_token IS NULL
    """),
    Area.EVIDENCE: Statement(
        "UPDATE evidence SET blob_token = :token::bytea WHERE sha256 = :sha256 AND blob_token IS NULL"
    ),
}
Connecting = Callable[[], AbstractAsyncContextManager[Connection]]


class RowTokens:
    """The tokens of the rows of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, area: Area, sha256s: Sequence[bytes]) -> dict[bytes, bytes]:
        async with self._database.connection() as db:
            return {row[0]: row[1] for row in await FIND[area].rows(db, sha256s=list(sha256s))}


async def blobs_between(db: Connection, area: Area, first: bytes, end: bytes | None) -> list[Blob]:
    """The bytes that rows name, with names from `first` on and before `end`. Without an `end`, all names from `first` on."""
    return [BLOB.read(row) for row in await BETWEEN[area].rows(db, first=first, end=end)]


class Look(NamedTuple):
    """A look for the row of a sample."""

    sha256: bytes

    @property
    def name(self) -> bytes:
        return self.sha256

    @property
    def marks(self) -> frozenset[object]:
        return frozenset()


async def find_known(db: Connection, looks: Sequence[Look]) -> dict[bytes, tuple[bytes | None]]:
    """The token of each sample that has a row, by digest."""
    rows = await KNOWN.rows(db, sha256s=[look.sha256 for look in looks])
    return {row[0]: (row[1],) for row in rows}


async def keep_sample(
    connect: Connecting, looking: SharedStatements[Look, tuple[bytes | None]], blobs: Blobs, staged: Staged
) -> Digests:
    """Keep staged bytes as those of a sample, in the object of the sample's row if there is a row. Repairs the object.

    No connection is held while the bytes go to the store.
    """
    if not blobs.has_tokens:
        await staged.keep()
        return staged.digests
    known = await looking.run(Look(staged.digests.sha256))
    await staged.keep(None if known is None else known[0])
    if known is not None and known[0] is None:
        async with connect() as db:
            await adopt(db, Area.SAMPLE, staged.digests)
    return staged.digests


async def adopt(db: Connection, area: Area, digests: Digests) -> None:
    """Name the object in rows that name no object."""
    await ADOPT[area].run(db, sha256=digests.sha256, token=digests.blob_token)
