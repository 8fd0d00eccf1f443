"""Parents are judged again when a child gets another verdict: a new job of the parent has the task `children` alone to do.

An ended job never opens again. So the other tasks of the parent's latest job come along as they ended, and the verdict of the
new job weighs what they found.

A verdict marks its sample, if the sample is a child (`verdicts/ruling.py`). The marks are worked off later, many at once: job
first, then sample, as everywhere. Many processes may work off marks at once.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from samplebank.database import Connection, Statement, new_id
from samplebank.endings.children import COUNTED, MOST_TOLD, WEIGHT
from samplebank.jobs.adding import lock_jobs
from samplebank.jobs.waiting import CHILDREN, PATIENCE
from samplebank.timespec import Millis

#: the most marks that one look finds
BATCH = 50
#: the places of a child, the newest first, whose parents are judged again
BREADTH = 500
#: The most judgements that lead to one another. No tree is as deep, but jobs of several roots might go round in a ring.
MOST_ECHOES = 20
#: The marked samples. A parent's job under way whose task `children` has ended takes no score at its end, so a mark waits for the
#: end of such a job.
MARKED = Statement(f"""
    SELECT s.id, s.verdict_id FROM sample s
     WHERE s.parents_wanted AND NOT EXISTS (
        SELECT FROM (SELECT parent_id FROM extracted WHERE sample_id = s.id ORDER BY root_id DESC LIMIT {BREADTH}) place
          JOIN job j ON j.sample_id = place.parent_id AND coalesce(j.end_time, 0) = 0
          JOIN job_task t ON t.job_id = j.id AND t.worker = '{CHILDREN}' AND t.end_time IS NOT NULL)
     ORDER BY s.id LIMIT :most
""")
#: the latest job of each parent, for each customer. `+ 0` leaves the planner the index of the sample only.
LATEST = Statement(f"""
    SELECT DISTINCT latest.id
      FROM (SELECT DISTINCT place.parent_id, root.customer_id
              FROM unnest(:children::bigint[]) AS child(id)
             CROSS JOIN LATERAL (SELECT root_id, parent_id FROM extracted
                                  WHERE sample_id = child.id ORDER BY root_id DESC LIMIT {BREADTH}) place
              JOIN submission root ON root.id = place.root_id) parent
     CROSS JOIN LATERAL (SELECT id FROM job
                          WHERE sample_id = parent.parent_id AND customer_id + 0 = parent.customer_id
                          ORDER BY enqueued_time DESC, id DESC LIMIT 1) latest
""")
#: Ended jobs whose task `children` took another score of a child than the child has now. A task without an analysis, of a
#: job that timed out, took no score.
STALE = Statement(f"""
    SELECT j.id, j.sample_id, found.reason, found.echo,
           (SELECT count(*) FROM job_task o WHERE o.job_id = j.id AND o.worker <> '{CHILDREN}') AS others
      FROM job j JOIN job_task t ON t.job_id = j.id AND t.worker = '{CHILDREN}'
      LEFT JOIN LATERAL (
        SELECT a.result -> 'children' AS told
          FROM job_task_analysis g JOIN analysis a ON a.id = g.analysis_id WHERE g.task_id = t.id LIMIT 1
      ) before ON TRUE
     CROSS JOIN LATERAL (
        SELECT min(encode(s.sha256, 'hex')) AS reason, max(coalesce(cause.echo, 0)) + 1 AS echo
          FROM (SELECT e.sample_id FROM {COUNTED} AND e.sample_id = ANY (:children::bigint[])) child
          JOIN sample s ON s.id = child.sample_id AND s.deleted_time IS NULL
          LEFT JOIN verdict v ON v.id = s.verdict_id
          LEFT JOIN job cause ON cause.id = v.job_id
         CROSS JOIN LATERAL (SELECT {WEIGHT} AS weight, jsonb_build_object('sha256', encode(s.sha256, 'hex')) AS named) now
         WHERE CASE
            WHEN before.told IS NULL THEN now.weight > 0
            WHEN before.told @> jsonb_build_array(now.named || jsonb_build_object('score', now.weight)) THEN FALSE
            WHEN before.told @> jsonb_build_array(now.named) OR jsonb_array_length(before.told) < {MOST_TOLD} THEN TRUE
            ELSE now.weight > (before.told -> -1 ->> 'score')::int END
     ) found
     WHERE j.id = ANY (:jobs::uuid[]) AND j.end_time IS NOT NULL AND found.echo <= {MOST_ECHOES}
       AND NOT EXISTS (SELECT FROM job newer
                        WHERE newer.sample_id = j.sample_id AND newer.customer_id + 0 = j.customer_id
                          AND (newer.enqueued_time, newer.id) > (j.enqueued_time, j.id))
     ORDER BY j.id
""")
LOCK_SAMPLES = Statement("""
    SELECT id FROM sample WHERE id = ANY (:samples::bigint[]) AND deleted_time IS NULL ORDER BY id FOR NO KEY UPDATE
