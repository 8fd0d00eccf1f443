"""Storing submissions: with the job that each causes, in one transaction, under the lock of the sample."""

from uuid import UUID

import msgspec

from samplebank.database import Connection, Outrun, new_id
from samplebank.errors import NotFound
from samplebank.jobs import opening
from samplebank.policy.model import Subject
from samplebank.policy.plan import plan_for
from samplebank.policy.rules import PolicyBook
from samplebank.submissions import challenge
from samplebank.submissions.challenge import Outcome, Redeemed, Stored, Tries
from samplebank.submissions.model import NewSubmission, Submission
from samplebank.submissions.queries import get_submission
from samplebank.timespec import Millis

NOT_STORED = "There is no sample with this SHA-256: upload it first."
# The sample is locked before the challenge is, in one round trip. The wrong answers of the user are looked at only where
# there is something to guess: the uploader of a file, whose challenge the digest of the file answers, need not wait.
LOOK = f"""
    WITH found AS MATERIALIZED (
        SELECT s.id, s.xmin, c.type, c.super_type
          FROM sample s LEFT JOIN classification c ON c.id = s.classification_id
         WHERE s.sha256 = $1 AND s.deleted_time IS NULL {{lock}}
    )
    SELECT (SELECT version FROM policy), found.*, CASE WHEN asked.answer <> $1 THEN {
    challenge.BARRED.format(user="asked.user_id", since="$3::bigint", most="$4::int")
} END, asked.* FROM found
      LEFT JOIN LATERAL (SELECT {challenge.COLUMNS} FROM challenge WHERE id = $2) asked ON TRUE
"""
LOOK_ONLY = LOOK.format(lock="")
LOOK_AND_LOCK = LOOK.format(lock="FOR NO KEY UPDATE OF s")
# Stores nothing beside a similar submission, which is looked for among those of the sample by its own index: the planner
# of a young database takes that of the customer else, and keeps it; either way the request uses its challenge up. $17 is the time after
# which a submission counts as similar, NULL where none does. It answers no row, and does nothing, unless all is as it
# was looked at: the sample is still in the version $20, so that nobody else has submitted it or opened or ended a job
# of it since, the challenge is unused, and the policy is in version $21.
STORE = f"""
    WITH held AS MATERIALIZED (
        SELECT id FROM sample WHERE id = $2 AND xmin = $20::xid AND deleted_time IS NULL FOR NO KEY UPDATE
    ), asked AS MATERIALIZED (
        SELECT c.id FROM challenge c, held WHERE c.id = $19 AND c.used_by IS NULL FOR UPDATE OF c
    ), good AS (
        SELECT id FROM asked WHERE (SELECT version FROM policy) = $21::bigint
    ), stored AS (
        INSERT INTO submission (
            id, sample_id, customer_id, user_id, tlp, acl, readers, file_name, mime_type, agent_name, agent_version,
            meta_data, observed_time, expiry_time, submitted_time, trusted_agent)
        SELECT $1::uuid, $2::bigint, $3::bigint, $4::bigint, $5::text, $6::bigint[], $7::bigint[], $8::text, $9::text,
               $10::text, $11::text, $12::jsonb, $13::bigint, $14::bigint, $15::bigint, $16::boolean
          FROM good
         WHERE NOT EXISTS (SELECT FROM submission
                            WHERE sample_id = $2 AND submitted_time > $17::bigint AND customer_id + 0 = $3
                              AND agent_name || '' = $10 AND file_name || '' = $8)
        RETURNING id
    ), noted AS (
        UPDATE sample SET
            activity_time = greatest(activity_time, $15), unread_since = NULL,
            readers = CASE WHEN readers @> $7 THEN readers
                           ELSE ARRAY(SELECT DISTINCT r FROM unnest(readers || $7) r ORDER BY r) END
          FROM stored WHERE sample.id = $2
    ), used AS (
        UPDATE challenge SET used_by = $18, submission_id = (SELECT id FROM stored) FROM good WHERE challenge.id = good.id
    ), cause AS (SELECT id AS submission_id FROM stored),
    {opening.parts(22, sample="$2", customer="$3", now="$15")}
    SELECT stored.id, job_of_cause.id FROM good LEFT JOIN stored ON TRUE LEFT JOIN job_of_cause ON TRUE
"""


class Token(msgspec.Struct, frozen=True):
    """The answer to a challenge, and the digest of the request that brings it."""

    id: UUID
    answer: bytes
    request: bytes


class Result(msgspec.Struct, frozen=True):
    """What became of a submission: None beside the outcome GOOD is a similar one, of which nothing was stored."""

    outcome: Outcome
    submission: Submission | None = None
    job_id: UUID | None = None


