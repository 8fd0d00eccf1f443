"""The samples that wait for their type, and who is busy with them. Any number of classifiers take from the queue."""

from collections.abc import Sequence
from typing import NamedTuple

from samplebank.database import Connection, Statement, new_id
from samplebank.samples.model import Classification
from samplebank.timespec import Millis

# Two classifiers that look at the same moment would find the same samples. The lock lets one look after the other.
LOCK = "SELECT pg_advisory_xact_lock($1)"
QUEUE = 0x5A4B_0005
#: samples that somebody waits for that are looked at from each end
MOST_LOOKED_AT = 1_000
#: customers with waiting samples that take turns
MOST_CUSTOMERS = 10_000
FREE = "NOT EXISTS (SELECT FROM classification_lease l WHERE l.sample_id = s.id AND l.until > :now)"
# The oldest and the newest of the samples that somebody waits for are looked at, however many there are.
OF_URGENT = f"""
    SELECT id, sha256, uploader, row_number() OVER (PARTITION BY uploader ORDER BY id {{order}}) AS turn FROM (
        SELECT s.id, s.sha256, coalesce(s.readers[1], 0) AS uploader FROM sample s
         WHERE s.classification_wanted AND s.classification_urgent AND s.deleted_time IS NULL AND {FREE}
         ORDER BY s.id {{order}} LIMIT {MOST_LOOKED_AT}
    ) urgent
"""
# Of customers with equal turns, chance says who comes first: else a few customers with old samples could always be the first.
URGENT = f"""
    SELECT id, sha256, uploader FROM (
        SELECT id, sha256, uploader, 2 * turn AS turn FROM ({OF_URGENT.format(order="ASC")}) oldest
        UNION ALL
        SELECT id, sha256, uploader, 2 * turn + 1 FROM ({OF_URGENT.format(order="DESC")}) newest
    ) each GROUP BY id, sha256, uploader ORDER BY min(turn), random() LIMIT :most
"""
# The customers of uploaders share the samples taken at once, so that no customer waits for the flood of another. Of each
# customer the oldest and the newest samples take turns, so that a file behind the customer's own flood need not wait for
# the whole flood.
OF_UPLOADER = f"""
    SELECT s.id, s.sha256, row_number() OVER (ORDER BY s.id {{order}}) AS turn FROM sample s
     WHERE s.classification_wanted AND s.classification_doubtful = :doubtful
       AND coalesce(s.readers[1], 0) = uploader.number AND s.deleted_time IS NULL AND {FREE}
     ORDER BY s.id {{order}} LIMIT :most
"""
IN_TURNS = f"""
    SELECT id, sha256, uploader FROM (
        SELECT theirs.id, theirs.sha256, uploader.number AS uploader, min(theirs.turn) AS turn
          FROM uploader CROSS JOIN LATERAL (
            SELECT id, sha256, 2 * turn AS turn FROM ({OF_UPLOADER.format(order="ASC")}) oldest
            UNION ALL
            SELECT id, sha256, 2 * turn + 1 FROM ({OF_UPLOADER.format(order="DESC")}) newest
        ) theirs GROUP BY theirs.id, theirs.sha256, uploader.number
    ) each_once ORDER BY turn, id LIMIT :most
"""
# Each look into the index finds one customer. Where more customers wait than samples are taken at once, chance says whose
# turn it is: else the samples of the first customers would keep the others waiting.
UPLOADERS = f"""
    waiting(number, place) AS (
        (SELECT coalesce(readers[1], 0), 1 FROM sample
          WHERE classification_wanted AND classification_doubtful = :doubtful
          ORDER BY coalesce(readers[1], 0) LIMIT 1)
        UNION ALL
        (SELECT following.number, waiting.place + 1 FROM waiting CROSS JOIN LATERAL (
            SELECT coalesce(s.readers[1], 0) AS number FROM sample s
             WHERE s.classification_wanted AND s.classification_doubtful = :doubtful
               AND coalesce(s.readers[1], 0) > waiting.number
             ORDER BY coalesce(s.readers[1], 0) LIMIT 1
         ) following WHERE waiting.place < {MOST_CUSTOMERS})
    ),
    uploader AS MATERIALIZED (SELECT number FROM waiting ORDER BY random() LIMIT :most)
"""
TAKEN = """
    found AS MATERIALIZED ({found}),
    taken AS (
        INSERT INTO classification_lease (sample_id, until) SELECT id, :until FROM found
        ON CONFLICT (sample_id) DO UPDATE SET until = excluded.until WHERE classification_lease.until <= :now
        RETURNING sample_id
    )
    SELECT found.id, found.sha256, found.uploader FROM found JOIN taken ON taken.sample_id = found.id ORDER BY found.id
"""
TAKE_URGENT = Statement(f"WITH {TAKEN.format(found=URGENT)}")
TAKE = Statement(f"WITH RECURSIVE {UPLOADERS}, {TAKEN.format(found=IN_TURNS)}")
# A lease that somebody is removing needs no extension. Waiting for the lease could end in a deadlock.
EXTEND = """
    UPDATE classification_lease SET until = $2 WHERE sample_id IN (
        SELECT sample_id FROM classification_lease WHERE sample_id = ANY ($1) FOR UPDATE SKIP LOCKED
    )
"""
GIVE_BACK = "DELETE FROM classification_lease WHERE sample_id = ANY ($1)"
FORGET_ENDED = "DELETE FROM classification_lease WHERE until <= $1"
DOUBT = Statement("""
    WITH freed AS (DELETE FROM classification_lease WHERE sample_id = ANY (:ids::bigint[])),
    locked AS MATERIALIZED (
        SELECT id FROM sample WHERE id = ANY (:ids) AND classification_wanted AND NOT classification_doubtful
         ORDER BY id FOR NO KEY UPDATE
    ),
    doubted AS (
        UPDATE sample SET classification_doubtful = true FROM locked WHERE sample.id = locked.id
        RETURNING classification_urgent
    )
    SELECT coalesce(bool_or(classification_urgent), false) FROM doubted
""")
# A sample whose bytes are missing keeps the present type. The bytes of a deleted sample are no loss.
GIVE_UP = """
    UPDATE sample SET classification_wanted = false, classification_urgent = false
     WHERE id = $1 AND (classification_id IS NOT NULL OR deleted_time IS NOT NULL) RETURNING id
"""
# The samples are locked in the order of ids, as by everybody who locks several.
STORE = Statement("""
    WITH made AS MATERIALIZED (
        SELECT * FROM unnest(:ids::uuid[], :sample_ids::bigint[], :types::text[], :super_types::text[], :archs::text[],
                             :platforms::text[], :versions::text[], :meta_datas::jsonb[])
                      AS made(id, sample_id, type, super_type, arch, platform, version, meta_data)
    ),
    freed AS (DELETE FROM classification_lease WHERE sample_id = ANY (:sample_ids)),
    locked AS MATERIALIZED (
        SELECT id FROM sample WHERE id = ANY (:sample_ids) AND deleted_time IS NULL ORDER BY id FOR NO KEY UPDATE
    ),
    alive AS (
        UPDATE sample SET classification_id = made.id, classification_wanted = false, classification_urgent = false,
               classification_doubtful = false
          FROM locked JOIN made ON made.sample_id = locked.id WHERE sample.id = locked.id RETURNING sample.id
    )
    INSERT INTO classification (id, sample_id, type, super_type, arch, platform, version, meta_data, created_time)
    SELECT made.id, made.sample_id, type, super_type, arch, platform, version, meta_data, :now
      FROM made JOIN alive ON alive.id = made.sample_id
""")


