"""Claims: a worker takes a batch of a hunt until the lease ends. Ordinary tasks come first.

Hunts take turns: hunts of customers who hold few places now come first, and among these the hunt whose latest turn is longest ago. The batches of a hunt go newest first. A batch whose lease has
ended is handed out again, and so is the rest of a batch whose worker ran out of time. No sweep is needed: the next claim looks.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from samplebank.accounts.access import see_customers
from samplebank.accounts.caller import Caller
from samplebank.database import Connection, Sql, Statement
from samplebank.errors import Conflict
from samplebank.hunts import results
from samplebank.hunts.model import DAY, Batch, BatchSample, HuntRules
from samplebank.hunts.working import LOST, NEEDED, find_hunt, reached
from samplebank.timespec import Millis

#: batches given up by one claim at most, after the last attempt
MOST_GIVEN_UP = 10
ANY_OPEN = "SELECT EXISTS (SELECT FROM hunt WHERE end_time IS NULL)"
BUSY = """
    SELECT EXISTS (
        SELECT FROM job_task t
         WHERE t.worker_id IN (SELECT id FROM worker WHERE short_name = ANY ({workers}::text[]) AND deleted_time IS NULL)
           AND t.state = 'enqueued' AND t.run_after <= {now} AND {seen}
    )
"""
WAITS = "NOT b.is_done AND (b.lease_until IS NULL OR b.lease_until <= {now})"
# A place is a batch whose lease goes on. Slow hunts hold their places for longer: by their claims alone, they would take each place that
# quick hunts leave.
PICK_HUNT = f"""
    WITH held AS (
        SELECT o.id, count(b.number) AS places, sum(count(b.number)) OVER (PARTITION BY o.customer_id) AS places_of_customer
          FROM hunt o LEFT JOIN hunt_batch b ON b.hunt_id = o.id AND NOT b.is_done AND b.lease_until > {{now}}
         WHERE o.end_time IS NULL GROUP BY o.id
    )
    SELECT h.id, h.customer_id, h.rules FROM hunt h JOIN held ON held.id = h.id
     WHERE h.end_time IS NULL AND h.resume_time <= {{now}} AND {{reached}}
       AND EXISTS (SELECT FROM hunt_batch b WHERE b.hunt_id = h.id AND {WAITS})
     ORDER BY held.places_of_customer, held.places, h.claimed_time, h.created_time, h.id LIMIT 1 FOR NO KEY UPDATE OF h
"""
PICK_BATCH = Statement("""
    SELECT b.number, b.bytes, b.attempt, b.lease_token IS NULL AS is_new FROM hunt_batch b JOIN hunt h ON h.id = b.hunt_id
     WHERE b.hunt_id = :hunt AND NOT b.is_done AND h.end_time IS NULL
       AND (b.lease_until IS NULL OR b.lease_until <= :now)
     ORDER BY b.number LIMIT 1 FOR UPDATE OF b
""")
# The first batch of a day may be larger than the budget: otherwise a hunt would wait for ever.
CHARGE = Statement("""
    INSERT INTO hunt_budget AS spent (customer_id, day, bytes) VALUES (:customer_id, :day, :bytes)
    ON CONFLICT (customer_id, day) DO UPDATE SET bytes = spent.bytes + excluded.bytes
     WHERE :budget::bigint = 0 OR spent.bytes + excluded.bytes <= :budget
    RETURNING bytes
""")
REST = "UPDATE hunt SET resume_time = $2 WHERE id = $1"
TAKE = Statement("""
    WITH noted AS (
        UPDATE hunt SET claimed_time = :now, start_time = coalesce(start_time, :now), state = 'executing' WHERE id = :hunt
    )
    UPDATE hunt_batch SET attempt = attempt + 1, lease_token = gen_random_uuid(), lease_until = :until, claimed_by = :user_id
     WHERE hunt_id = :hunt AND number = :number
    RETURNING attempt, lease_token
""")
# Bytes that were deleted and uploaded again since are another sample. All samples are told each time, so that the order of the
# contents is the order of the claim.
SAMPLES = Statement("""
    SELECT s.sha256, s.size, c.type, s.deleted_time IS NULL AND s.created_time <= h.created_time AS is_there
      FROM hunt_batch b JOIN hunt h ON h.id = b.hunt_id
     CROSS JOIN LATERAL unnest(b.samples) WITH ORDINALITY wanted(id, place)
      JOIN sample s ON s.id = wanted.id LEFT JOIN classification c ON c.id = s.classification_id
     WHERE b.hunt_id = :hunt AND b.number = :number ORDER BY wanted.place
