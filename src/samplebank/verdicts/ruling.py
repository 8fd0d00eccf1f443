"""Making verdicts: from the analyses of an ended job, or by hand. The sample is locked meanwhile."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from samplebank.accounts.access import Scope
from samplebank.database import Connection, new_id
from samplebank.errors import Forbidden, NotFound
from samplebank.jobs.model import JobState
from samplebank.jobs.progress import JOB_ENDED, TOLD_OF_JOB, OpenJob
from samplebank.samples.model import NO_SAMPLE
from samplebank.timespec import Millis
from samplebank.verdicts.model import MANUAL_SCORES, is_malicious
from samplebank.verdicts.weighing import Finding, Weighed, weigh

LOCK_SAMPLE = "SELECT id FROM sample WHERE id = $1 AND deleted_time IS NULL FOR NO KEY UPDATE"
#: the manual override in force, and whether more than one customer has the sample; asked once it is locked.
#: An override is in force while its author could judge for every customer that has the sample.
CIRCUMSTANCES = """
    (SELECT CASE WHEN v.judged_for IS NULL OR NOT EXISTS (
                SELECT FROM submission u WHERE u.sample_id = {sample} AND u.customer_id <> ALL (v.judged_for))
                 THEN v.status_override END
       FROM verdict v WHERE v.sample_id = {sample} AND v.manual
      ORDER BY v.created_time DESC, v.id DESC LIMIT 1),
    (SELECT count(*) > 1
       FROM (SELECT DISTINCT u.customer_id FROM submission u WHERE u.sample_id = {sample} LIMIT 2) customers)
"""
# A success brings its own analyses. A failure or time-out falls back to what the worker found before: the analyses
# of its latest task on the sample that has any, else the newest one of the job's {customer} under its name. Analyses of
# other customers do not count by a mere name: whoever may add analyses may write any name. {task} counts as if it had
# ended in {state} with {analyses}. Tasks are taken from {tasks}; WITH queries, of which `chosen` has the ids.
CHOSEN = """
    task AS (
        SELECT t.id, t.worker_id, t.worker, CASE WHEN t.id = {task} THEN {state} ELSE t.state END AS state FROM {tasks}
    ),
    lost AS (
        SELECT task.worker,
               (SELECT h.id FROM job_task h
                 WHERE h.sample_id = {sample} AND h.worker_id = task.worker_id
                   AND (EXISTS (SELECT FROM job_task_analysis ta WHERE ta.task_id = h.id)
                        OR (h.id = {task} AND {analyses} <> '{{}}'))
                 ORDER BY h.enqueued_time DESC, h.id DESC LIMIT 1) AS earlier
          FROM task WHERE task.state IN ('failed', 'timeout')
    ),
    giver AS (SELECT id FROM task WHERE state = 'success' UNION SELECT earlier FROM lost),
    chosen AS (
        SELECT ta.analysis_id FROM giver JOIN job_task_analysis ta ON ta.task_id = giver.id
        UNION
        SELECT given FROM giver, unnest({analyses}) AS given WHERE giver.id = {task}
        UNION
        SELECT (SELECT a.id FROM analysis a
                 WHERE a.sample_id = {sample} AND a.agent_name = lost.worker AND a.customer_id = {customer}
                 ORDER BY a.created_time DESC, a.id DESC LIMIT 1)
          FROM lost WHERE lost.earlier IS NULL
    )
"""
FINDING_COLUMNS = "a.id, a.score, a.status_override, a.tags, jsonb_array_length(a.detections)"
FINDINGS = f"""
    WITH {
    CHOSEN.format(
        tasks="job_task t WHERE t.job_id = $1",
        sample="$2",
        customer="(SELECT customer_id FROM job WHERE id = $1)",
        task="NULL::uuid",
        state="NULL",
        analyses="'{}'::uuid[]",
    )
}
    SELECT {CIRCUMSTANCES.format(sample="$2")}, {FINDING_COLUMNS}
      FROM (VALUES (1)) always LEFT JOIN (chosen JOIN analysis a ON a.id = chosen.analysis_id) ON TRUE
     ORDER BY a.created_time, a.id
"""
CUSTOMERS = "SELECT DISTINCT customer_id FROM submission WHERE sample_id = $1"
NOT_FOR_ALL = "Customers have the sample for whom you do not hold the permission addSampleVerdict."
# A verdict and all that comes with it, as WITH queries; {permitted} is one that yields a row when it may be stored.
# The end of the job comes before its verdict, also in the outbox, whose ids are given as the rows come.
STORED = """
    stored AS (
        INSERT INTO verdict (id, sample_id, job_id, score, status_override, manual, contradicting, shared, malicious,
                             comment, user_id, tags, triggered_detections, created_time{more_columns})
        SELECT $1::uuid, $2::bigint, $3::uuid, $4::int, $5::text, $6::boolean, $7::boolean, $8::boolean, $9::boolean,
               $10::text, $11::bigint, $12::jsonb, $13::int, $14::bigint{more_values}
          FROM {permitted}
        RETURNING id, malicious
    ), latest AS (
        UPDATE sample SET verdict_id = stored.id, activity_time = greatest(activity_time, $14),
               alerts_wanted = alerts_wanted OR stored.malicious
          FROM stored WHERE sample.id = $2
    ), published AS (
        INSERT INTO outbox (sample_id, kind, payload, created_time)
        SELECT $2, kind, payload, $14 FROM ({others}
            SELECT 1, 'verdict', jsonb_build_object('verdictID', id, 'malicious', malicious) FROM stored
        ) AS told(place, kind, payload) ORDER BY place
    ), shares AS (
        INSERT INTO verdict_analysis (verdict_id, position, analysis_id, difference, impact)
        SELECT stored.id, share.* FROM stored, unnest($15::int[], $16::uuid[], $17::int[], $18::int[]) AS share
    )
