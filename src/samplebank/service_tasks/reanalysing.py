"""The reanalysis of all samples that a search finds: their jobs are opened little by little, as earlier jobs end.

What the caller may see is decided when the caller asks. From then on the task knows each sample with the submission for
which the sample is analysed again (`reanalysis_wanted`). A step opens some jobs, and notes the jobs in the same transaction.
So a step that is cut off has opened none, and no step opens a job twice.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from samplebank.accounts.access import see_rows
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Sql, Statement, new_id
from samplebank.errors import Conflict
from samplebank.jobs.lanes import Lane, shift_of
from samplebank.jobs.opening import Cause, open_or_join
from samplebank.policy.model import Book, Case
from samplebank.policy.plan import plan_for
from samplebank.policy.rules import lock_version
from samplebank.service_tasks import running
from samplebank.service_tasks.model import Operation, RunningTask, State, Step, Tools
from samplebank.submissions import replanning
from samplebank.timespec import Millis

#: the most samples of a reanalysis, and the most reanalyses that one user may have under way
MOST, MOST_AT_ONCE = 100_000, 5
#: jobs of a reanalysis that are open together: jobs time out, and so a reanalysis does not open more than workers can end
OPEN = 500
#: jobs opened in one step, which locks the samples
BATCH = 50
# Reanalyses of one user, begun at the same moment, are counted one after the other.
TAKE_TURN = Statement(f"SELECT pg_advisory_xact_lock({0x5A4B_000A}, hashint8(:user_id::bigint))")
COUNT_OPEN = """
    SELECT count(*) FROM service_task WHERE finished_time IS NULL AND operation = 'reanalyse' AND user_id = $1
"""
# All submissions are read at once. Sample by sample, with old statistics, 100,000 samples took more than a minute.
WANT = """
    WITH wanted AS (
        INSERT INTO reanalysis_wanted (task_id, sample_id, submission_id)
        SELECT DISTINCT ON (u.sample_id) {task}::uuid, u.sample_id, u.id
          FROM submission u WHERE u.sample_id = ANY ({samples}::bigint[]) AND {visible}
         ORDER BY u.sample_id, u.customer_id = {own} DESC, u.submitted_time DESC, u.id DESC
        RETURNING 1
    )
    SELECT count(*) FROM wanted
"""
FORGET_ENDED = Statement("""
    WITH ended AS (
        DELETE FROM reanalysis_wanted w WHERE task_id = :task AND job_id IS NOT NULL
           AND NOT EXISTS (SELECT FROM job j WHERE j.id = w.job_id AND j.end_time IS NULL)
        RETURNING 1
    )
    SELECT count(*) FROM ended
""")
COUNT_JOBS = "SELECT count(*) FROM reanalysis_wanted WHERE task_id = $1 AND job_id IS NOT NULL"
NEXT = Statement("""
    SELECT sample_id, submission_id FROM reanalysis_wanted
     WHERE task_id = :task AND job_id IS NULL ORDER BY sample_id LIMIT :most
