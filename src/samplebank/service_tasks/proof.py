"""The look after a deletion: whether anything of the sample is left, in rows, columns of searches, and stored bytes."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from samplebank.blobs import Area, Blobs
from samplebank.database import Connection, Statement

#: every column that names a sample, by table, in rows that have to go with the sample
TRACES: Mapping[str, tuple[str, ...]] = {
    "submission": ("sample_id",),
    "job": ("sample_id",),
    "job_task": ("sample_id",),
    "analysis": ("sample_id",),
    "verdict": ("sample_id",),
    "classification": ("sample_id",),
    "link": ("sample_id",),
    "sample_note": ("sample_id",),
    "static_fact": ("sample_id",),
    "derived_fact": ("sample_id",),
    "tlsh": ("sample_id",),
    "challenge": ("sample_id",),
    "challenge_range": ("sample_id",),
    "untyped_plan": ("sample_id",),
    "hunt_hit": ("sample_id",),
    "extraction": ("sample_id",),
    "extracted": ("sample_id", "parent_id"),
}
#: tables with other rows about samples: the record of the deletion as searches find it, the feed, and lists of work
STAYING = frozenset({
    "sample_late", "sample_returned", "sample_reader", "outbox", "delivery", "classification_lease", "reanalysis_wanted",
})  # fmt: skip
LEFT = ", ".join(
    "(SELECT count(*) FROM {table} WHERE {condition}) AS {table}".format(
        table=table, condition=" OR ".join(f"{column} = :sample_id" for column in columns)
    )
    for table, columns in TRACES.items()
)
# The columns of searches: digests, type and verdict in the row of the sample, and the values that samples share.
LOOK = Statement(f"""
    SELECT {LEFT},
           (SELECT count(*) FROM derived_value WHERE digest = ANY (:digests::uuid[]) AND sample_id = :sample_id) AS derived_value,
           (SELECT count(*) FROM sample
             WHERE id = :sample_id AND (deleted_time IS NULL OR num_nonnulls(md5, sha1, sha512, classification_id, verdict_id) > 0)
           ) AS sample
""")
DIGESTS = Statement("SELECT digest FROM derived_fact, unnest(digests) digest WHERE sample_id = :sample_id")


class Proof(msgspec.Struct, frozen=True, rename="camel"):
    """What a look found: rows by table, 0 of each when all is gone, and whether the store has bytes under the name."""

    rows: dict[str, int]
    bytes_stored: bool

    @property
    def is_clean(self) -> bool:
        return not self.bytes_stored and not any(self.rows.values())


async def digests_of(db: Connection, sample_id: int) -> Sequence[UUID]:
    """The digests under which searches for values in common find the sample."""
    return [row[0] for row in await DIGESTS.rows(db, sample_id=sample_id)]


async def look(db: Connection, blobs: Blobs, sample_id: int, sha256: bytes, digests: Sequence[str]) -> Proof:
    """Look for whatever is left of a sample. The row of the sample has to be locked, so that no bytes come meanwhile."""
    row = await LOOK.row(db, sample_id=sample_id, digests=[UUID(digest) for digest in digests])
    assert row is not None  # noqa: S101 for the type checker: the query always answers a row
    return Proof(dict(row.items()), await blobs.holds(Area.SAMPLE, sha256))
