"""Claims: a worker takes open tasks until the lease ends. No task is ever held by two workers."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from samplebank.accounts.access import see_customers
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Columns, Connection, Shape, Sql, Template, all_of, joined
from samplebank.policy.workers import is_worker
from samplebank.timespec import Millis

# Customers take turns, in the order of their ids. So a customer who floods the queue delays nobody else.
# `turn`: the next customers after {after} with a waiting task, in a ring. Each look into the index finds one customer.
# `shares`: the customers share the tasks that are asked for, by their weights: their weight each, where few are asked for.
# `crowd`: the customers in the turn, in the order of the ring.
# `found`: both a task and its job are locked. Rows that somebody else has locked are passed over: to wait for a job that an
# update holds could make a deadlock, as the update waits for the task.
FOUND = """
    WITH RECURSIVE turn(customer_id, wrapped, place) AS (
        (SELECT following.*, 1 FROM (
            (SELECT t.customer_id, FALSE FROM job_task t WHERE {waiting} AND t.customer_id > {after}
              ORDER BY t.customer_id LIMIT 1)
            UNION ALL
            (SELECT t.customer_id, TRUE FROM job_task t WHERE {waiting} AND t.customer_id <= {after}
              ORDER BY t.customer_id LIMIT 1)
         ) following LIMIT 1)
        UNION ALL
        SELECT following.*, turn.place + 1 FROM turn CROSS JOIN LATERAL (
            (SELECT t.customer_id, turn.wrapped FROM job_task t
              WHERE {waiting} AND t.customer_id > turn.customer_id
                AND t.customer_id <= CASE WHEN turn.wrapped THEN {after} ELSE 9223372036854775807 END
              ORDER BY t.customer_id LIMIT 1)
            UNION ALL
            (SELECT t.customer_id, TRUE FROM job_task t WHERE {waiting} AND NOT turn.wrapped AND t.customer_id <= {after}
              ORDER BY t.customer_id LIMIT 1)
            LIMIT 1
        ) following WHERE turn.place < {customers}
    ), shares AS MATERIALIZED (
        SELECT turn.customer_id, place, CASE WHEN turn.customer_id = {again} THEN least({left}, whole) ELSE whole END AS share
          FROM (SELECT turn.*, c.weight * ceil({most} / sum(c.weight) OVER ()::float)::bigint AS whole
                  FROM turn JOIN customer c ON c.id = turn.customer_id) turn
         ORDER BY place
    ), crowd AS MATERIALIZED (
        SELECT array_agg(customer_id ORDER BY place) AS customers, array_agg(share ORDER BY place) AS shares FROM shares
    ), found AS MATERIALIZED (
        SELECT picked.* FROM shares CROSS JOIN LATERAL (
            SELECT t.id, t.job_id, j.state FROM job_task t JOIN job j ON j.id = t.job_id
             WHERE {waiting} AND t.customer_id = shares.customer_id
             ORDER BY t.enqueued_time + t.shift, t.id LIMIT shares.share FOR UPDATE OF t, j SKIP LOCKED
        ) picked LIMIT {most}
"""
# A claim of a single task takes a task of the next customer: the first task behind {after} in the index, else the first
# task of all. So no entry of the index is read twice. In a busy queue most entries are dead.
FOUND_ONE = """
    WITH found AS MATERIALIZED (
        SELECT * FROM (
            SELECT * FROM (
                SELECT t.id, t.job_id, j.state, t.customer_id FROM job_task t JOIN job j ON j.id = t.job_id
                 WHERE {waiting} AND t.customer_id > {after}
                 ORDER BY t.customer_id, t.enqueued_time + t.shift, t.id LIMIT 1 FOR UPDATE OF t, j SKIP LOCKED) behind
            UNION ALL
            SELECT * FROM (
                SELECT t.id, t.job_id, j.state, t.customer_id FROM job_task t JOIN job j ON j.id = t.job_id
                 WHERE {waiting} AND t.customer_id <= {after}
                 ORDER BY t.customer_id, t.enqueued_time + t.shift, t.id LIMIT 1 FOR UPDATE OF t, j SKIP LOCKED) before
        ) either LIMIT 1
"""
TAKEN = """
    ), taken AS (
        UPDATE job_task t SET state = 'executing', attempt = attempt + 1, start_time = coalesce(start_time, {now}::bigint),
               lease_until = {until}, lease_token = gen_random_uuid(), claimed_by = {user}
          FROM found WHERE t.id = found.id
        RETURNING t.id, t.job_id, t.worker, t.attempt, t.lease_token, t.lease_until, t.enqueued_time + t.shift AS place
    ), started AS (
        UPDATE job j SET state = 'executing', start_time = coalesce(start_time, {now}::bigint)
          FROM found WHERE j.id = found.job_id AND found.state = 'enqueued'
    )
    SELECT {columns}
"""
SHOWN = """taken t JOIN job j ON j.id = t.job_id JOIN sample s ON s.id = j.sample_id
                 LEFT JOIN classification c ON c.id = s.classification_id
                 LEFT JOIN submission u ON u.id = j.submission_id"""
CLAIM_ONE = Template(f"{FOUND_ONE} {TAKEN} FROM {SHOWN}")
# The crowd is told even where others have taken all tasks of the turn.
CLAIM_SOME = Template(f"{FOUND} {TAKEN} FROM crowd LEFT JOIN ({SHOWN}) ON TRUE ORDER BY t.place, t.id")
#: the most customers served in one turn
CUSTOMERS = 32


class Claim(msgspec.Struct, frozen=True):
    """A task handed to a worker, with everything that the worker needs to know."""

    task_id: UUID
    worker: str
    attempt: int
    lease_token: UUID
    lease_until: Millis
    job_id: UUID
    customer_id: int
    options: list[dict[str, str]]
    sha256: bytes
    size: int
    type: str | None
    super_type: str | None
    arch: str | None
    platform: str | None
    version: str | None
    meta_data: dict[str, object] | None
    #: the submission behind the job; None where the submission has been deleted
    cause: Any


class Crowd(NamedTuple):
    """The customers of a turn, in the order of the ring, and how many tasks each may have. None where no task waits."""

    customers: list[int] | None
    shares: list[int]


class Place(NamedTuple):
    """Where a turn begins: behind a customer, or with the customer, who has `left` tasks of the turn before to get."""

    customer: int = 0
    left: int = 0

    @property
    def after(self) -> int:
        return self.customer - 1 if self.left else self.customer


CROWD = Columns.of(Crowd, "crowd")
#: how many tasks a customer gets in a turn of single tasks
WEIGHT = Sql("(SELECT weight FROM customer WHERE id = j.customer_id)")
CLAIMED = Columns.of(
    Claim,
    "t",
    "cause",
    task_id="t.id",
    job_id="j.id",
    customer_id="j.customer_id",
    options="j.options",
    sha256="s.sha256",
    size="s.size",
    **{name: f"c.{name}" for name in ("type", "super_type", "arch", "platform", "version", "meta_data")},
)


class Turn(msgspec.Struct, frozen=True):
    """The claims of a turn. The next turn begins at `next`; None when no task waits.

    `is_last` when the customers have no more waiting tasks, as far as the turn tells.
    """

    claims: list[Claim]
    next: Place | None
    is_last: bool


#: the beginning of the ring
START = Place()
#: a turn in which no task waits
NOBODY = Turn([], None, is_last=True)


async def claim(
    db: Connection,
    caller: Caller,
    worker: str,
    *,
    most: int,
    now: Millis,
    lease: Millis,
    cause: Shape[Any],
    place: Place = START,
) -> Turn:
    """Hand the first tasks in the lines of the next customers to `worker`, and to nobody else until the lease ends.

    The turn begins at `place`. `worker` is an id or a short name; a worker that does not exist gets no task. `cause` reads
    the submission `u` behind the job, with the sample `s`.
    """
    waiting = all_of(
        [
            is_worker("t.worker_id", worker),
            Sql("t.state = 'enqueued' AND t.run_after <= {}", now),
            see_customers(caller, "t.customer_id", Permission.UPDATE_JOB, Permission.WORK_ON_CLAIMS),
        ]
    )
    wanted = {
        "waiting": waiting,
        "after": place.after,
        "now": now,
        "until": now + lease,
        "user": caller.user.id,
    }
    return await (
        _claim_one(db, cause, place, wanted) if most == 1 else _claim_some(db, cause, place, most, wanted)
    )


async def _claim_one(db: Connection, cause: Shape[Any], place: Place, wanted: dict[str, object]) -> Turn:
    found = await CLAIM_ONE.rows(db, **wanted, columns=_columns(WEIGHT, CLAIMED.selected, cause.selected))
    if not found:
        return NOBODY
    weight, *row = found[0]
    taken = _claim(row, cause)
    goes_on = place.left > 0 and place.customer == taken.customer_id
    return Turn([taken], Place(taken.customer_id, (place.left if goes_on else weight) - 1), is_last=False)


async def _claim_some(
    db: Connection, cause: Shape[Any], place: Place, most: int, wanted: dict[str, object]
) -> Turn:
    customers = min(most, CUSTOMERS)
    columns = _columns(CROWD.selected, CLAIMED.selected, cause.selected)
    wanted |= {"again": place.customer if place.left else 0, "left": Sql("{}::bigint", place.left)}
    found = await CLAIM_SOME.rows(
        db, **wanted, columns=columns, customers=customers, most=Sql("{}::bigint", most)
    )
    rows = [tuple(row) for row in found]
    crowd = CROWD.read(rows[0][: CROWD.width])
    if not crowd.customers:
        return NOBODY
    of_tasks = [row[CROWD.width :] for row in rows]
    taken = [_claim(row, cause) for row in of_tasks if row[0] is not None]
    return _turn(taken, dict(zip(crowd.customers, crowd.shares, strict=True)), most, customers)


def _turn(taken: list[Claim], shares: dict[int, int], most: int, customers: int) -> Turn:
    """The turn in which customers got `taken` of their shares. Whose share was cut off comes first in the next turn."""
    whole, is_full = Counter(claim.customer_id for claim in taken), len(taken) == most
    *_, last = [one for one in shares if whole[one]] if is_full else shares
    left = shares[last] - whole[last] if is_full else 0
    is_last = len(shares) < customers and all(whole[one] < share for one, share in shares.items())
    return Turn(taken, Place(last, left), is_last)


@lru_cache(16)
def _columns(*parts: Sql) -> Sql:
    return joined(", ", parts)


def _claim(row: Sequence[Any], cause: Shape[Any]) -> Claim:
    of_cause = row[CLAIMED.width :]
    submission = None if of_cause[0] is None else cause.read(of_cause)
    return CLAIMED.read(row[: CLAIMED.width], cause=submission)