""")
# An update, because submissions look without a lock. The new version of the row tells submissions that there may be a new
# job.
LOCK = """
    WITH stored AS (
        SELECT id FROM sample WHERE id = ANY ($1::bigint[]) AND deleted_time IS NULL ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE sample s SET size = s.size FROM stored WHERE s.id = stored.id
"""
CASES = Statement("""
    SELECT u.sample_id, u.id, u.customer_id, u.meta_data, c.type, c.super_type
      FROM submission u JOIN sample s ON s.id = u.sample_id LEFT JOIN classification c ON c.id = s.classification_id
     WHERE u.id = ANY (:submissions::uuid[]) AND s.deleted_time IS NULL ORDER BY u.sample_id
""")
NOTE = Statement("""
    UPDATE reanalysis_wanted w SET job_id = opened.job_id
      FROM unnest(:samples::bigint[], :jobs::uuid[]) opened(sample_id, job_id)
     WHERE w.task_id = :task AND w.sample_id = opened.sample_id
""")
PASS_OVER = Statement("""
    DELETE FROM reanalysis_wanted WHERE task_id = :task AND sample_id = ANY (:samples::bigint[]) AND job_id IS NULL
""")
FORGET_LEFT = """
    DELETE FROM reanalysis_wanted w
     WHERE NOT EXISTS (SELECT FROM service_task t WHERE t.id = w.task_id AND t.finished_time IS NULL)
"""


class Wanted(msgspec.Struct, frozen=True):
    """A sample to be analysed again, as the policy looks at the sample."""

    cause: Cause
    case: Case


async def open_reanalysis(db: Connection, caller: Caller, samples: Sequence[int], *, now: Millis) -> UUID:
    """Open the task that analyses the samples again; answers its correlation id.

    A sample without a submission that the caller may reanalyse is left out. Raises `Conflict` when enough reanalyses of the
    caller are under way.
    """
    await TAKE_TURN.run(db, user_id=caller.user.id)
    if await db.fetchval(COUNT_OPEN, caller.user.id) >= MOST_AT_ONCE:
        raise Conflict(
            f"{MOST_AT_ONCE} of your reanalyses are under way; ask again when one has ended, or abort one."
        )
    id_ = new_id()
    correlation = await running.open_task(
        db, Operation.REANALYSE, {}, user_id=caller.user.id, now=now, id_=id_
    )
    visible = see_rows(caller, "u", Permission.REANALYSE)
    wanted = Sql(WANT, task=id_, samples=list(samples), visible=visible, own=caller.user.customer.id)
    await db.execute(running.COUNT, id_, "samples", await wanted.value(db))
    return correlation


async def step(db: Connection, task: RunningTask, tools: Tools, now: Millis) -> Step:
    """Open the next jobs, as long as few enough are open. The task is done when the last job has ended."""
    ended = await FORGET_ENDED.value(db, task=task.id)
    if ended:
        await running.count(db, task, "ended", ended)
    is_open: int = await db.fetchval(COUNT_JOBS, task.id)
    rows = await NEXT.rows(db, task=task.id, most=max(0, min(BATCH, OPEN - is_open)))
    if rows:
        await _open_jobs(db, task, tools, rows, now)
        return Step()
    if not is_open:
        return Step(State.DONE, "The jobs of all samples have ended.")
    return Step(rests=not ended)


async def forget_left(db: Connection) -> None:
    """Forget what tasks left that were aborted, or failed."""
    await db.execute(FORGET_LEFT)


async def _open_jobs(
    db: Connection, task: RunningTask, tools: Tools, rows: Sequence[Any], now: Millis
) -> None:
    samples = [row["sample_id"] for row in rows]
    await db.execute(LOCK, samples)
    book = await tools.policies.current(db, await lock_version(db))
    opened: dict[int, UUID] = {}
    for wanted in await _read(db, [row["submission_id"] for row in rows]):
        job = await _open_job(db, wanted, book, shift_of(Lane.BULK, tools.longest_wait), now)
        if job is not None:
            opened[wanted.cause.sample_id] = job
    await NOTE.run(db, task=task.id, samples=list(opened), jobs=list(opened.values()))
    await PASS_OVER.run(db, task=task.id, samples=samples)
    for what, number in (("jobs", len(opened)), ("passedOver", len(samples) - len(opened))):
        if number:
            await running.count(db, task, what, number)


async def _read(db: Connection, submissions: Sequence[UUID]) -> list[Wanted]:
    """Read what the policy looks at. Deleted samples and submissions are left out."""
    return [
        Wanted(Cause(sample, customer, submission), Case(customer, type_, super_type, meta_data))
        for sample, submission, customer, meta_data, type_, super_type in await CASES.rows(
            db, submissions=list(submissions)
        )
    ]


async def _open_job(db: Connection, wanted: Wanted, book: Book, shift: Millis, now: Millis) -> UUID | None:
    """Open a job, or join an unfinished job with the same workers; None where the policy selects no worker."""
    plan = plan_for(wanted.case, book)
    if not plan.workers:
        return None
    job_id, _ = await open_or_join(db, wanted.cause, plan, book, shift=shift, now=now)
    if wanted.case.type is None and book.looks_at_classification:
        await replanning.mark(db, wanted.cause, job_id)
    return job_id
