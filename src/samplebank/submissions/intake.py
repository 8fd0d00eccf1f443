"""Storing submissions, each with the job that the submission causes, in one transaction, under the lock of the sample."""

from uuid import UUID

import msgspec

from samplebank.database import Connection, Outrun, Statement, new_id
from samplebank.errors import NotFound
from samplebank.jobs import opening
from samplebank.policy.model import Case
from samplebank.policy.plan import plan_for
from samplebank.policy.rules import PolicyBook, lock_version
from samplebank.submissions import challenge
from samplebank.submissions.challenge import Outcome, Redemption, Tries
from samplebank.submissions.model import NewSubmission, Submission
from samplebank.submissions.queries import get_submission
from samplebank.timespec import Millis

NOT_STORED = "There is no sample with this SHA-256: upload it first."


def _look_statement(lock: str) -> Statement:
    return Statement(f"""
        WITH
        found AS MATERIALIZED (
            SELECT s.id, s.xmin, c.type, c.super_type
              FROM sample s LEFT JOIN classification c ON c.id = s.classification_id
             WHERE s.sha256 = :sha256 AND s.deleted_time IS NULL {lock}
        )
        SELECT (SELECT version FROM policy), found.*,
               -- Wrong answers count only where there is something to guess. A user who has uploaded the file, and
               -- whose challenge is answered by the digest, need not wait.
               CASE WHEN asked.answer <> :sha256 THEN {challenge.barred("asked.user_id")} END,
               {challenge.COLUMNS.sql}
          FROM found
          LEFT JOIN challenge asked ON asked.id = :challenge_id
    """)


LOOK = _look_statement("")
#: locks the sample; the challenge is locked after the sample
LOOK_AND_LOCK = _look_statement("FOR NO KEY UPDATE OF s")


def stored(sample: str = ":sample_id::bigint") -> str:
    """Part of a statement: `stored` (id) is the submission. The part reads `good`, of at most one row: no row, no submission.

    `sample` is an expression for the id of the sample, whose lock the statement holds.
    """
    return f"""
    -- Beside a similar submission nothing is stored. In a young database, the planner would take the index of the
    -- customer, and keep the plan. `+ 0` and `|| ''` hide that index. Only the index of the sample is left.
    stored AS (
        INSERT INTO submission (
            id, sample_id, customer_id, user_id, tlp, acl, readers, file_name, mime_type, agent_name, agent_version,
            meta_data, observed_time, expiry_time, submitted_time, trusted_agent)
        SELECT :id::uuid, {sample}, :customer_id::bigint, :user_id::bigint, :tlp::text, :acl::bigint[],
               :readers::bigint[], :file_name::text, :mime_type::text, :agent_name::text, :agent_version::text,
               :meta_data::jsonb, :observed_time::bigint, :expiry_time::bigint, :now::bigint, :trusted_agent::boolean
          FROM good
         WHERE NOT EXISTS (SELECT FROM submission
                            WHERE sample_id = {sample} AND submitted_time > :similar_since::bigint
                              AND customer_id + 0 = :customer_id
                              AND agent_name || '' = :agent_name AND file_name || '' = :file_name)
        RETURNING id
    )
    """


#: the parts of a statement that changes nothing if others have changed something since the look
STORING = f"""
    WITH
    -- Nobody has submitted, reanalysed or judged the sample meanwhile: each would make a new version of the row.
    held AS MATERIALIZED (
        SELECT id FROM sample
         WHERE id = :sample_id AND xmin = :sample_version::xid AND deleted_time IS NULL FOR NO KEY UPDATE
    ),
    -- Nobody has used the challenge meanwhile.
    asked AS MATERIALIZED (
        SELECT c.id FROM challenge c, held WHERE c.id = :challenge_id AND c.used_by IS NULL FOR UPDATE OF c
    ),
    -- The policy has not changed since the workers were selected.
    good AS (
        SELECT id FROM asked WHERE (SELECT version FROM policy) = :policy_version::bigint
    ),
    {stored()},
    noted AS (
        UPDATE sample SET
            activity_time = greatest(activity_time, :now), unread_since = NULL,
            readers = CASE WHEN readers @> :readers THEN readers
                           ELSE ARRAY(SELECT DISTINCT r FROM unnest(readers || :readers) r ORDER BY r) END
          FROM stored WHERE sample.id = :sample_id
    ),
    -- The request uses the challenge up, even where nothing is stored.
    used AS (
        UPDATE challenge SET used_by = :request, submission_id = (SELECT id FROM stored)
          FROM good WHERE challenge.id = good.id
    ),
    cause AS (SELECT id AS submission_id FROM stored),
    {opening.opened(told=opening.SUBMITTED)}
"""


def marked(sample: str = ":sample_id") -> str:
    """Part of a statement: notes that the workers were chosen without the type of the file.

    The part reads `stored` and `job_of_cause`. `sample` is an expression for the id of the sample.
    """
    return f"""
    marked AS (
        INSERT INTO untyped_plan (sample_id, submission_id, job_id)
        SELECT {sample}, stored.id, job_of_cause.id FROM stored LEFT JOIN job_of_cause ON TRUE
    )
    """