"""
STORE_BY_HAND = f"""
    WITH {
    STORED.format(
        permitted="(VALUES (1)) always", others="", more_columns=", judged_for", more_values=", $19::bigint[]"
    )
} SELECT id FROM stored
"""
STORED_OF_JOB = STORED.format(
    permitted="job_ended", others=f"{TOLD_OF_JOB} UNION ALL", more_columns="", more_values=""
)
STORE_OF_JOB = f"""
    WITH {JOB_ENDED.format(job="$3", state="$19", now="$14", because="")}, {STORED_OF_JOB} SELECT id FROM stored
"""


class Circumstances(msgspec.Struct, frozen=True):
    """What a verdict depends on besides the analyses."""

    carried_override: str | None
    shared: bool


class Ended(msgspec.Struct, frozen=True):
    """A locked job without open tasks, and the state that it shall end in."""

    job: OpenJob
    state: JobState


class Ruling(msgspec.Struct, frozen=True):
    """A verdict that is to be stored. It is by hand when there is no job."""

    sample_id: int
    job_id: UUID | None
    weighed: Weighed
    circumstances: Circumstances
    override: str | None
    threshold: int
    comment: str | None = None
    user_id: int | None = None

    def values(self, now: Millis) -> tuple[object, ...]:
        """The parameters $1 to $18 of `STORED`."""
        weighed = self.weighed
        return (
            new_id(),
            self.sample_id,
            self.job_id,
            weighed.score,
            self.override,
            self.job_id is None,
            weighed.contradicting,
            self.circumstances.shared,
            is_malicious(weighed.score, self.override, self.threshold),
            self.comment,
            self.user_id,
            [{"type": type_, "value": value, "count": count} for type_, value, count in weighed.tags],
            weighed.triggered_detections,
            now,
            list(range(len(weighed.shares))),
            [share.id for share in weighed.shares],
            [share.difference for share in weighed.shares],
            [share.impact for share in weighed.shares],
        )


async def lock_sample(db: Connection, sample_id: int) -> bool:
    """Lock a sample against every other verdict until the transaction ends; whether it is there."""
    return await db.fetchval(LOCK_SAMPLE, sample_id) is not None


async def rule(db: Connection, ended: Ended, threshold: int, *, now: Millis) -> None:
    """End a job with its one verdict. The job and its sample are locked."""
    job = ended.job
    rows = await db.fetch(FINDINGS, job.id, job.sample_id)
    ruling = ruling_of(job, rows, threshold)
    await db.execute(STORE_OF_JOB, *ruling.values(now), ended.state)


def ruling_of(job: OpenJob, rows: Sequence[Sequence[Any]], threshold: int) -> Ruling:
    """The verdict that follows from rows of `CIRCUMSTANCES` and `FINDING_COLUMNS`, the latter null where there are none."""
    circumstances = Circumstances(rows[0][0], shared=rows[0][1])
    weighed = weigh([_finding(*row[2:]) for row in rows if row[2] is not None])
    override = circumstances.carried_override or weighed.status_override
    return Ruling(job.sample_id, job.id, weighed, circumstances, override, threshold)


async def rule_by_hand(
    db: Connection,
    sample_id: int,
    status: str,
    comment: str,
    *,
    user_id: int,
    held: Scope,
    threshold: int,
    now: Millis,
) -> UUID:
    """Store a manual verdict, whose status later ones carry; answers its id.

    `held` is where the author may judge. Raises `Forbidden` where others have the sample too, as a verdict counts for
    all who have it; `NotFound` when the sample has been deleted meanwhile.
    """
    if not await lock_sample(db, sample_id):
        raise NotFound(NO_SAMPLE)
    if not all(held.covers(row[0]) for row in await db.fetch(CUSTOMERS, sample_id)):
        raise Forbidden(NOT_FOR_ALL)
    row: Any = await db.fetchrow(f"SELECT {CIRCUMSTANCES.format(sample='$1')}", sample_id)
    circumstances = Circumstances(row[0], shared=row[1])
    weighed = msgspec.structs.replace(weigh([]), score=MANUAL_SCORES[status])
    ruling = Ruling(sample_id, None, weighed, circumstances, status, threshold, comment, user_id)
    judged_for = None if held.everywhere else sorted(held.customers)
    id_: UUID = await db.fetchval(STORE_BY_HAND, *ruling.values(now), judged_for)
    return id_


def _finding(
    id_: UUID, score: int, override: str | None, tags: list[dict[str, str]], detections: int
) -> Finding:
    return Finding(id_, score, override, tuple((tag["type"], tag["value"]) for tag in tags), detections)
