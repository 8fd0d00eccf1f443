"""Storing submissions: with the job that each causes, in one transaction, under the lock of the sample."""

from uuid import UUID

import msgspec

from samplebank.database import Connection, new_id
from samplebank.errors import NotFound
from samplebank.jobs.opening import Cause, open_job
from samplebank.policy.model import Subject
from samplebank.policy.plan import plan
from samplebank.policy.rules import PolicyBook
from samplebank.submissions import challenge
from samplebank.submissions.challenge import Outcome
from samplebank.submissions.model import NewSubmission
from samplebank.timespec import Millis

LOCK_SAMPLE = """
    SELECT s.id, c.type, c.super_type FROM sample s LEFT JOIN classification c ON c.id = s.classification_id
     WHERE s.sha256 = $1 AND s.deleted_time IS NULL FOR NO KEY UPDATE OF s
"""
FIND_SIMILAR = """
    SELECT EXISTS (SELECT FROM submission WHERE sample_id = $1 AND customer_id = $2 AND agent_name = $3
                      AND file_name = $4 AND submitted_time > $5)
"""
STORE = """
    WITH noted AS (
        UPDATE sample SET
            activity_time = greatest(activity_time, $15), unread_since = NULL,
            readers = CASE WHEN readers @> $7 THEN readers
                           ELSE ARRAY(SELECT DISTINCT r FROM unnest(readers || $7) r ORDER BY r) END
         WHERE id = $2
    )
    INSERT INTO submission (
        id, sample_id, customer_id, user_id, tlp, acl, readers, file_name, mime_type, agent_name, agent_version,
        meta_data, observed_time, expiry_time, submitted_time, trusted_agent)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
"""


class Token(msgspec.Struct, frozen=True):
    """The answer to a challenge, and the digest of the request that brings it."""

    id: UUID
    answer: bytes
    request: bytes


class Result(msgspec.Struct, frozen=True):
    """What became of a submission: its id, or None beside the outcome GOOD or REPEATED for a similar one."""

    outcome: Outcome
    submission_id: UUID | None = None
    job_id: UUID | None = None


async def submit(
    db: Connection,
    sha256: bytes,
    token: Token,
    new: NewSubmission,
    book: PolicyBook,
    *,
    user_id: int,
    similar_window: Millis,
    now: Millis,
) -> Result:
    """Store a submission and open its job.

    A wrong answer to the challenge is an outcome, not an error, because using it up must be committed. Raises
    `NotFound` when the bytes are not stored.
    """
    row = await db.fetchrow(LOCK_SAMPLE, sha256)
    if row is None:
        raise NotFound("There is no sample with this SHA-256: upload it first.")
    sample_id, type_, super_type = row
    redeemed = await challenge.redeem(
        db,
        token.id,
        token.answer,
        sample_id=sample_id,
        user_id=user_id,
        request=token.request,
        now=now,
    )
    if redeemed.outcome is not Outcome.GOOD:
        return Result(redeemed.outcome, redeemed.submission_id)
    if similar_window and await db.fetchval(
        FIND_SIMILAR,
        sample_id,
        new.customer_id,
        new.agent_name,
        new.file_name,
        now - similar_window,
    ):
        await challenge.use(db, token.id, token.request, None)
        return Result(Outcome.GOOD)
    id_ = await _store(db, sample_id, new, user_id=user_id, now=now)
    await challenge.use(db, token.id, token.request, id_)
    chosen = plan(
        book.policy, book.rules, Subject(new.customer_id, type_, super_type, new.meta_data), book.alive
    )
    job_id = await open_job(db, Cause(sample_id, new.customer_id, id_), chosen, book, now=now)
    return Result(Outcome.GOOD, id_, job_id)


async def _store(db: Connection, sample_id: int, new: NewSubmission, *, user_id: int, now: Millis) -> UUID:
    id_ = new_id()
    await db.execute(
        STORE,
        id_,
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
    return id_
