"""Making verdicts: what every verdict is stored with, and the verdict of an ended job. The sample is locked meanwhile."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg
import msgspec

from samplebank.database import Connection, Statement, new_id
from samplebank.jobs.model import JobRules, JobState
from samplebank.jobs.progress import TOLD_OF_JOB, OpenJob, job_ended
from samplebank.timespec import Millis
from samplebank.verdicts.model import IS_WITHDRAWAL, is_malicious
from samplebank.verdicts.weighing import Assessment, Finding, weigh

LOCK_SAMPLE = "SELECT id FROM sample WHERE id = $1 AND deleted_time IS NULL FOR NO KEY UPDATE"
#: the columns of an analysis `a` that `ruling_of` reads
FINDING = """
    a.id AS analysis_id, a.score, a.status_override, a.tags, jsonb_array_length(a.detections) AS detections
"""


def circumstances(sample: str) -> str:
    """Two columns, the fields of `Circumstances`. `sample` is an expression for the id of a sample.

    The sample must be locked, or the version of its row checked later. A manual override is in force while the author
    could judge for every customer that has the sample, and until somebody judges again or takes the verdict back.
    """
    return f"""
        (SELECT CASE WHEN {IS_WITHDRAWAL} THEN NULL
                     WHEN v.judged_for IS NULL OR NOT EXISTS (
                    SELECT FROM submission u WHERE u.sample_id = {sample} AND u.customer_id <> ALL (v.judged_for))
                     THEN v.status_override END
           FROM verdict v WHERE v.sample_id = {sample} AND v.manual
          ORDER BY v.created_time DESC, v.id DESC LIMIT 1) AS carried_override,
        (SELECT count(*) > 1
           FROM (SELECT DISTINCT u.customer_id FROM submission u WHERE u.sample_id = {sample} LIMIT 2) customers) AS shared
    """


#: Part of a statement: `chosen` has the ids of the analyses from which the verdict of a job follows. The part reads
#: `ending`, one row of (job_id, sample_id, customer_id, task_id, state, analyses): the task `task_id` counts as ended in
#: `state` with `analyses`. No row, nothing chosen.
CHOSEN = """
    task AS (
        SELECT t.id, t.worker_id, t.worker, CASE WHEN t.id = ending.task_id THEN ending.state ELSE t.state END AS state
          FROM ending, job_task t WHERE t.job_id = ending.job_id
    ),
    -- A failed or timed-out task falls back to the latest task of the same worker on the sample that has analyses.
    lost AS (
        SELECT task.worker,
               (SELECT h.id FROM job_task h
                 WHERE h.sample_id = (SELECT sample_id FROM ending) AND h.worker_id = task.worker_id
                   AND (EXISTS (SELECT FROM job_task_analysis ta WHERE ta.task_id = h.id)
                        OR (h.id = (SELECT task_id FROM ending) AND (SELECT analyses FROM ending) <> '{}'))
                 ORDER BY h.enqueued_time DESC, h.id DESC LIMIT 1) AS earlier
          FROM task WHERE task.state IN ('failed', 'timeout')
    ),
    giver AS (SELECT id FROM task WHERE state = 'success' UNION SELECT earlier FROM lost),
    chosen AS (
        SELECT ta.analysis_id FROM giver JOIN job_task_analysis ta ON ta.task_id = giver.id
        UNION
        SELECT given FROM giver, unnest((SELECT analyses FROM ending)) AS given
         WHERE giver.id = (SELECT task_id FROM ending)
        UNION
        -- Without a task to fall back to, the newest analysis of the same customer under the worker's name counts.
        -- Analyses of other customers do not count: everybody who may add analyses may write any name.
        SELECT (SELECT a.id FROM analysis a
                 WHERE a.sample_id = (SELECT sample_id FROM ending) AND a.agent_name = lost.worker
                   AND a.customer_id = (SELECT customer_id FROM ending)
                 ORDER BY a.created_time DESC, a.id DESC LIMIT 1)
          FROM lost WHERE lost.earlier IS NULL
    )
"""
FINDINGS = Statement(f"""
    WITH ending AS MATERIALIZED (
        SELECT id AS job_id, sample_id, customer_id, NULL::uuid AS task_id, NULL::text AS state, '{{}}'::uuid[] AS analyses
          FROM job WHERE id = :job_id
    ),
    {CHOSEN}
    SELECT {circumstances("ending.sample_id")}, {FINDING}
      FROM ending LEFT JOIN (chosen JOIN analysis a ON a.id = chosen.analysis_id) ON TRUE
     ORDER BY a.created_time, a.id
""")
# A request that began earlier may store its verdict later, after a wait for the sample. The list of verdicts and the carried
# override go by time, so a verdict is younger than the latest verdict before.
AFTER_THE_LATEST = """
    1 + (SELECT v.created_time FROM sample s JOIN verdict v ON v.id = s.verdict_id WHERE s.id = :sample_id)