class Waiting(NamedTuple):
    """A sample without a type, and the number of the uploader's customer among the readers."""

    id: int
    sha256: bytes
    uploader: int


class Lease(NamedTuple):
    """Until when samples are taken, seen from `now`."""

    now: Millis
    until: Millis


async def take(db: Connection, most: int, lease: Lease, *, doubtful: bool) -> list[Waiting]:
    """Take waiting samples, those that the model must tell or the others: in turn of each uploader's customer.

    Must run in a transaction. Until the lease ends, nobody else gets the samples.
    """
    await db.execute(LOCK, QUEUE)
    rows = await TAKE.rows(db, most=most, now=lease.now, until=lease.until, doubtful=doubtful)
    return [Waiting(**row) for row in rows]


async def take_urgent(db: Connection, most: int, lease: Lease) -> list[Waiting]:
    """As `take`, but only samples that somebody waits for, of both kinds: also in turn of each uploader's customer."""
    await db.execute(LOCK, QUEUE)
    rows = await TAKE_URGENT.rows(db, most=most, now=lease.now, until=lease.until)
    return [Waiting(**row) for row in rows]


async def extend(db: Connection, ids: Sequence[int], until: Millis) -> None:
    await db.execute(EXTEND, list(ids), until)


async def give_back(db: Connection, ids: Sequence[int]) -> None:
    """Let others take samples that were taken."""
    await db.execute(GIVE_BACK, list(ids))


async def forget_ended(db: Connection, *, now: Millis) -> None:
    """Remove ended leases, of samples that were deleted or whose classifier has gone."""
    await db.execute(FORGET_ENDED, now)


async def doubt(db: Connection, ids: Sequence[int]) -> bool:
    """Leave samples to the model, and let others take the samples. Whether somebody waits for one of the samples."""
    is_urgent: bool = await DOUBT.value(db, ids=list(ids))
    return is_urgent


async def give_up(db: Connection, sample_id: int) -> bool:
    """Leave a sample with the present type, or deleted; False for a sample without a type."""
    return await db.fetchval(GIVE_UP, sample_id) is not None


async def store(db: Connection, made: Sequence[tuple[int, Classification]], *, now: Millis) -> None:
    """Store the classifications of different samples. For a sample deleted meanwhile nothing is stored."""
    found = [one for _, one in made]
    await STORE.run(
        db,
        ids=[new_id() for _ in made],
        sample_ids=[sample_id for sample_id, _ in made],
        types=[one.type for one in found],
        super_types=[one.super_type for one in found],
        archs=[one.arch for one in found],
        platforms=[one.platform for one in found],
        versions=[one.version for one in found],
        meta_datas=[one.meta_data for one in found],
        now=now,
    )