""")
HOLD = Statement("""
    SELECT b.lease_token = :token AND b.lease_until IS NOT NULL AND NOT b.is_done AND h.end_time IS NULL
      FROM hunt_batch b JOIN hunt h ON h.id = b.hunt_id
     WHERE b.hunt_id = :hunt AND b.number = :number AND b.claimed_by = :user_id
""")
EXTEND = Statement("""
    UPDATE hunt_batch b SET lease_until = :until FROM hunt h
     WHERE b.hunt_id = :hunt AND b.number = :number AND b.lease_token = :token AND b.claimed_by = :user_id AND NOT b.is_done
       AND b.lease_until IS NOT NULL AND h.id = b.hunt_id AND h.end_time IS NULL
    RETURNING b.number
""")
GIVEN_UP = "no worker brought the batch to an end"


async def is_any_open(db: Connection) -> bool:
    """Whether any hunt is under way, at little cost: workers without work ask again and again."""
    found: bool = await db.fetchval(ANY_OPEN)
    return found


async def claim(
    db: Connection,
    caller: Caller,
    workers: Sequence[str],
    rules: HuntRules,
    *,
    now: Millis,
    lease: Millis,
) -> Batch | None:
    """Hand the next batch to a worker. None without work, and while tasks wait for `workers`, by short name.

    Takes the lock of the hunt first, as every change of a hunt does.
    """
    if await _has_ordinary_work(db, caller, workers, now):
        return None
    hunt = await Sql(PICK_HUNT, now=now, reached=reached(caller)).row(db)
    if hunt is None:
        return None
    for _ in range(MOST_GIVEN_UP):
        batch = await PICK_BATCH.row(db, hunt=hunt["id"], now=now)
        if batch is None:
            return None
        if batch["attempt"] < rules.max_attempts:
            return await _take(db, caller, hunt, batch, rules, now=now, until=now + lease)
        await results.give_up(db, hunt["id"], batch["number"], GIVEN_UP, now=now)
    return None


async def samples_held(
    db: Connection, caller: Caller, hunt: str, number: int, token: UUID
) -> list[BatchSample]:
    """The samples of a batch that the caller holds, in the order of the claim. Raises `NotFound` and `Conflict`."""
    id_ = await find_hunt(db, caller, hunt)
    if not await HOLD.value(db, hunt=id_, number=number, token=token, user_id=caller.user.id):
        raise Conflict(LOST)
    return await _samples(db, id_, number)


async def extend(
    db: Connection, caller: Caller, hunt: str, number: int, token: UUID, *, until: Millis
) -> None:
    """Keep a batch for longer. Raises `NotFound` and `Conflict`."""
    id_ = await find_hunt(db, caller, hunt)
    extended = await EXTEND.value(
        db, hunt=id_, number=number, token=token, user_id=caller.user.id, until=until
    )
    if extended is None:
        raise Conflict(LOST)


async def _has_ordinary_work(db: Connection, caller: Caller, workers: Sequence[str], now: Millis) -> bool:
    if not workers:
        return False
    seen = see_customers(caller, "t.customer_id", *NEEDED)
    return bool(await Sql(BUSY, workers=list(workers), now=now, seen=seen).value(db))


async def _take(
    db: Connection, caller: Caller, hunt: Any, batch: Any, rules: HuntRules, *, now: Millis, until: Millis
) -> Batch | None:
    if batch["is_new"]:  # the rest of a batch was paid for with the beginning
        day = now // DAY
        charged = await CHARGE.value(
            db,
            customer_id=hunt["customer_id"],
            day=day,
            bytes=batch["bytes"],
            budget=rules.bytes_per_day,
        )
        if charged is None:
            await db.execute(REST, hunt["id"], (day + 1) * DAY)
            return None
    number = batch["number"]
    taken = await TAKE.row(db, hunt=hunt["id"], number=number, now=now, until=until, user_id=caller.user.id)
    return Batch(
        hunt_id=hunt["id"],
        customer_id=hunt["customer_id"],
        number=number,
        attempt=taken["attempt"],
        lease_token=taken["lease_token"],
        lease_until=until,
        rules=hunt["rules"],
        samples=await _samples(db, hunt["id"], number),
    )


async def _samples(db: Connection, hunt: UUID, number: int) -> list[BatchSample]:
    return [BatchSample(**row) for row in await SAMPLES.rows(db, hunt=hunt, number=number)]
