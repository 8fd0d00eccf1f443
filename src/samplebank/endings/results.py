"""The end of a task with its result: the analysis is stored, weighed and named in the statement that ends the task."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from samplebank.accounts.access import see_samples
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.analyses.model import NewAnalysis
from samplebank.analyses.recording import NO_CLAIM, recorded_with, values
from samplebank.database import TRUE, Columns, Connection, Outrun, Sql, Statement
from samplebank.database.identifiers import find_id, id_of
from samplebank.endings.updates import (
    HELD_JOB,
    HELD_SAMPLE,
    LOCK,
    TaskSnapshot,
    change_of,
    end_of_job,
    ended,
    look,
)
from samplebank.errors import Forbidden, NotFound
from samplebank.jobs.model import JobRules, Task, TaskState
from samplebank.jobs.progress import JOB_NOTED, Move, check_move, job_ended
from samplebank.samples import derived_facts
from samplebank.samples.fact_kinds import Fact
from samplebank.samples.model import NO_SAMPLE
from samplebank.timespec import Millis
from samplebank.verdicts.ruling import STORED_OF_JOB, ruling_of
from samplebank.verdicts.weighing import Finding

# The new analysis is not visible to the statement that stores the analysis.
ENDED = Columns.of(Task, "ended", analyses="'[]'::jsonb")
#: Part of a statement: moves the last activity of the sample on, if a task has `ended`. A verdict moves the activity as well.
TOUCHED = """
    touched AS (
        UPDATE sample SET activity_time = greatest(activity_time, :now::bigint)
         WHERE id = (SELECT :new_sample_id::bigint FROM ended)
        RETURNING id
    )
"""
#: Parts of a statement: end a task that is not the last task of the job.
TASK_ENDED = f"{HELD_JOB}, {ended('held_job')}, {recorded_with('ended')}, {TOUCHED}, {JOB_NOTED}"
#: Parts of a statement: end the last task of a job, end the job, and store the verdict.
JOB_ENDED = f"{HELD_JOB}, {HELD_SAMPLE}, {ended('held_sample')}, {recorded_with('ended')}, {job_ended('ended')}, {STORED_OF_JOB}"
SELECTED = f"SELECT {ENDED.sql} FROM ended"
END_TASK_WITH_RESULT = Statement(f"WITH {TASK_ENDED} {SELECTED}")
END_JOB_WITH_RESULT = Statement(f"WITH {JOB_ENDED} {SELECTED}")
#: The same with facts, which most results do not bring. Both lock the sample before the facts: two jobs of a sample would
#: wait for each other otherwise. The end of a job has locked the sample before the task ends.
END_TASK_WITH_FACTS = Statement(f"WITH {TASK_ENDED}, {derived_facts.stored_with('touched')} {SELECTED}")
END_JOB_WITH_FACTS = Statement(f"WITH {JOB_ENDED}, {derived_facts.stored_with('ended')} {SELECTED}")
SEES_SAMPLE = "SELECT EXISTS (SELECT FROM sample s WHERE s.id = {} AND s.deleted_time IS NULL AND ({}))"


class TaskResult(msgspec.Struct, frozen=True):
    """The result of a task, from the holder of the lease."""

    job: str
    task: str
    lease: UUID
    analysis: NewAnalysis
    facts: Sequence[Fact] = ()


async def end_with_result(
    db: Connection,
    caller: Caller,
    result: TaskResult,
    *,
    rules: JobRules,
    now: Millis,
    locking: bool = False,
) -> tuple[Task, bool]:
    """Store the analysis and end the task with success: (the task, whether the job ended, too).

    All or nothing. The same result again gets the task as the task was left. Raises as `update_task`, and `Forbidden` if
    the caller may not add the analysis.
    """
    if locking:
        await db.execute(LOCK, find_id(result.job))
    snapshot = await look(db, caller, result.job, result.task, Move(TaskState.SUCCESS))
    # The id follows from the lease. So a result that comes again finds its own analysis.
    id_ = id_of(result.lease, snapshot.start_time or 0)
    move = Move(TaskState.SUCCESS, [id_], lease=result.lease)
    known = msgspec.structs.replace(snapshot.task, known=[id_])
    if (found := await check_move(db, caller, known, move)) is not None:
        return found, False
    await _check_permission(db, caller, snapshot, result.analysis)
    task = await _end(db, caller, snapshot, move, result, rules=rules, now=now)
    return task, snapshot.grounds is not None


async def _check_permission(db: Connection, caller: Caller, snapshot: TaskSnapshot, new: NewAnalysis) -> None:
    """As for an analysis that is stored alone. By workOnClaimedTasks the caller's claim must be of the same worker and customer."""
    if not caller.may(Permission.ADD_ANALYSIS, new.customer_id):
        own = (caller.user.id, new.agent_name, new.customer_id)
        if own != (snapshot.claimed_by, snapshot.worker, snapshot.customer_id):
            raise Forbidden(NO_CLAIM)
        return
    sees = see_samples(caller, "s", Permission.ADD_ANALYSIS, Permission.WORK_ON_CLAIMS)
    if sees is not TRUE and not await Sql(SEES_SAMPLE, snapshot.job.sample_id, sees).value(db):
        raise NotFound(NO_SAMPLE)


async def _end(
    db: Connection,
    caller: Caller,
    snapshot: TaskSnapshot,
    move: Move,
    result: TaskResult,
    *,
    rules: JobRules,
    now: Millis,
) -> Task:
    (id_,) = move.analyses or ()
    new, sample_id = result.analysis, snapshot.job.sample_id
    change = change_of(snapshot, move) | values(id_, sample_id, caller, new, now=now)
    if result.facts:
        agent = {"agent_name": new.agent_name, "agent_version": new.agent_version}
        change |= derived_facts.values(sample_id, result.facts, **agent, now=now)
    if snapshot.grounds is None:
        statement = END_TASK_WITH_FACTS if result.facts else END_TASK_WITH_RESULT
        row = await statement.row(db, job_id=snapshot.job.id, now=now, **change)
    else:
        statement = END_JOB_WITH_FACTS if result.facts else END_JOB_WITH_RESULT
        ruling = ruling_of(snapshot.job, snapshot.grounds, rules, _finding(id_, new))
        row = await statement.row(db, **change, **end_of_job(snapshot, ruling, now))
    if row is None:
        raise Outrun
    shown: list[object] = [id_, new.score, new.agent_name, new.agent_version]
    return msgspec.structs.replace(ENDED.read(row), analyses=[shown])


def _finding(id_: UUID, new: NewAnalysis) -> Finding:
    return Finding(
        id=id_,
        score=new.score,
        status_override=new.status_override,
        tags=tuple((tag.type, tag.value) for tag in new.tags),
        triggered_detections=len(new.detections),
    )
