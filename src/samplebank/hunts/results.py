"""The result of a batch: hits and counts are stored in one transaction with the end, so that no sample is counted twice.

A worker that runs out of time tells how many samples of the batch were looked at, from the beginning of the batch on. The other samples
stay in the batch, which waits for another turn of the hunt.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from samplebank.accounts.caller import Caller
from samplebank.database import Connection, Statement
from samplebank.errors import Conflict, Invalid
from samplebank.hunts.model import HOPELESS, HOPELESS_SHARE, MOST_HITS, TURN_SECONDS
from samplebank.hunts.working import LOST, find_hunt
from samplebank.timespec import Millis

LOCK_HUNT = "SELECT end_time, hits, samples FROM hunt WHERE id = $1 FOR NO KEY UPDATE"
LOCK_BATCH = Statement("""
    SELECT lease_until IS NOT NULL AS is_held, lease_token, claimed_by, cardinality(samples) AS samples, bytes FROM hunt_batch
     WHERE hunt_id = :hunt AND number = :number FOR UPDATE
""")
# A sample that is being deleted is waited for, and then is no hit. Places count from the end of the batch, as turns take samples from the
# beginning of the batch: so the hits of a later turn stand behind those of the turns before.
STORE_HITS = Statement("""
    WITH told AS (
        SELECT * FROM unnest(:sha256s::bytea[], :matches::jsonb[]) AS told(sha256, matches)
    ), stored AS (
        SELECT s.id, wanted.place - cardinality(b.samples) AS place, told.matches
          FROM hunt_batch b JOIN hunt h ON h.id = b.hunt_id
         CROSS JOIN LATERAL unnest(b.samples) WITH ORDINALITY wanted(id, place)
          JOIN sample s ON s.id = wanted.id JOIN told ON told.sha256 = s.sha256
         WHERE b.hunt_id = :hunt AND b.number = :number AND wanted.place <= :looked_at AND s.deleted_time IS NULL AND s.created_time <= h.created_time
         ORDER BY wanted.place LIMIT :most FOR KEY SHARE OF s
    ), added AS (
        INSERT INTO hunt_hit (hunt_id, sample_id, batch, place, matches, created_time)
        SELECT :hunt, id, :number, place, matches, :now FROM stored
        ON CONFLICT DO NOTHING
        RETURNING 1
    )
    SELECT count(*) FROM added
""")
END_BATCH = Statement("""
    UPDATE hunt_batch SET is_done = true, samples = '{}', lease_until = NULL WHERE hunt_id = :hunt AND number = :number
""")
# The hunt has used its time up, and lets others go first for as long. The token stays: a result that comes again is known by the token, and the bytes of the rest are paid for.
PUT_BACK = Statement("""
    WITH turn AS (
        UPDATE hunt SET claimed_time = :next_turn WHERE id = :hunt
    )
    UPDATE hunt_batch b SET samples = rest.samples, bytes = rest.bytes, attempt = 0, lease_until = NULL
      FROM (SELECT array_agg(kept.id ORDER BY kept.place) AS samples, coalesce(sum(s.size), 0)::bigint AS bytes
              FROM hunt_batch whole
             CROSS JOIN LATERAL unnest(whole.samples) WITH ORDINALITY kept(id, place) LEFT JOIN sample s ON s.id = kept.id
             WHERE whole.hunt_id = :hunt AND whole.number = :number AND kept.place > :looked_at) rest
     WHERE b.hunt_id = :hunt AND b.number = :number
""")
COUNT = Statement("""
    UPDATE hunt h SET scanned = scanned + :scanned, scanned_bytes = scanned_bytes + :bytes, unscanned = unscanned + :unscanned,
           passed_over = passed_over + :passed_over, hits = hits + :hits,
           message = CASE WHEN :message = '' THEN message ELSE :message END
     WHERE h.id = :hunt
    RETURNING hits, unscanned, scanned + unscanned + passed_over AS looked_at, scanned + unscanned + passed_over = samples AS is_whole
""")
END_HUNT = Statement("""
    UPDATE hunt SET state = 'done', end_time = :now::bigint, message = CASE WHEN :message = '' THEN message ELSE :message END
     WHERE id = :hunt