#: the end of the statement: no row if others have changed something since the look
STORED = "SELECT stored.id, job_of_cause.id FROM good LEFT JOIN stored ON TRUE LEFT JOIN job_of_cause ON TRUE"
STORE = Statement(f"{STORING} {STORED}")
STORE_UNTYPED = Statement(f"{STORING}, {marked()} {STORED}")


class Token(msgspec.Struct, frozen=True):
    """The answer to a challenge, and the digest of the request that brings the answer."""

    id: UUID
    answer: bytes
    request: bytes


class Result(msgspec.Struct, frozen=True):
    """The result of a request to submit. GOOD without a submission: a similar submission exists, so nothing was stored."""

    outcome: Outcome
    submission: Submission | None = None
    job_id: UUID | None = None


class Snapshot(msgspec.Struct, frozen=True):
    """The sample and the policy at the time of the look, with their versions, and the worth of the answer."""

    sample_id: int
    sample_version: int
    policy_version: int
    type: str | None
    super_type: str | None
    redeemed: Redemption


class Untyped(Exception):
    """The policy looks at file types, and the sample has no type yet. Nothing has been changed."""

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
    """Store a submission and open the job.

    Looks first, then stores everything in one statement. The statement is all or nothing and needs no transaction.
    Raises `Outrun` when others changed something since the look. With `locking`, in a transaction, others wait instead.

    A wrong answer to the challenge is an outcome, not an error, because the use of the challenge must be committed.
    Raises `NotFound` when the bytes are not stored. Raises `TooMany` for a user who has answered wrongly too often,
    whatever the present answer is. With `needs_type`, raises `Untyped` where the policy has to know the file type.
    """
    snapshot = await _look(db, sha256, token, user_id=user_id, tries=tries, now=now, locking=locking)
    if snapshot.redeemed.outcome is not Outcome.GOOD:
        return await _declined(db, token, snapshot.redeemed, now=now)
    book = await policies.current(db, snapshot.policy_version)
    is_early = snapshot.type is None and book.looks_at_classification
    if needs_type and is_early:
        raise Untyped(snapshot.sample_id)
    chosen = plan_for(Case(new.customer_id, snapshot.type, snapshot.super_type, new.meta_data), book)
    row = await (STORE_UNTYPED if is_early else STORE).row(
        db,
        **msgspec.structs.asdict(new),
        **opening.values(chosen, book),
        id=new_id(),
        user_id=user_id,
        now=now,
        similar_since=now - similar_window if similar_window else None,
        request=token.request,
        challenge_id=token.id,
        sample_id=snapshot.sample_id,
        sample_version=snapshot.sample_version,
        policy_version=snapshot.policy_version,
    )
    if row is None:
        raise Outrun
    id_, job_id = row
    stored = None if id_ is None else as_stored(id_, sha256, new, user_id=user_id, now=now)
    return Result(Outcome.GOOD, stored, job_id)


async def _look(
    db: Connection, sha256: bytes, token: Token, *, user_id: int, tries: Tries, now: Millis, locking: bool
) -> Snapshot:
    look = LOOK_AND_LOCK if locking else LOOK
    if locking:
        await lock_version(db)
    since = now - tries.period
    row = await look.row(db, sha256=sha256, challenge_id=token.id, since=since, most=tries.most)
    if row is None:
        raise NotFound(NOT_STORED)
    version, sample_id, sample_version, type_, super_type, barred, *asked = row
    redeemed = challenge.redeem(
        challenge.COLUMNS.read(asked),
        token.answer,
        sample_id=sample_id,
        user_id=user_id,
        request=token.request,
        now=now,
    )
    if redeemed.outcome in {Outcome.GOOD, Outcome.WRONG}:
        tries.check(barred, now)
    return Snapshot(sample_id, sample_version, version, type_, super_type, redeemed)


async def _declined(db: Connection, token: Token, redeemed: Redemption, *, now: Millis) -> Result:
    """Answer a request whose challenge is not good for a new submission. A wrong answer uses the challenge up."""
    if redeemed.outcome is Outcome.WRONG:
        await challenge.use_up(db, token.id, now=now)
    if redeemed.submission_id is None:
        return Result(redeemed.outcome)
    return Result(redeemed.outcome, await get_submission(db, redeemed.submission_id))


def as_stored(id_: UUID, sha256: bytes, new: NewSubmission, *, user_id: int, now: Millis) -> Submission:
    """Make the submission that a read would give."""
    return Submission(
        id=id_,
        sha256=sha256,
        customer_id=new.customer_id,
        user_id=user_id,
        tlp=new.tlp,
        acl=new.acl,
        file_name=new.file_name,
        mime_type=new.mime_type,
        agent_name=new.agent_name,
        agent_version=new.agent_version,
        meta_data=new.meta_data,
        observed_time=new.observed_time,
        submitted_time=now,
        expiry_time=new.expiry_time,
        trusted_agent=new.trusted_agent,
        event=None,
    )
