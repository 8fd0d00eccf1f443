"""Updates of tasks: look without a lock, then change everything in one statement, unless others came between.

Row versions tell whether others came between. The end of a task changes the row of the job. A submission, the end of a
job and a verdict by hand change the row of the sample. So every change that decides about the end of a job gives the row
of the job or of the sample a new version.
"""

from collections.abc import Sequence

import asyncpg
import msgspec

from samplebank.accounts.access import numbers_to_see
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Columns, Connection, Outrun, Statement
from samplebank.database.identifiers import find_id
from samplebank.errors import Conflict, Forbidden, NotFound
from samplebank.jobs.held_tasks import LOST
from samplebank.jobs.model import FINAL, JobRules, JobState, Task, TaskState
from samplebank.jobs.progress import (
    JOB_NOTED,
    RETURNED,
    Move,
    OpenJob,
    OpenTask,
    check_move,
    job_ended,
    start_task,
)
from samplebank.jobs.queries import NO_JOB, NO_TASK
from samplebank.timespec import Millis
from samplebank.verdicts.ruling import CHOSEN, FINDING, STORED_OF_JOB, Ruling, circumstances, ruling_of

#: for updates that others keep outrunning: locks the job before the sample, as everywhere
LOCK = """
    WITH locked AS MATERIALIZED (SELECT sample_id FROM job WHERE id = $1 FOR UPDATE)
    SELECT FROM sample WHERE id = (SELECT sample_id FROM locked) FOR NO KEY UPDATE
"""
#: reads what an update needs to know about a task; for the last task of a job, also what the verdict will depend on
LOOK = Statement(f"""
    WITH
    -- The inputs are read from a one-row CTE. Given as parameters, PostgreSQL would plan this query anew for each
    -- request, and planning takes longer than everything else here.
    asked AS MATERIALIZED (
        SELECT :task_id::uuid AS task_id, :analyses::uuid[] AS analyses, :state::text AS state,
               :is_final::boolean AS is_final, :numbers::bigint[] AS numbers, :user_id::bigint AS user_id
    ),
    seen AS MATERIALIZED (
        SELECT j.id AS job_id, t.id AS task_id, j.customer_id, t.claimed_by, t.worker, t.start_time, t.state, t.lease_token,
               ARRAY(SELECT id FROM analysis a WHERE sample_id = j.sample_id AND id = ANY(asked.analyses)
                                               AND (asked.numbers IS NULL OR a.readers && asked.numbers
                                                    OR a.user_id = asked.user_id)) AS known,
               j.sample_id, j.xmin AS job_version, s.xmin AS sample_version,
               asked.is_final AND NOT EXISTS (
                   SELECT FROM job_task other
                    WHERE other.job_id = :job_id AND other.id <> asked.task_id AND other.end_time IS NULL) AS is_last
          FROM asked, job j JOIN sample s ON s.id = j.sample_id
          LEFT JOIN job_task t ON t.job_id = j.id AND t.id = :task_id
         WHERE j.id = :job_id
    ),
    ending AS MATERIALIZED (
        SELECT seen.job_id, seen.sample_id, seen.customer_id, asked.task_id, asked.state, asked.analyses
          FROM seen, asked WHERE seen.is_last
    ),
    {CHOSEN}
    SELECT seen.*, {circumstances("seen.sample_id")}, {FINDING}
      FROM seen LEFT JOIN (chosen JOIN analysis a ON a.id = chosen.analysis_id) ON TRUE
     ORDER BY a.created_time, a.id
""")
#: Part of a statement: locks a job, unless others have changed the job since the look.
HELD_JOB = """
    held_job AS MATERIALIZED (SELECT id FROM job WHERE id = :job_id AND xmin = :job_version::xid FOR UPDATE)
"""
#: Part of a statement: locks the sample of `held_job`, unless others have changed the sample since the look.
HELD_SAMPLE = """
    held_sample AS MATERIALIZED (
        SELECT s.id FROM sample s, held_job
         WHERE s.id = :sample_id AND s.xmin = :sample_version::xid FOR NO KEY UPDATE OF s
    )
"""


def ended(held: str) -> str:
    """Part of a statement: ends a task with its analyses, if `held` has a row and the task is unchanged since the look."""
    return f"""
        ended AS (
            UPDATE job_task t SET state = :to, end_time = greatest(:now::bigint, start_time),
                   message = coalesce(:message::text, message), lease_token = NULL, lease_until = NULL
              FROM {held}
             WHERE t.id = :task_id AND t.state = :state AND t.lease_token IS NOT DISTINCT FROM :lease::uuid
            RETURNING {RETURNED}
        ),
        linked AS (
            INSERT INTO job_task_analysis (task_id, analysis_id)
            SELECT ended.id, given FROM ended, unnest(:analyses::uuid[]) AS given ON CONFLICT DO NOTHING
        ),
        named AS (
            UPDATE analysis SET job_id = :job_id
              FROM ended WHERE analysis.id = ANY(:analyses) AND analysis.job_id IS NULL
        )
    """


ENDED = Columns.of(
    Task,
    "ended",
    analyses="""
        coalesce((SELECT jsonb_agg(jsonb_build_array(a.id, a.score, a.agent_name, a.agent_version) ORDER BY a.id)
                    FROM analysis a WHERE a.id = ANY(:analyses)), '[]')
    """,
)
#: ends a task that is not the last task of the job
END_TASK = Statement(f"""
    WITH {HELD_JOB}, {ended("held_job")}, {JOB_NOTED}
    SELECT {ENDED.sql} FROM ended
""")
#: ends the last task of a job, ends the job, and stores the verdict
END_JOB = Statement(f"""
    WITH {HELD_JOB}, {HELD_SAMPLE}, {ended("held_sample")}, {job_ended("ended")}, {STORED_OF_JOB}
    SELECT {ENDED.sql} FROM ended
""")


