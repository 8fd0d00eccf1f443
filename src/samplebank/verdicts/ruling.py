"""Making verdicts: from the analyses of an ended job, or by hand. The sample is locked meanwhile."""

from typing import Any
from uuid import UUID

import msgspec

from samplebank.database import Connection, new_id
from samplebank.errors import NotFound
from samplebank.jobs.model import JobState
from samplebank.jobs.progress import JOB_ENDED, TOLD_OF_JOB, OpenJob
from samplebank.samples.model import NO_SAMPLE
from samplebank.timespec import Millis
from samplebank.verdicts.model import MANUAL_SCORES, is_malicious
from samplebank.verdicts.weighing import Finding, Weighed, weigh

LOCK_SAMPLE = "SELECT id FROM sample WHERE id = $1 AND deleted_time IS NULL FOR NO KEY UPDATE"
#: the manual override in force, and whether more than one customer has the sample; asked once it is locked
CIRCUMSTANCES = """
    (SELECT v.status_override FROM verdict v WHERE v.sample_id = {sample} AND v.manual
      ORDER BY v.created_time DESC, v.id DESC LIMIT 1),
    (SELECT count(*) > 1
       FROM (SELECT DISTINCT u.customer_id FROM submission u WHERE u.sample_id = {sample} LIMIT 2) customers)
"""
# A success brings its own analyses. A failure or time-out falls back to what the worker found before: the analyses
# of its latest task on the sample that has any, else the newest one under its name.
FINDINGS = f"""
    WITH task AS (SELECT id, worker_id, worker, state FROM job_task WHERE job_id = $1),
    lost AS (
        SELECT task.worker,
               (SELECT h.id FROM job_task h
                 WHERE h.sample_id = $2 AND h.worker_id = task.worker_id
                   AND EXISTS (SELECT FROM job_task_analysis ta WHERE ta.task_id = h.id)
                 ORDER BY h.enqueued_time DESC, h.id DESC LIMIT 1) AS earlier
          FROM task WHERE task.state IN ('failed', 'timeout')
    ),
    chosen AS (
        SELECT ta.analysis_id FROM task JOIN job_task_analysis ta ON ta.task_id = task.id WHERE task.state = 'success'
        UNION
        SELECT ta.analysis_id FROM lost JOIN job_task_analysis ta ON ta.task_id = lost.earlier
        UNION
        SELECT (SELECT a.id FROM analysis a WHERE a.sample_id = $2 AND a.agent_name = lost.worker
                 ORDER BY a.created_time DESC, a.id DESC LIMIT 1)
          FROM lost WHERE lost.earlier IS NULL
    )
    SELECT {CIRCUMSTANCES.format(sample="$2")},
           a.id, a.score, a.status_override, a.tags, jsonb_array_length(a.detections)
      FROM (VALUES (1)) always LEFT JOIN (chosen JOIN analysis a ON a.id = chosen.analysis_id) ON TRUE
     ORDER BY a.created_time, a.id
"""
STORED = """
    stored AS (
        INSERT INTO verdict (id, sample_id, job_id, score, status_override, manual, contradicting, shared, malicious,
                             comment, user_id, tags, triggered_detections, created_time)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
    ), latest AS (
        UPDATE sample SET verdict_id = $1, activity_time = greatest(activity_time, $14),
               alerts_wanted = alerts_wanted OR $9
         WHERE id = $2
    ), published AS (
        INSERT INTO outbox (sample_id, kind, payload, created_time) {told}
    )
"""
#: the end of the job comes before its verdict, also in the outbox, whose ids are given as the rows come
TOLD = """
    SELECT $2, kind, payload, $14 FROM ({others}
        SELECT 1, 'verdict', jsonb_build_object('verdictID', $1::text, 'malicious', $9::boolean)
    ) AS told(place, kind, payload) ORDER BY place
"""
SHARES = """
    INSERT INTO verdict_analysis (verdict_id, position, analysis_id, difference, impact)
    SELECT $1, share.* FROM unnest($15::int[], $16::uuid[], $17::int[], $18::int[]) AS share
"""
STORE_BY_HAND = f"WITH {STORED.format(told=TOLD.format(others=''))} {SHARES}"
STORE_OF_JOB = f"""
    WITH {JOB_ENDED.format(job="$3", state="$19", now="$14")},
         {STORED.format(told=TOLD.format(others=f"{TOLD_OF_JOB} UNION ALL"))}
    {SHARES}
"""


