"""New files: samples, submissions, jobs and kept answers of several files that come at once, in one statement.

A file that nobody has stored before has no other submissions and no jobs. So there is nothing to compare and nothing to
lock, and most of the cost of a statement is the same for one file and for many files.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from samplebank.accounts.caller import of_uploader
from samplebank.blobs import Digests
from samplebank.database import Connection, Statement, new_id
from samplebank.jobs import opening
from samplebank.policy.model import Book, Case
from samplebank.policy.plan import plan_for
from samplebank.submissions.at_once import CREATED, Answering, Taken, Uploader, to_keep
from samplebank.submissions.intake import as_stored
from samplebank.submissions.model import NewSubmission, Submission
from samplebank.timespec import Millis

#: what the statement is told of each file, by the types of PostgreSQL. PostgreSQL has no arrays of arrays of different
#: lengths, so lists of numbers and ids travel as texts.
TOLD = {
    **dict.fromkeys(("sha256", "md5", "sha1", "sha512", "blob_token"), "bytea"),
    **dict.fromkeys(
        ("size", "policy_version", "time", "customer_id", "user_id", "charged_customer_id"), "bigint"
    ),
    **dict.fromkeys(("observed_time", "expiry_time", "shift"), "bigint"),
    **dict.fromkeys(("sample_readers", "readers", "acl", "workers"), "text"),
    **dict.fromkeys(("tlp", "file_name", "mime_type", "agent_name", "agent_version", "answer"), "text"),
    **dict.fromkeys(("meta_data", "options", "rules"), "jsonb"),
    **dict.fromkeys(("id", "job_id", "charged_key_id"), "uuid"),
    **dict.fromkeys(("key", "request"), "bytea"),
    "trusted_agent": "boolean",
}
#: A file is left out where others have changed the policy or used the key, and where a sample with the bytes is or was there.
#: Every transaction that adds several samples adds the samples in the order of their digests, and nobody waits in a circle.
STORE = Statement(f"""
    WITH
    -- OFFSET keeps the look for the key a look into the index: a plan that is made while the table is small stays.
    told AS MATERIALIZED (
        SELECT t.* FROM unnest({", ".join(f":{name}::{type_}[]" for name, type_ in TOLD.items())}) t ({", ".join(TOLD)})
          JOIN policy ON policy.version = t.policy_version
         WHERE t.key IS NULL
            OR NOT EXISTS (SELECT FROM kept_answer k WHERE k.user_id = t.user_id AND k.key = t.key OFFSET 0)
    ),
    sample_added AS (
        INSERT INTO sample (sha256, md5, sha1, sha512, size, created_time, activity_time, readers, blob_token,
                            charged_customer_id, charged_user_id, charged_key_id)
        SELECT sha256, md5, sha1, sha512, size, time, time, sample_readers::bigint[], blob_token, charged_customer_id, user_id,
               charged_key_id
          FROM told ORDER BY sha256
        ON CONFLICT (sha256) DO NOTHING
        RETURNING id AS sample_id, sha256
    ),
    good AS MATERIALIZED (
        SELECT * FROM sample_added JOIN told USING (sha256)
    ),
    stored AS (
        INSERT INTO submission (
            id, sample_id, customer_id, user_id, tlp, acl, readers, file_name, mime_type, agent_name, agent_version,
            meta_data, observed_time, expiry_time, submitted_time, trusted_agent)
        SELECT id, sample_id, customer_id, user_id, tlp, acl::bigint[], readers::bigint[], file_name, mime_type,
               agent_name, agent_version, meta_data, observed_time, expiry_time, time, trusted_agent
          FROM good
    ),
    opened AS (
        INSERT INTO job (id, sample_id, customer_id, submission_id, state, enqueued_time, workers, options, rules)
        SELECT job_id, sample_id, customer_id, id, 'enqueued', time, workers::uuid[], options, rules
          FROM good WHERE workers <> '{{}}'
    ),
    published AS (
        INSERT INTO outbox (sample_id, kind, payload, created_time)
        SELECT sample_id, kind, payload, time FROM (
            SELECT 1, sample_id, 'submission', jsonb_build_object('submissionID', id), time FROM good UNION ALL
            SELECT 2, sample_id, 'job', jsonb_build_object('jobID', job_id, 'submissionID', id), time
              FROM good WHERE workers <> '{{}}'
        ) AS told (place, sample_id, kind, payload, time) ORDER BY place
    ),
    queued AS (
        INSERT INTO job_task (id, job_id, sample_id, customer_id, worker_id, worker, state, enqueued_time, shift)
        SELECT task.id, job_id, sample_id, customer_id, worker_id, worker, 'enqueued', time, shift
          FROM unnest(:task_ids::uuid[], :task_jobs::uuid[], :task_workers::uuid[], :task_worker_names::text[])
               task (id, job_id, worker_id, worker)
          JOIN good USING (job_id)
    ),
    kept AS (
        INSERT INTO kept_answer (user_id, key, request, status, answer, created_time)
        SELECT user_id, key, request, {CREATED}, answer, time FROM good WHERE key IS NOT NULL ORDER BY user_id, key
    )
    SELECT good.id FROM good
