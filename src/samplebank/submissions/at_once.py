"""A file in one request: sample, submission, job and kept answer, in one statement after the bytes are safe."""

from collections.abc import Callable
from uuid import UUID

import asyncpg
import msgspec

from samplebank.accounts.caller import of_uploader
from samplebank.blobs import Digests
from samplebank.database import Connection, Outrun, Statement, new_id
from samplebank.jobs import opening
from samplebank.policy.model import Book, Case
from samplebank.policy.plan import plan_for
from samplebank.policy.rules import PolicyBook, lock_version
from samplebank.repeats.kept import Keyed, is_taken
from samplebank.samples import catalogue
from samplebank.submissions.intake import as_stored, marked, stored
from samplebank.submissions.model import NewSubmission, Submission
from samplebank.timespec import Millis

#: the statuses kept with an answer
CREATED, SIMILAR = 201, 220


def _look(lock: str) -> Statement:
    return Statement(f"""
        WITH found AS MATERIALIZED (
            SELECT s.id, c.type, c.super_type
              FROM sample s LEFT JOIN classification c ON c.id = s.classification_id
             WHERE s.sha256 = :sha256 AND s.deleted_time IS NULL {lock}
        )
        SELECT policy.version, found.* FROM policy LEFT JOIN found ON TRUE
    """)


LOOK = _look("")
LOOK_AND_LOCK = _look("FOR NO KEY UPDATE OF s")
#: the parts of a statement that changes nothing if others have changed something since the look or the start
STORING = f"""
    WITH
    known AS MATERIALIZED (
        SELECT s.id, s.xmin AS version, c.type, c.super_type
          FROM sample s LEFT JOIN classification c ON c.id = s.classification_id
         WHERE s.sha256 = :sha256::bytea AND s.deleted_time IS NULL
    ),
    -- The workers were selected by the present policy and the present type. An unknown file has no type.
    planned AS MATERIALIZED (
        SELECT FROM policy
         WHERE version = :policy_version::bigint
           AND (NOT :is_typed::boolean
                OR (SELECT type FROM known) IS NOT DISTINCT FROM :type::text
                   AND (SELECT super_type FROM known) IS NOT DISTINCT FROM :super_type::text)
           AND (:key::bytea IS NULL
                OR NOT EXISTS (SELECT FROM kept_answer WHERE user_id = :user_id AND kept_answer.key = :key))
    ),
    {
    catalogue.added(
        ":sample_readers::bigint[]",
        unread_since="NULL",
        condition="FROM planned WHERE NOT EXISTS (SELECT FROM known)",
    )
},
    -- Nobody has submitted, reanalysed or judged a known sample since the statement began: each would make a new version.
    held AS MATERIALIZED (
        SELECT s.id FROM planned, known JOIN sample s ON s.id = known.id
         WHERE s.xmin = known.version AND s.deleted_time IS NULL FOR NO KEY UPDATE OF s
    ),
    good AS (
        SELECT id, TRUE AS is_new FROM sample_added UNION ALL SELECT id, FALSE FROM held
    ),
    {stored("(SELECT id FROM good)")},
    -- Beside a similar submission, a known sample still learns its uploader, as by any upload.
    noted AS (
        UPDATE sample SET
            activity_time = CASE WHEN stored.id IS NULL THEN activity_time ELSE greatest(activity_time, :now) END,
            unread_since = CASE WHEN stored.id IS NULL THEN unread_since END,
            readers = ARRAY(SELECT DISTINCT r
                              FROM unnest(readers || CASE WHEN stored.id IS NULL THEN ARRAY[:uploader::bigint]
                                                          ELSE :sample_readers END) r ORDER BY r)
          FROM held LEFT JOIN stored ON TRUE
         WHERE sample.id = held.id AND (stored.id IS NOT NULL OR NOT readers @> ARRAY[:uploader::bigint])
    ),
    cause AS (SELECT id AS submission_id FROM stored),
    {opening.opened("(SELECT id FROM good)", opening.SUBMITTED)},
    -- The prepared answer names a new job. Where the submission has joined a job, the job's id takes its place.
    kept AS (
        INSERT INTO kept_answer (user_id, key, request, status, answer, created_time)
        SELECT :user_id, :key, :request::bytea,
               CASE WHEN stored.id IS NULL THEN {SIMILAR} ELSE {CREATED} END,
               CASE WHEN stored.id IS NULL THEN :similar_answer::text
                    ELSE replace(:answer::text, :job_id::text, coalesce(job_of_cause.id, :job_id)::text) END,
               :now
          FROM good LEFT JOIN stored ON TRUE LEFT JOIN job_of_cause ON TRUE
         WHERE :key IS NOT NULL
    )
"""
#: the end of the statement: no row if others have changed something
STORED = """
    SELECT good.is_new, stored.id, job_of_cause.id, job_of_cause.is_new
      FROM good LEFT JOIN stored ON TRUE LEFT JOIN job_of_cause ON TRUE
"""
STORE = Statement(f"{STORING} {STORED}")
STORE_UNTYPED = Statement(f"{STORING}, {marked('(SELECT id FROM good)')} {STORED}")