""")
FORGET_BATCHES = "DELETE FROM hunt_batch WHERE hunt_id = $1 AND NOT is_done"
#: characters of the reason that a hunt tells
LONGEST_REASON = 500
ENOUGH = f"The hunt ended with {MOST_HITS} samples found, the most that a hunt keeps: write narrower rules, or hunt through a shorter time."
TOO_SLOW = "The hunt ended: {} of {} samples could not be scanned, the latest for this reason: {} Write quicker rules, or hunt through fewer samples."
MORE_THAN_ALL = "The batch has fewer samples, or fewer bytes, than the result tells of."


class Hit(msgspec.Struct, frozen=True):
    """A sample that rules matched, and the matches as they are shown."""

    sha256: bytes
    matches: list[dict[str, Any]]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker found in the first `looked_at` samples of the batch, or in all.

    Of these, samples that are neither `scanned` nor `unscanned` were deleted meanwhile.
    """

    token: UUID
    scanned: int
    scanned_bytes: int
    unscanned: int = 0
    looked_at: int | None = None
    #: why a sample was not scanned
    reason: str = ""
    hits: Sequence[Hit] = ()


class Told(msgspec.Struct, frozen=True):
    """How many samples of a batch a result tells of, whether these are all, and how many hits were stored."""

    looked_at: int
    is_all: bool
    hits: int


async def store(
    db: Connection, caller: Caller, hunt: str, number: int, result: Result, *, now: Millis
) -> None:
    """Store the result of a batch, and end the batch, or put the rest of the batch back. The same result again changes nothing.

    Raises `NotFound`, `Conflict` for a lost lease, and `Invalid` for a result that tells of more than the batch has.
    """
    id_ = await find_hunt(db, caller, hunt)
    locked: Any = await db.fetchrow(LOCK_HUNT, id_)
    batch = await LOCK_BATCH.row(db, hunt=id_, number=number)
    if batch is None or batch["lease_token"] != result.token or batch["claimed_by"] != caller.user.id:
        raise Conflict(LOST)
    if not batch["is_held"]:
        return
    if locked["end_time"] is not None:
        raise Conflict(LOST)
    looked_at = batch["samples"] if result.looked_at is None else result.looked_at
    if not result.scanned + result.unscanned <= looked_at <= batch["samples"]:
        raise Invalid(MORE_THAN_ALL)
    if result.scanned_bytes > batch["bytes"] or len(result.hits) > result.scanned:
        raise Invalid(MORE_THAN_ALL)
    hits = 0
    if result.hits:
        hits = await STORE_HITS.value(
            db,
            hunt=id_,
            number=number,
            sha256s=[hit.sha256 for hit in result.hits],
            # as bytes: a list of lists would be an array of two dimensions
            matches=[msgspec.json.encode(hit.matches) for hit in result.hits],
            looked_at=looked_at,
            most=MOST_HITS - locked["hits"],
            now=now,
        )
    told = Told(looked_at, is_all=looked_at == batch["samples"], hits=hits)
    await _end(db, id_, number, result, told, now=now)


async def give_up(db: Connection, hunt: UUID, number: int, reason: str, *, now: Millis) -> None:
    """End a batch of a locked hunt without a result: none of its samples was scanned."""
    batch = await LOCK_BATCH.row(db, hunt=hunt, number=number)
    nothing = Result(
        token=hunt, scanned=0, scanned_bytes=0, unscanned=batch["samples"], reason=f"Not scanned: {reason}."
    )
    await _end(db, hunt, number, nothing, Told(batch["samples"], is_all=True, hits=0), now=now)


async def _end(db: Connection, hunt: UUID, number: int, result: Result, told: Told, *, now: Millis) -> None:
    counted = await COUNT.row(
        db,
        hunt=hunt,
        scanned=result.scanned,
        bytes=result.scanned_bytes,
        unscanned=result.unscanned,
        passed_over=told.looked_at - result.scanned - result.unscanned,
        hits=told.hits,
        message=result.reason[:LONGEST_REASON],
    )
    ending = _ending(counted, result, told)
    if told.is_all or ending is not None:
        await END_BATCH.run(db, hunt=hunt, number=number)
    else:
        next_turn = now + 1000 * TURN_SECONDS
        await PUT_BACK.run(db, hunt=hunt, number=number, looked_at=told.looked_at, next_turn=next_turn)
    if ending is not None:
        await END_HUNT.run(db, hunt=hunt, now=now, message=ending)
        await db.execute(FORGET_BATCHES, hunt)


def _ending(counted: Any, result: Result, told: Told) -> str | None:
    """Why the hunt ends with the result; nothing to tell where all samples were looked at. None for a hunt that goes on.

    Only a turn without time for the whole batch tells of slow rules: samples of other hunts are unscanned because they are damaged.
    """
    if counted["is_whole"]:
        return ""
    if counted["hits"] >= MOST_HITS:
        return ENOUGH
    unscanned, looked_at = counted["unscanned"], counted["looked_at"]
    was_slow = result.unscanned and not told.is_all
    if was_slow and unscanned >= HOPELESS and unscanned * HOPELESS_SHARE > looked_at:
        return TOO_SLOW.format(unscanned, looked_at, result.reason[:LONGEST_REASON])
    return None
