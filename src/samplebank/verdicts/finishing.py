"""Updates of tasks: look without a lock, then change everything in one statement, if all is as it was looked at.

A job is in a new version after each change that decides what its end will be like, and so is the sample: nobody ends
a task without changing its job, nobody submits, ends a job or rules by hand without changing the sample.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from samplebank.accounts.access import Caller, numbers_to_see
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Outrun
from samplebank.database.identifiers import find_id
from samplebank.errors import Forbidden, NotFound
from samplebank.jobs.model import FINAL, Task, TaskState
from samplebank.jobs.progress import (
    JOB_ENDED,
    JOB_NOTED,
    RETURNED,
    Move,
    OpenJob,
    OpenTask,
    repeated,
    start_task,
)
from samplebank.jobs.queries import NO_JOB, NO_TASK
from samplebank.timespec import Millis
from samplebank.verdicts.ruling import CHOSEN, CIRCUMSTANCES, FINDING_COLUMNS, STORED_OF_JOB, ruling_of

#: for those that cannot look in peace: the job before the sample, as everybody locks them
LOCK = """
    WITH locked AS MATERIALIZED (SELECT sample_id FROM job WHERE id = $1 FOR UPDATE)
    SELECT FROM sample WHERE id = (SELECT sample_id FROM locked) FOR NO KEY UPDATE
"""
# What there is to know of task $2 of job $1 before it moves to state $4 with the analyses $3; only where it is the last
# one to end, what the verdict will depend on. What is asked for is read from a row, because PostgreSQL would think a plan
# for the values at hand (no analyses, say) the better one, and make it for each request: that takes longer than all else.
LOOK = f"""
    WITH asked AS MATERIALIZED (
        SELECT $3::uuid[] AS analyses, $4::text AS state, $5::boolean AS is_final, $6::bigint[] AS numbers, $7::bigint AS user_id
    ), seen AS MATERIALIZED (
        SELECT j.id, j.customer_id, t.claimed_by, t.state, t.lease_token,
               ARRAY(SELECT id FROM analysis a WHERE sample_id = j.sample_id AND id = ANY(asked.analyses)
                                               AND (asked.numbers IS NULL OR a.readers && asked.numbers
                                                    OR a.user_id = asked.user_id)) AS known,
               j.sample_id, j.xmin AS job_version, s.xmin AS sample_version,
               asked.is_final AND NOT EXISTS (SELECT FROM job_task other
                                            WHERE other.job_id = $1 AND other.id <> $2 AND other.end_time IS NULL) AS is_last
          FROM asked, job j JOIN sample s ON s.id = j.sample_id LEFT JOIN job_task t ON t.job_id = j.id AND t.id = $2
         WHERE j.id = $1
    ), {
    CHOSEN.format(
        tasks="seen, job_task t WHERE t.job_id = seen.id AND seen.is_last",
        sample="(SELECT sample_id FROM seen)",
        customer="(SELECT customer_id FROM seen)",
        task="$2::uuid",
        state="(SELECT state FROM asked)",
        analyses="(SELECT analyses FROM asked)",
    )
}
    SELECT seen.*, {CIRCUMSTANCES.format(sample="seen.sample_id")}, {FINDING_COLUMNS}
      FROM seen LEFT JOIN (chosen JOIN analysis a ON a.id = chosen.analysis_id) ON TRUE
     ORDER BY a.created_time, a.id
"""
#: how many columns of LOOK are those of `seen`
SEEN = 10
# No row, and nothing done, if others came between.
HELD_JOB = (
    "held_job AS MATERIALIZED (SELECT id FROM job WHERE id = {job} AND xmin = {version}::xid FOR UPDATE)"
)
HELD_SAMPLE = """
    held_sample AS MATERIALIZED (
        SELECT s.id FROM sample s, held_job WHERE s.id = {sample} AND s.xmin = {version}::xid FOR NO KEY UPDATE OF s
    )
"""
ENDED = f"""
    ended AS (
        UPDATE job_task t SET state = {{to}}, end_time = greatest({{now}}::bigint, start_time),
               message = coalesce({{message}}::text, message), lease_token = NULL, lease_until = NULL
          FROM {{held}} WHERE t.id = {{task}} AND t.state = {{state}} AND t.lease_token IS NOT DISTINCT FROM {{lease}}::uuid
        RETURNING {RETURNED}
    ), linked AS (
        INSERT INTO job_task_analysis (task_id, analysis_id)
        SELECT ended.id, given FROM ended, unnest({{analyses}}::uuid[]) AS given ON CONFLICT DO NOTHING
    ), named AS (
        UPDATE analysis SET job_id = {{job}} FROM ended WHERE analysis.id = ANY({{analyses}}) AND analysis.job_id IS NULL
    )