class TaskSnapshot(msgspec.Struct, frozen=True):
    """A task at the time of the look, with the row versions of job and sample.

    `grounds` are the rows from which the verdict follows, if the task is the last open task of the job; else None.
    """

    task: OpenTask
    job: OpenJob
    job_version: int
    sample_version: int
    grounds: Sequence[asyncpg.Record] | None
    #: the customer of the job
    customer_id: int
    worker: str
    claimed_by: int | None
    start_time: Millis | None


async def update_task(
    db: Connection,
    caller: Caller,
    job: str,
    task: str,
    move: Move,
    *,
    rules: JobRules,
    now: Millis,
    locking: bool = False,
) -> tuple[Task, bool]:
    """Move a task on: (the task, whether the job ended, too).

    Raises `Outrun` when others changed something since the look. With `locking`, in a transaction, others have to wait
    instead. Raises `NotFound` if the caller may not even look, `Forbidden` if the caller may only look, `Conflict` for
    an illegal move or a lost lease, `Invalid` for analyses of another sample.
    """
    if locking:
        await db.execute(LOCK, find_id(job))
    snapshot = await look(db, caller, job, task, move)
    _check_claim(caller, snapshot)
    if (found := await check_move(db, caller, snapshot.task, move)) is not None:
        return found, False
    if move.to not in FINAL:
        return await start_task(db, snapshot.task, move, now=now), False
    return await _end_task(db, snapshot, move, rules, now=now), snapshot.grounds is not None


def _check_claim(caller: Caller, snapshot: TaskSnapshot) -> None:
    """Raise `Conflict` where the caller may move the task by a claim only, and the lease of the claim has ended.

    The task still names the caller, who may repeat the last state of an ended task.
    """
    is_held = snapshot.task.lease is not None or snapshot.task.state in FINAL
    if not is_held and not caller.may(Permission.UPDATE_JOB, snapshot.customer_id):
        raise Conflict(LOST)


async def look(db: Connection, caller: Caller, job: str, task: str, move: Move | None = None) -> TaskSnapshot:
    """Look at a task that the caller may move.

    Raises `NotFound` if the caller may not even look, `Forbidden` if the caller may only look.
    """
    job_id, task_id = find_id(job), find_id(task)
    to, analyses = (move.to, list(move.analyses or ())) if move else (None, [])
    asked = {
        "job_id": job_id,
        "task_id": task_id,
        "analyses": analyses,
        "state": to,
        "is_final": to in FINAL,
        "numbers": numbers_to_see(caller, Permission.VIEW_ANALYSIS),
        "user_id": caller.user.id,
    }
    rows = await LOOK.rows(db, **asked) if job_id else []
    may_move = bool(rows) and caller.may_move(rows[0]["customer_id"], rows[0]["claimed_by"])
    if (
        not rows
        or job_id is None
        or not (may_move or caller.may(Permission.VIEW_JOBS, rows[0]["customer_id"]))
    ):
        raise NotFound(NO_JOB)
    if not may_move:
        raise Forbidden("You do not hold the permission updateAnalysisJob for the customer of this job.")
    if task_id is None or rows[0]["state"] is None:
        raise NotFound(NO_TASK)
    return _snapshot(rows)


def _snapshot(rows: Sequence[asyncpg.Record]) -> TaskSnapshot:
    seen = rows[0]
    return TaskSnapshot(
        task=OpenTask(
            id=seen["task_id"],
            job_id=seen["job_id"],
            state=TaskState(seen["state"]),
            lease=seen["lease_token"],
            known=seen["known"],
        ),
        job=OpenJob(seen["job_id"], seen["sample_id"]),
        job_version=seen["job_version"],
        sample_version=seen["sample_version"],
        grounds=rows if seen["is_last"] else None,
        customer_id=seen["customer_id"],
        worker=seen["worker"],
        claimed_by=seen["claimed_by"],
        start_time=seen["start_time"],
    )


async def _end_task(
    db: Connection, snapshot: TaskSnapshot, move: Move, rules: JobRules, *, now: Millis
) -> Task:
    if snapshot.grounds is None:
        row = await END_TASK.row(db, job_id=snapshot.job.id, now=now, **change_of(snapshot, move))
    else:
        ruling = ruling_of(snapshot.job, snapshot.grounds, rules)
        row = await END_JOB.row(db, **change_of(snapshot, move), **end_of_job(snapshot, ruling, now))
    if row is None:
        raise Outrun
    return ENDED.read(row)


def change_of(snapshot: TaskSnapshot, move: Move) -> dict[str, object]:
    """The parameters of `ended` and of `HELD_JOB`, without the id of the job."""
    return {
        "job_version": snapshot.job_version,
        "task_id": snapshot.task.id,
        "state": snapshot.task.state,
        "lease": snapshot.task.lease,
        "to": move.to,
        "message": move.message,
        "analyses": list(move.analyses or ()),
    }


def end_of_job(snapshot: TaskSnapshot, ruling: Ruling, now: Millis) -> dict[str, object]:
    """The parameters of `HELD_SAMPLE`, `job_ended` and `STORED_OF_JOB`."""
    return {
        "sample_version": snapshot.sample_version,
        "job_state": JobState.DONE,
        **ruling.values(now),
    }