"""


def stored(permitted: str, told: str = "") -> str:
    """Part of a statement: stores a verdict with everything that belongs to a verdict, if `permitted` has a row.

    `told` are further events (place, kind, payload). The outbox gives ids in the order of the rows, so the end of a job
    comes before the verdict in the outbox, too. A sample with parents is marked: the parents may have to be judged again.
    """
    return f"""
        stored AS (
            INSERT INTO verdict (id, sample_id, job_id, score, status_override, manual, contradicting, shared, malicious,
                                 comment, user_id, tags, triggered_detections, created_time, judged_for)
            SELECT :verdict_id::uuid, :sample_id::bigint, :job_id::uuid, :score::int, :override::text, :manual::boolean,
                   :contradicting::boolean, :shared::boolean, :malicious::boolean, :comment::text, :user_id::bigint,
                   :tags::jsonb, :triggered_detections::int,
                   greatest(:now::bigint, {AFTER_THE_LATEST}), :judged_for::bigint[]
              FROM {permitted}
            RETURNING id, malicious, created_time
        ),
        latest AS (
            UPDATE sample SET verdict_id = stored.id, activity_time = greatest(activity_time, stored.created_time),
                   alerts_wanted = alerts_wanted OR stored.malicious,
                   parents_wanted = parents_wanted OR EXISTS (SELECT FROM extracted WHERE sample_id = :sample_id)
              FROM stored WHERE sample.id = :sample_id
        ),
        published AS (
            INSERT INTO outbox (sample_id, kind, payload, created_time)
            SELECT :sample_id, kind, payload, :now FROM ({f"{told} UNION ALL" if told else ""}
                SELECT 1, 'verdict', jsonb_build_object('verdictID', id, 'malicious', malicious) FROM stored
            ) AS told(place, kind, payload) ORDER BY place
        ),
        shares AS (
            INSERT INTO verdict_analysis (verdict_id, position, analysis_id, difference, impact)
            SELECT stored.id, share.*
              FROM stored, unnest(:places::int[], :share_ids::uuid[], :differences::int[], :impacts::int[]) AS share
        )
    """


#: Part of a statement: stores the verdict of a job that `job_ended` has ended.
STORED_OF_JOB = stored("job_ended", TOLD_OF_JOB)
STORE_OF_JOB = Statement(f"WITH {job_ended()}, {STORED_OF_JOB} SELECT id FROM stored")


class Circumstances(msgspec.Struct, frozen=True):
    """The facts besides the analyses that a verdict depends on."""

    carried_override: str | None
    shared: bool


class EndedJob(msgspec.Struct, frozen=True):
    """A locked job without open tasks, and the state for the end of the job."""

    job: OpenJob
    state: JobState


class Ruling(msgspec.Struct, frozen=True):
    """A verdict to be stored. A verdict without a job is by hand."""

    sample_id: int
    job_id: UUID | None
    assessment: Assessment
    circumstances: Circumstances
    override: str | None
    malicious_score: int
    comment: str | None = None
    user_id: int | None = None
    #: the customers for whom a manual verdict counts; None is everybody
    judged_for: list[int] | None = None

    def values(self, now: Millis) -> dict[str, object]:
        """The parameters of `stored`."""
        assessment = self.assessment
        return {
            "verdict_id": new_id(),
            "sample_id": self.sample_id,
            "job_id": self.job_id,
            "score": assessment.score,
            "override": self.override,
            "manual": self.job_id is None,
            "contradicting": assessment.contradicting,
            "shared": self.circumstances.shared,
            "malicious": is_malicious(assessment.score, self.override, self.malicious_score),
            "comment": self.comment,
            "user_id": self.user_id,
            "tags": [
                {"type": type_, "value": value, "count": count} for type_, value, count in assessment.tags
            ],
            "triggered_detections": assessment.triggered_detections,
            "now": now,
            "judged_for": self.judged_for,
            "places": list(range(len(assessment.shares))),
            "share_ids": [share.id for share in assessment.shares],
            "differences": [share.difference for share in assessment.shares],
            "impacts": [share.impact for share in assessment.shares],
        }


async def lock_sample(db: Connection, sample_id: int) -> bool:
    """Lock a sample against every other verdict until the transaction ends. Whether the sample is there."""
    return await db.fetchval(LOCK_SAMPLE, sample_id) is not None


async def rule(db: Connection, ended: EndedJob, rules: JobRules, *, now: Millis) -> None:
    """End a job with the only verdict of the job. Job and sample are locked."""
    job = ended.job
    rows = await FINDINGS.rows(db, job_id=job.id)
    ruling = ruling_of(job, rows, rules)
    await STORE_OF_JOB.run(db, **ruling.values(now), job_state=ended.state)


def ruling_of(job: OpenJob, rows: Sequence[asyncpg.Record], rules: JobRules, *new: Finding) -> Ruling:
    """Make the verdict from rows of `circumstances` and `FINDING`. Without analyses, the part of `FINDING` is NULL.

    `new` are findings that are not stored yet.
    """
    found = Circumstances(rows[0]["carried_override"], shared=rows[0]["shared"])
    assessment = weigh([*(finding_of(row) for row in rows if row["analysis_id"] is not None), *new])
    return Ruling(
        sample_id=job.sample_id,
        job_id=job.id,
        assessment=assessment,
        circumstances=found,
        override=found.carried_override or assessment.status_override,
        malicious_score=rules.malicious_score,
    )


def finding_of(row: "asyncpg.Record") -> Finding:
    """Read the columns of `FINDING`."""
    return Finding(
        id=row["analysis_id"],
        score=row["score"],
        status_override=row["status_override"],
        tags=tuple((tag["type"], tag["value"]) for tag in row["tags"]),
        triggered_detections=row["detections"],
    )