"""
TASK = """
    SELECT ended.*,
           coalesce((SELECT jsonb_agg(jsonb_build_array(a.id, a.score, a.agent_name, a.agent_version) ORDER BY a.id)
                       FROM analysis a WHERE a.id = ANY({analyses})), '[]')
      FROM ended
"""
END_TASK = f"""
    WITH {HELD_JOB.format(job="$1", version="$2")}, {
    ENDED.format(
        held="held_job",
        job="$1",
        now="$3",
        task="$4",
        state="$5",
        lease="$6",
        to="$7",
        message="$8",
        analyses="$9",
    )
}, {JOB_NOTED.format(job="$1")}
    {TASK.format(analyses="$9")}
"""
#: the parameters up to $18 are those of the verdict
END_JOB = f"""
    WITH {HELD_JOB.format(job="$3", version="$19")}, {HELD_SAMPLE.format(sample="$2", version="$20")}, {
    ENDED.format(
        held="held_sample",
        job="$3",
        now="$14",
        task="$21",
        state="$22",
        lease="$23",
        to="$24",
        message="$25",
        analyses="$26",
    )
}, {JOB_ENDED.format(job="$3", state="'done'", now="$14", because="FROM ended")}, {STORED_OF_JOB}
    {TASK.format(analyses="$26")}
"""


class Seen(msgspec.Struct, frozen=True):
    """A task as it was looked at, in these versions of its job and sample.

    `grounds` are the rows that the verdict follows from, if the task is the last one of its job to end.
    """

    task: OpenTask
    job: OpenJob
    job_version: int
    sample_version: int
    grounds: Sequence[Sequence[Any]] | None


async def update_task(
    db: Connection,
    caller: Caller,
    job: str,
    task: str,
    move: Move,
    threshold: int,
    *,
    now: Millis,
    locking: bool = False,
) -> tuple[Task, bool]:
    """Move a task on: (the task, whether its job ended with it).

    Raises `Outrun` when others came between: nobody does with `locking`, in a transaction, which makes them wait.
    Raises `NotFound` where the caller may not even look, `Forbidden` where it may only look, `Conflict` for an
    illegal move, `Invalid` for analyses of another sample.
    """
    if locking:
        await db.execute(LOCK, find_id(job))
    seen = await look(db, caller, job, task, move)
    if (found := await repeated(db, caller, seen.task, move)) is not None:
        return found, False
    if move.to not in FINAL:
        return await start_task(db, seen.task, move, now=now), False
    return await _end_task(db, seen, move, threshold, now=now), seen.grounds is not None


async def look(db: Connection, caller: Caller, job: str, task: str, move: Move | None = None) -> Seen:
    """Look at a task that the caller may move.

    Raises `NotFound` where the caller may not even look, `Forbidden` where it may only look.
    """
    job_id, task_id = find_id(job), find_id(task)
    to, analyses = (move.to, list(move.analyses or ())) if move else (None, [])
    numbers = numbers_to_see(caller, Permission.VIEW_ANALYSIS)
    asked = (task_id, analyses, to, to in FINAL, numbers, caller.user.id)
    rows = await db.fetch(LOOK, job_id, *asked) if job_id else []
    may_move = bool(rows) and caller.may_move(rows[0]["customer_id"], rows[0]["claimed_by"])
    if (
        not rows
        or job_id is None
        or not (may_move or caller.may(Permission.VIEW_JOBS, rows[0]["customer_id"]))
    ):
        raise NotFound(NO_JOB)
    if not may_move:
        raise Forbidden("You do not hold the permission updateAnalysisJob for the customer of this job.")
    _, _, _, state, lease, known, sample_id, job_version, sample_version, is_last, *_ = rows[0]
    if task_id is None or state is None:
        raise NotFound(NO_TASK)
    return Seen(
        OpenTask(task_id, job_id, TaskState(state), lease, known),
        OpenJob(job_id, sample_id),
        job_version,
        sample_version,
        [tuple(row)[SEEN:] for row in rows] if is_last else None,
    )


async def _end_task(db: Connection, seen: Seen, move: Move, threshold: int, *, now: Millis) -> Task:
    task = seen.task
    change = (task.id, task.state, task.lease, move.to, move.message, list(move.analyses or ()))
    if seen.grounds is None:
        row = await db.fetchrow(END_TASK, seen.job.id, seen.job_version, now, *change)
    else:
        ruling = ruling_of(seen.job, seen.grounds, threshold)
        versions = (seen.job_version, seen.sample_version)
        row = await db.fetchrow(END_JOB, *ruling.values(now), *versions, *change)
    if row is None:
        raise Outrun
    return Task(*row)
