"""A parent waits for its children: a task of the job that begins when the jobs of the children have ended.

The task belongs to the worker `children`, of which no process runs: the housekeeper does the task. The task comes with the
first child, so jobs without children have no such task.
"""

from typing import Final
from uuid import UUID

from samplebank.database import Connection, Statement, new_id
from samplebank.jobs.lanes import shift_of_job
from samplebank.timespec import Millis

#: the short name of the worker
CHILDREN: Final = "children"
#: the share of the longest run of a job for which a parent waits, in percent: the rest is for the verdict
PATIENCE: Final = 90
ADD = Statement(f"""
    WITH
    -- The new version of the row tells the end of another task that the job has more tasks than it looked at.
    waiting AS (
        UPDATE job j SET start_time = j.start_time
          FROM worker w
         WHERE j.id = :job_id AND j.end_time IS NULL AND w.short_name = '{CHILDREN}' AND w.deleted_time IS NULL
           AND NOT EXISTS (SELECT FROM job_task t WHERE t.job_id = j.id AND t.worker_id = w.id)
        RETURNING j.id, j.sample_id, j.customer_id, w.id AS worker_id,
                  coalesce(j.start_time, :now) + :patience::bigint AS until
    )
    INSERT INTO job_task (id, job_id, sample_id, customer_id, worker_id, worker, state, enqueued_time, run_after, shift)
    SELECT :id, waiting.id, sample_id, customer_id, worker_id, '{CHILDREN}', 'enqueued', :now, until, {shift_of_job("waiting.id")}
      FROM waiting
    ON CONFLICT DO NOTHING
""")


async def wait_for_children(db: Connection, job_id: UUID, *, longest_run: Millis, now: Millis) -> None:
    """Let a job wait for children, unless the job waits already, has ended, or nobody registered the worker.

    Locks the job where a task is added. Samples are to be locked after the job.
    """
    patience = longest_run * PATIENCE // 100
    await ADD.run(db, id=new_id(), job_id=job_id, patience=patience, now=now)