""")


class NewFile(msgspec.Struct, frozen=True):
    """A file with its submission and the job that is to be opened. Nothing has been stored."""

    submission: Submission
    #: None where the policy wants no worker
    job_id: UUID | None
    #: the values of `TOLD`
    told: dict[str, Any]
    #: id, worker and the worker's name of each task
    tasks: list[tuple[UUID, UUID, str]]
    #: the digest of the bytes, and the user with the key of the request: no two files of a statement may share a mark
    marks: frozenset[object]

    @property
    def name(self) -> UUID:
        return self.submission.id

    @property
    def taken(self) -> Taken:
        """What became of the file once the file has been stored."""
        workers = frozenset(name for _, _, name in self.tasks)
        return Taken(True, self.submission, self.job_id, self.job_id is not None, workers)  # noqa: FBT003 a plain record


def plan_file(
    digests: Digests,
    new: NewSubmission,
    book: Book,
    *,
    uploader: Uploader,
    now: Millis,
    answering: Answering | None = None,
) -> NewFile:
    """Choose the workers of a file by a policy that does not look at file types."""
    chosen = plan_for(Case(new.customer_id, None, None, new.meta_data), book)
    job: dict[str, Any] = opening.values(chosen, book)
    submission = as_stored(new_id(), digests.sha256, new, user_id=uploader.user_id, now=now)
    job_id = opening.id_of(job) if chosen.workers else None
    kept = to_keep(answering, submission, job_id)
    key = None if answering is None else (answering.keyed.user_id, answering.keyed.key)
    own = of_uploader(uploader.customer_id)
    tasks = list(zip(job["task_ids"], chosen.workers, job["worker_names"], strict=True))
    told = {
        **msgspec.structs.asdict(digests),
        **msgspec.structs.asdict(new),
        "id": submission.id,
        "user_id": uploader.user_id,
        "charged_customer_id": uploader.customer_id,
        "charged_key_id": uploader.key_id,
        "sample_readers": _listed(sorted({own, *new.readers})),
        "readers": _listed(new.readers),
        "acl": _listed(new.acl),
        "policy_version": book.version,
        "time": now,
        "job_id": job["job_id"],
        "workers": _listed(chosen.workers),
        "options": job["options"],
        "rules": job["rules"],
        "key": kept["key"],
        "request": kept["request"],
        "answer": kept["answer"],
    }
    return NewFile(submission, job_id, told, tasks, frozenset((digests.sha256, *((key,) if key else ()))))


async def store(db: Connection, files: Sequence[NewFile]) -> dict[UUID, bool]:
    """Store files of different digests and different keys, in one statement. Answers True for the submissions that were stored.

    Nothing has been changed for a file that was not stored. Raises the errors of asyncpg, also where a single file is to blame.
    Then nothing was stored.
    """
    told = {name: [file.told[name] for file in files] for name in TOLD}
    tasks = [(file.job_id, *task) for file in files for task in file.tasks]
    jobs, ids, workers, names = zip(*tasks, strict=True) if tasks else ((), (), (), ())
    rows = await STORE.rows(
        db, **told, task_ids=ids, task_jobs=jobs, task_workers=workers, task_worker_names=names
    )
    return {row[0]: True for row in rows}


def _listed(values: Iterable[object]) -> str:
    """Numbers or ids as the text of an array."""
    return f"{{{','.join(map(str, values))}}}"
