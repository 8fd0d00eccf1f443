"""Opening and cancelling hunts. What a hunt looks at is settled when the hunt is opened.

The samples are written into batches, newest first, in the transaction that opens the hunt. So a sample that comes later is no
part of the hunt, and no sample is skipped or looked at twice.
"""

from uuid import UUID

import msgspec

from samplebank.accounts.access import see_samples
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import TRUE, Connection, Sql, Statement, all_of, new_id
from samplebank.errors import Conflict, Invalid, NotFound
from samplebank.hunts import model
from samplebank.hunts.model import MOST_AT_ONCE, MOST_SAMPLES, NO_HUNT, State
from samplebank.timespec import Millis

#: samples written into batches by one statement
STEP = 50_000
#: whoever may have the bytes of a sample may hunt through the sample
NEEDED = (Permission.DOWNLOAD, Permission.DOWNLOAD_UNRESTRICTED)
# Two hunts of one user, begun at the same moment, are counted one after the other.
TAKE_TURN = "SELECT pg_advisory_xact_lock(1514864647, hashint8($1::bigint))"
COUNT_OPEN = "SELECT count(*) FROM hunt WHERE end_time IS NULL AND user_id = $1"
OPEN = Statement("""
    INSERT INTO hunt (id, user_id, customer_id, reach, rules, rule_count, query, since_time, until_time, state, created_time, samples,
                      bytes)
    VALUES (:id, :user_id, :customer_id, :reach::bigint[], :rules, :rule_count, :query, :since, :until, 'enqueued', :now, 0, 0)
""")
# The bytes of all newer samples tell the batch of a sample, so the last sample of a batch may go beyond the bytes of a batch. A large
# sample is a batch by itself.
CUT = """
    WITH chosen AS (
        SELECT s.id, s.size, s.created_time FROM sample s
         WHERE s.deleted_time IS NULL AND (s.created_time, s.id) < ({time}::bigint, {sample}::bigint) AND {where}
         ORDER BY s.created_time DESC, s.id DESC LIMIT {step}
    ), found AS (
        SELECT id, size, row_number() OVER newest AS place, sum(size) OVER newest - size AS behind
          FROM chosen WINDOW newest AS (ORDER BY created_time DESC, id DESC)
    ), cut AS (
        SELECT min(place) AS first, array_agg(id ORDER BY place) AS samples, sum(size)::bigint AS bytes
          FROM found
         GROUP BY place > {first_batch}, (place - 1) / {batch}, div(behind, {bytes}), CASE WHEN size > {bytes} THEN place END
    ), stored AS (
        INSERT INTO hunt_batch (hunt_id, number, samples, bytes)
        SELECT {id}::uuid, {number}::bigint + row_number() OVER (ORDER BY first), samples, bytes FROM cut
        RETURNING number
    )
    SELECT (SELECT count(*) FROM chosen) AS samples, (SELECT max(number) FROM stored) AS number, last.created_time AS time, last.id AS sample
      FROM (SELECT created_time, id FROM chosen ORDER BY created_time, id LIMIT 1) last
"""
SUM_UP = Statement("""
    UPDATE hunt h SET samples = whole.samples, bytes = whole.bytes,
           state = CASE WHEN whole.samples = 0 THEN 'done' ELSE state END,
           end_time = CASE WHEN whole.samples = 0 THEN :now::bigint END
      FROM (SELECT coalesce(sum(cardinality(samples)), 0) AS samples, coalesce(sum(bytes), 0) AS bytes
              FROM hunt_batch WHERE hunt_id = :id) whole
     WHERE h.id = :id
    RETURNING whole.samples
""")
LOCK = "SELECT state FROM hunt WHERE id = $1 FOR NO KEY UPDATE"
CANCEL = Statement("""
    UPDATE hunt SET state = 'cancelled', end_time = :now::bigint, message = :message WHERE id = :id
""")
FORGET_BATCHES = "DELETE FROM hunt_batch WHERE hunt_id = $1"
TOO_MANY = f"More than {MOST_SAMPLES} samples match. Give a query or a shorter time, and hunt through the rest afterwards."
AT_ONCE = f"{MOST_AT_ONCE} of your hunts are under way; ask again when one has ended, or cancel one."


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody hunts for. `among` names the samples that the query finds, newest first; None for every sample."""

    customer_id: int
    rules: str
    rule_count: int
    query: str = ""
    since: Millis | None = None
    until: Millis | None = None
    among: list[int] | None = None


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """How far the samples of a hunt are in batches: the oldest sample of the batches, and the number of the newest batch.

    `named` samples of `Wish.among` are in batches.
    """

    hunt: UUID
    time: Millis
    sample: int = 0
    number: int = 0
    samples: int = 0
    named: int = 0
    is_whole: bool = False


async def open_hunt(db: Connection, caller: Caller, wish: Wish, *, now: Millis) -> Cut:
    """Open a hunt through the samples that the caller may download now. `cut` goes on until the cut is whole.

    Raises `Conflict` when enough hunts of the caller are under way.
    """
    await db.execute(TAKE_TURN, caller.user.id)
    if await db.fetchval(COUNT_OPEN, caller.user.id) >= MOST_AT_ONCE:
        raise Conflict(AT_ONCE)
    id_, scope = new_id(), caller.scope(*NEEDED)
    await OPEN.run(
        db,
        id=id_,
        user_id=caller.user.id,
        customer_id=wish.customer_id,
        reach=None if scope.everywhere else sorted(scope.customers),
        rules=wish.rules,
        rule_count=wish.rule_count,
        query=wish.query,
        since=wish.since,
        until=wish.until,
        now=now,
    )
    return Cut(hunt=id_, time=now + 1)


async def cut(db: Connection, caller: Caller, wish: Wish, done: Cut, *, now: Millis) -> Cut:
    """Write the next `STEP` samples into batches, in the transaction that opened the hunt. So no statement takes long.

    Raises `Invalid` for more samples than a hunt may have.
    """
    among = None if wish.among is None else wish.among[done.named : done.named + STEP]
    are_few = wish.rule_count <= model.FEW_RULES
    row = await Sql(
        CUT,
        id=done.hunt,
        time=done.time,
        sample=done.sample,
        number=done.number,
        where=_chosen(caller, wish, among),
        step=Sql(str(STEP)),
        first_batch=Sql("0" if done.number else str(model.FIRST_BATCH)),
        batch=Sql(str(model.BATCH if are_few else model.LARGE_BATCH)),
        bytes=Sql(str(model.BATCH_BYTES if are_few else model.LARGE_BATCH_BYTES)),
    ).row(db)
    is_full = len(among) == STEP if among is not None else row is not None and row["samples"] == STEP
    if not is_full:
        samples = await SUM_UP.value(db, id=done.hunt, now=now)
        if samples > MOST_SAMPLES:
            raise Invalid(TOO_MANY)
        return msgspec.structs.replace(done, samples=samples, is_whole=True)
    named = done.named + len(among or ())
    if row is None:  # no sample is for the caller, or the samples have been deleted
        return msgspec.structs.replace(done, named=named)
    samples = done.samples + row["samples"]
    if samples > MOST_SAMPLES:
        raise Invalid(TOO_MANY)
    return Cut(
        hunt=done.hunt,
        time=row["time"],
        sample=row["sample"],
        number=row["number"],
        samples=samples,
        named=named,
    )


async def cancel(db: Connection, id_: UUID, by: str, *, now: Millis) -> None:
    """End a hunt before its work is done; hits stay. Raises `Conflict` when the hunt is done."""
    state = await db.fetchval(LOCK, id_)
    if state is None:
        raise NotFound(NO_HUNT)
    if state == State.DONE:
        raise Conflict("The hunt has ended already: it is done.")
    if state != State.CANCELLED:
        await CANCEL.run(db, id=id_, now=now, message=f"Cancelled by {by}.")
        await db.execute(FORGET_BATCHES, id_)


def _chosen(caller: Caller, wish: Wish, named: list[int] | None) -> Sql:
    bounds = (("s.created_time >= {}", wish.since), ("s.created_time < {}", wish.until))
    chosen = [Sql(text, value) for text, value in bounds if value is not None]
    among = TRUE if named is None else Sql("s.id = ANY ({}::bigint[])", named)
    return all_of([*chosen, among, see_samples(caller, "s", *NEEDED)])