""")
OPEN = Statement(f"""
    WITH
    -- The job is the latest of the parent, also when the clock was set back.
    parent AS (
        SELECT stale.*, j.sample_id, j.customer_id, j.submission_id, w.id AS worker_id,
               greatest(:now::bigint, j.enqueued_time + 1) AS began
          FROM unnest(:previous::uuid[], :ids::uuid[], :task_ids::uuid[], :echoes::int[], :messages::text[])
               AS stale(previous_id, id, task_id, echo, message)
          JOIN job j ON j.id = stale.previous_id
          JOIN worker w ON w.short_name = '{CHILDREN}' AND w.deleted_time IS NULL
    ),
    -- No submission and no reanalysis joins the job: no policy chooses this worker alone.
    opened AS (
        INSERT INTO job (id, sample_id, customer_id, submission_id, state, enqueued_time, workers, options, rules, echo)
        SELECT id, sample_id, customer_id, submission_id, 'enqueued', began, ARRAY[worker_id], '[]', '[]', echo FROM parent
    ),
    queued AS (
        INSERT INTO job_task (id, job_id, sample_id, customer_id, worker_id, worker, state, enqueued_time, run_after, message)
        SELECT task_id, id, sample_id, customer_id, worker_id, '{CHILDREN}', 'enqueued', began, began + :patience::bigint,
               message
          FROM parent
    ),
    earlier AS (
        SELECT t.*, parent.id AS new_job_id, (:carried_ids::uuid[])[row_number() OVER (ORDER BY t.id)] AS new_id
          FROM parent JOIN job_task t ON t.job_id = parent.previous_id AND t.worker <> '{CHILDREN}'
    ),
    carried AS (
        INSERT INTO job_task (id, job_id, sample_id, customer_id, worker_id, worker, state, enqueued_time, start_time,
                              end_time, message, attempt, reasons, claimed_by)
        SELECT new_id, new_job_id, sample_id, customer_id, worker_id, worker, state, enqueued_time, start_time, end_time,
               message, attempt, reasons, claimed_by
          FROM earlier
    ),
    linked AS (
        INSERT INTO job_task_analysis (task_id, analysis_id)
        SELECT earlier.new_id, given.analysis_id
          FROM earlier JOIN job_task_analysis given ON given.task_id = earlier.id
    ),
    published AS (
        INSERT INTO outbox (sample_id, kind, payload, created_time)
        SELECT sample_id, 'job', jsonb_build_object('jobID', id, 'submissionID', submission_id), :now FROM parent
    )
    SELECT id FROM parent
""")
#: The mark of a sample that has got another verdict since the look stays.
CLEAR = Statement("""
    UPDATE sample s SET parents_wanted = FALSE
      FROM unnest(:samples::bigint[], :verdicts::uuid[]) AS seen(sample_id, verdict_id)
     WHERE s.id = seen.sample_id AND s.verdict_id IS NOT DISTINCT FROM seen.verdict_id
""")


class Round(NamedTuple):
    """The marks that were looked at, and the jobs that were opened."""

    marks: int
    jobs: Sequence[UUID]


async def judge_parents_again(db: Connection, *, longest_run: Millis, now: Millis) -> Round:
    """Work off a batch of marks: open a job for each parent judged by another score of a child.

    Must run in a transaction. A job under way takes the scores of the children at the end of the job, so nothing is opened
    beside the job. The look at the scores comes after the locks: the look sees the scores taken by a job that ended meanwhile.
    """
    marked = await MARKED.rows(db, most=BATCH)
    if not marked:
        return Round(0, [])
    children = [row[0] for row in marked]
    jobs = [row[0] for row in await LATEST.rows(db, children=children)]
    await lock_jobs(db, jobs)
    stale = await STALE.rows(db, jobs=jobs, children=children)
    locked = await LOCK_SAMPLES.rows(db, samples=[*children, *(row["sample_id"] for row in stale)])
    there = {row[0] for row in locked}
    opened = await _open(
        db, [row for row in stale if row["sample_id"] in there], longest_run=longest_run, now=now
    )
    await CLEAR.run(db, samples=children, verdicts=[row[1] for row in marked])
    return Round(len(marked), opened)


async def _open(db: Connection, stale: Sequence[Any], *, longest_run: Millis, now: Millis) -> list[UUID]:
    if not stale:
        return []
    rows = await OPEN.rows(
        db,
        previous=[row["id"] for row in stale],
        ids=[new_id() for _ in stale],
        task_ids=[new_id() for _ in stale],
        echoes=[row["echo"] for row in stale],
        messages=[f"Opened because a child has another verdict: {row['reason']}." for row in stale],
        carried_ids=[new_id() for row in stale for _ in range(row["others"])],
        patience=longest_run * PATIENCE // 100,
        now=now,
    )
    return [row[0] for row in rows]
