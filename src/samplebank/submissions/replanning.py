"""Choosing workers again, once the type of a file has come after its submission.

A submission or reanalysis of a file without a type leaves a mark (`untyped_plan`), if the policy looks at types. When the
type is stored, the marks of the sample are worked off in one transaction: job first, then sample, as everywhere.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from samplebank.database import Connection, Statement
from samplebank.jobs import adding
from samplebank.jobs.adding import Replanned
from samplebank.jobs.opening import Cause
from samplebank.policy.model import Case, Plan
from samplebank.policy.plan import plan_for
from samplebank.policy.rules import PolicyBook
from samplebank.timespec import Millis

#: the most samples that one look finds
BATCH = 100
MARK = Statement("""
    INSERT INTO untyped_plan (sample_id, submission_id, job_id) VALUES (:sample_id, :submission_id, :job_id)
""")
DUE = """
    SELECT DISTINCT p.sample_id FROM untyped_plan p JOIN sample s ON s.id = p.sample_id
     WHERE s.classification_id IS NOT NULL
"""
ALL_DUE = Statement(f"{DUE} LIMIT :most")
DUE_AMONG = Statement(f"{DUE} AND p.sample_id = ANY (:sample_ids) LIMIT :most")
JOBS = "SELECT DISTINCT job_id FROM untyped_plan WHERE sample_id = $1 AND job_id IS NOT NULL"
# An update, because submissions look without a lock. The new version of the row tells submissions of a new job.
LOCK_SAMPLE = "UPDATE sample SET size = size WHERE id = $1 RETURNING deleted_time IS NULL AND classification_id IS NOT NULL"
# The lock keeps the policy as it is until the workers are stored.
LOCK_POLICY = "SELECT version FROM policy FOR SHARE"
TYPE = "SELECT c.type, c.super_type FROM sample s JOIN classification c ON c.id = s.classification_id WHERE s.id = $1"
TAKE = Statement("""
    WITH taken AS (DELETE FROM untyped_plan WHERE sample_id = :sample_id RETURNING id, submission_id, job_id)
    SELECT u.id AS submission_id, taken.job_id, u.customer_id, u.meta_data
      FROM taken JOIN submission u ON u.id = taken.submission_id ORDER BY taken.id
""")


class Mark(msgspec.Struct, frozen=True):
    """A submission whose workers were chosen without a type, and the job that the submission opened or joined."""

    submission_id: UUID
    job_id: UUID | None
    customer_id: int
    meta_data: dict[str, Any]


async def mark(db: Connection, cause: Cause, job_id: UUID | None) -> None:
    """Note that workers were chosen without a type. The caller holds the lock of the sample, which has no type yet."""
    await MARK.run(db, sample_id=cause.sample_id, submission_id=cause.submission_id, job_id=job_id)


async def due(db: Connection, among: Sequence[int] | None = None) -> list[int]:
    """Find samples whose type has come since their workers were chosen; all, or `among` these ids."""
    if among is None:
        rows = await ALL_DUE.rows(db, most=BATCH)
    else:
        rows = await DUE_AMONG.rows(db, sample_ids=list(among), most=BATCH)
    return [row[0] for row in rows]


async def replan(db: Connection, sample_id: int, policies: PolicyBook, *, now: Millis) -> list[UUID]:
    """Add the workers that the policy of this moment chooses for the type of the sample; answers the changed jobs.

    An unfinished job gets the missing workers. For an ended job, a new job is opened. No worker is taken away. Must run
    in a transaction. Of several transactions at once, the first does everything.
    """
    await adding.lock_jobs(db, [row[0] for row in await db.fetch(JOBS, sample_id)])
    if not await db.fetchval(LOCK_SAMPLE, sample_id):
        return []
    book = await policies.current(db, await db.fetchval(LOCK_POLICY))
    marks = [Mark(**row) for row in await TAKE.rows(db, sample_id=sample_id)]
    type_, super_type = await db.fetchrow(TYPE, sample_id)  # type: ignore[misc]  # the sample has a type
    changed: list[UUID] = []
    for one in marks:
        cause = Cause(sample_id, one.customer_id, one.submission_id)
        case = Case(one.customer_id, type_, super_type, one.meta_data)
        job = await adding.standing_of(db, one.job_id)
        plan = plan_for(case, book)
        lacking = [worker for worker in plan.workers if job is None or worker not in job.workers]
        why = Replanned(now, type_, super_type, lacking)
        if job is not None and job.is_open and (lacking or _differs(plan, job)):
            found = await adding.add_workers(db, job, cause, plan, book, why=why)
        elif lacking and not (job is not None and job.is_open):
            found = await adding.open_after(db, job, cause, plan, book, why=why)
        else:
            found = None
        changed += [found] if found else []
    return changed


def _differs(plan: Plan, job: adding.Standing) -> bool:
    return [msgspec.structs.asdict(option) for option in plan.options] != list(job.options)