class Seen(msgspec.Struct, frozen=True):
    """The sample and the policy as they were looked at, in these versions, and what the answer is worth."""

    sample_id: int
    sample_version: int
    policy_version: int
    type: str | None
    super_type: str | None
    redeemed: Redeemed


class Untyped(Exception):
    """The policy looks at file types, and the sample has none yet; nothing has been changed."""

    def __init__(self, sample_id: int) -> None:
        super().__init__(sample_id)
        self.sample_id = sample_id


async def submit(
    db: Connection,
    sha256: bytes,
    token: Token,
    new: NewSubmission,
    policies: PolicyBook,
    *,
    user_id: int,
    tries: Tries,
    similar_window: Millis,
    now: Millis,
    needs_type: bool = False,
    locking: bool = False,
) -> Result:
    """Store a submission and open its job.

    Looks, then stores in one statement, which is all or nothing and needs no transaction. Raises `Outrun` when others
    came between: nobody does with `locking`, in a transaction, which makes them wait.

    A wrong answer to the challenge is an outcome, not an error, because using it up must be committed. Raises
    `NotFound` when the bytes are not stored; `TooMany` for a user who has answered wrongly too often, whatever the
    answer is; with `needs_type`, `Untyped` where the policy has to know the file type.
    """
    seen = await _look(db, sha256, token, user_id=user_id, tries=tries, now=now, locking=locking)
    if seen.redeemed.outcome is not Outcome.GOOD:
        return await _declined(db, token, seen.redeemed, now=now)
    book = await policies.current(db, seen.policy_version)
    if needs_type and seen.type is None and book.looks_at_classification:
        raise Untyped(seen.sample_id)
    chosen = plan_for(Subject(new.customer_id, seen.type, seen.super_type, new.meta_data), book)
    row = await db.fetchrow(
        STORE,
        *_columns(new, seen.sample_id, user_id=user_id, now=now),
        now - similar_window if similar_window else None,
        token.request,
        token.id,
        seen.sample_version,
        seen.policy_version,
        *opening.values(chosen, book),
    )
    if row is None:
        raise Outrun
    id_, job_id = row
    stored = None if id_ is None else _stored(id_, sha256, new, user_id=user_id, now=now)
    return Result(Outcome.GOOD, stored, job_id)


async def _look(
    db: Connection, sha256: bytes, token: Token, *, user_id: int, tries: Tries, now: Millis, locking: bool
) -> Seen:
    look = LOOK_AND_LOCK if locking else LOOK_ONLY
    row = await db.fetchrow(look, sha256, token.id, now - tries.period, tries.most)
    if row is None:
        raise NotFound(NOT_STORED)
    version, sample_id, sample_version, type_, super_type, barred, *asked = row
    redeemed = challenge.redeem(
        Stored(*asked), token.answer, sample_id=sample_id, user_id=user_id, request=token.request, now=now
    )
    if redeemed.outcome in {Outcome.GOOD, Outcome.WRONG}:
        tries.check(barred, now)
    return Seen(sample_id, sample_version, version, type_, super_type, redeemed)


async def _declined(db: Connection, token: Token, redeemed: Redeemed, *, now: Millis) -> Result:
    """What becomes of a submission whose challenge is not good for a new one."""
    if redeemed.outcome is Outcome.WRONG:
        await challenge.use_up(db, token.id, now=now)
    if redeemed.submission_id is None:
        return Result(redeemed.outcome)
    return Result(redeemed.outcome, await get_submission(db, redeemed.submission_id))


def _columns(new: NewSubmission, sample_id: int, *, user_id: int, now: Millis) -> tuple[object, ...]:
    return (
        new_id(),
        sample_id,
        new.customer_id,
        user_id,
        new.tlp,
        new.acl,
        new.readers,
        new.file_name,
        new.mime_type,
        new.agent_name,
        new.agent_version,
        new.meta_data,
        new.observed_time,
        new.expiry_time,
        now,
        new.trusted_agent,
    )


def _stored(id_: UUID, sha256: bytes, new: NewSubmission, *, user_id: int, now: Millis) -> Submission:
    """The submission as reading it would give it."""
    return Submission(
        id_,
        sha256,
        new.customer_id,
        user_id,
        new.tlp,
        new.acl,
        new.file_name,
        new.mime_type,
        new.agent_name,
        new.agent_version,
        new.meta_data,
        new.observed_time,
        now,
        new.expiry_time,
        new.trusted_agent,
        event=None,
    )