class Uploader(msgspec.Struct, frozen=True):
    """The user who sends a file, the user's customer, and the key. Sessions that began without a key have none."""

    user_id: int
    customer_id: int
    key_id: UUID | None = None


class Answering(msgspec.Struct, frozen=True):
    """The answers to a request with a key, written before the outcome is known: with submission and job, or `similar`."""

    keyed: Keyed
    similar: bytes
    write: Callable[[Submission, UUID | None], bytes]


class Taken(msgspec.Struct, frozen=True):
    """What became of a file. Without a submission, a similar submission exists, so none was stored.

    `workers` has the short names of the workers of the job.
    """

    is_new: bool
    submission: Submission | None = None
    job_id: UUID | None = None
    opens_job: bool = False
    workers: frozenset[str] = frozenset()


class NeedsType(Exception):
    """The policy looks at file types, and the file has no type yet. Nothing has been changed."""


class Repeated(Exception):
    """The key of the request has been used before. Nothing has been changed."""


async def take_in(
    db: Connection,
    digests: Digests,
    new: NewSubmission,
    policies: PolicyBook,
    *,
    uploader: Uploader,
    similar_window: Millis,
    now: Millis,
    answering: Answering | None = None,
    needs_type: bool = False,
    locking: bool = False,
) -> Taken:
    """Store sample, submission and job of bytes that are kept, and the answer to a request with a key.

    Everything is stored in one statement, which needs no transaction. Raises `Outrun` when others changed what was
    looked at, `Repeated` for a key used before, and with `needs_type` `NeedsType` where the policy looks at types.
    With `locking`, in a transaction, others have to wait instead.
    """
    book, type_, super_type = await _seen(db, digests.sha256, policies, locking=locking)
    is_early = type_ is None and book.looks_at_classification
    if needs_type and is_early:
        raise NeedsType
    chosen = plan_for(Case(new.customer_id, type_, super_type, new.meta_data), book)
    id_, job = new_id(), opening.values(chosen, book)
    submission = as_stored(id_, digests.sha256, new, user_id=uploader.user_id, now=now)
    planned_id = opening.id_of(job) if chosen.workers else None
    own = of_uploader(uploader.customer_id)
    is_new, stored_id, job_id, opens_job = await _store(
        db,
        STORE_UNTYPED if is_early else STORE,
        answering,
        **msgspec.structs.asdict(new),
        **catalogue.values(digests, uploader.customer_id, uploader.user_id, key_id=uploader.key_id, now=now),
        **job,
        **to_keep(answering, submission, planned_id),
        id=id_,
        user_id=uploader.user_id,
        sample_readers=sorted({own, *new.readers}),
        similar_since=now - similar_window if similar_window else None,
        policy_version=book.version,
        is_typed=book.looks_at_classification,
        type=type_,
        super_type=super_type,
    )
    workers = frozenset(book.names[worker] for worker in chosen.workers)
    return Taken(is_new, submission if stored_id else None, job_id, bool(opens_job), workers)


async def _store(
    db: Connection, statement: Statement, answering: Answering | None, **values: object
) -> tuple[bool, UUID | None, UUID | None, bool | None]:
    """Run the statement. Raises `Outrun` and `Repeated` as `take_in` does."""
    try:
        row: tuple[bool, UUID | None, UUID | None, bool | None] | None = await statement.row(db, **values)
    except asyncpg.UniqueViolationError as error:
        if error.table_name == "kept_answer":
            raise Repeated from None
        raise
    if row is None:
        if answering is not None and await is_taken(db, answering.keyed):
            raise Repeated
        raise Outrun
    return row


async def _seen(
    db: Connection, sha256: bytes, policies: PolicyBook, *, locking: bool
) -> tuple[Book, str | None, str | None]:
    """The policy in force, and type and superType of the file where the policy looks at types.

    Where a copy of the policy is at hand, and does not look at types, nothing is read: the statement that stores compares
    the version of the copy.
    """
    book = policies.latest
    if book is not None and not locking and not book.looks_at_classification:
        return book, None, None
    if locking:
        await lock_version(db)
    version, _, type_, super_type = await (LOOK_AND_LOCK if locking else LOOK).row(db, sha256=sha256)
    return await policies.current(db, version), type_, super_type


def to_keep(answering: Answering | None, submission: Submission, job_id: UUID | None) -> dict[str, object]:
    """The parameters of a statement about the answer that is kept."""
    if answering is None:
        return {"key": None, "request": None, "similar_answer": None, "answer": None}
    return {
        "key": answering.keyed.key,
        "request": answering.keyed.request,
        "similar_answer": answering.similar.decode(),
        "answer": answering.write(submission, job_id).decode(),
    }