class Circumstances(msgspec.Struct, frozen=True):
    """What a verdict depends on besides the analyses."""

    carried_override: str | None
    shared: bool


class Ended(msgspec.Struct, frozen=True):
    """A locked job without open tasks, and the state that it shall end in."""

    job: OpenJob
    state: JobState


async def lock_sample(db: Connection, sample_id: int) -> bool:
    """Lock a sample against every other verdict until the transaction ends; whether it is there."""
    return await db.fetchval(LOCK_SAMPLE, sample_id) is not None


async def rule(db: Connection, ended: Ended, threshold: int, *, now: Millis) -> UUID:
    """End a job with its one verdict; answers the id of that. The job and its sample are locked."""
    job = ended.job
    rows = await db.fetch(FINDINGS, job.id, job.sample_id)
    circumstances = Circumstances(rows[0][0], shared=rows[0][1])
    findings = [_finding(*row[2:]) for row in rows if row[2] is not None]
    weighed = weigh(findings)
    override = circumstances.carried_override or weighed.status_override
    return await _store(
        db,
        job.sample_id,
        weighed,
        circumstances,
        override,
        threshold,
        ended=ended,
        now=now,
    )


async def rule_by_hand(
    db: Connection,
    sample_id: int,
    status: str,
    comment: str,
    *,
    user_id: int,
    threshold: int,
    now: Millis,
) -> UUID:
    """Store a manual verdict, whose status later ones carry; answers its id.

    Raises `NotFound` when the sample has been deleted meanwhile.
    """
    if not await lock_sample(db, sample_id):
        raise NotFound(NO_SAMPLE)
    row: Any = await db.fetchrow(f"SELECT {CIRCUMSTANCES.format(sample='$1')}", sample_id)
    circumstances = Circumstances(row[0], shared=row[1])
    weighed = msgspec.structs.replace(weigh([]), score=MANUAL_SCORES[status])
    return await _store(
        db,
        sample_id,
        weighed,
        circumstances,
        status,
        threshold,
        comment=comment,
        user_id=user_id,
        now=now,
    )


def _finding(
    id_: UUID, score: int, override: str | None, tags: list[dict[str, str]], detections: int
) -> Finding:
    return Finding(id_, score, override, tuple((tag["type"], tag["value"]) for tag in tags), detections)


async def _store(
    db: Connection,
    sample_id: int,
    weighed: Weighed,
    circumstances: Circumstances,
    override: str | None,
    threshold: int,
    *,
    now: Millis,
    ended: Ended | None = None,
    comment: str | None = None,
    user_id: int | None = None,
) -> UUID:
    id_ = new_id()
    tags = [{"type": type_, "value": value, "count": count} for type_, value, count in weighed.tags]
    malicious = is_malicious(weighed.score, override, threshold)
    await db.execute(
        STORE_OF_JOB if ended else STORE_BY_HAND,
        id_,
        sample_id,
        ended.job.id if ended else None,
        weighed.score,
        override,
        ended is None,
        weighed.contradicting,
        circumstances.shared,
        malicious,
        comment,
        user_id,
        tags,
        weighed.triggered_detections,
        now,
        list(range(len(weighed.shares))),
        [share.id for share in weighed.shares],
        [share.difference for share in weighed.shares],
        [share.impact for share in weighed.shares],
        *((ended.state,) if ended else ()),
    )
    return id_
