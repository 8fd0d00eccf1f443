"""Jobs with the ways of their tasks, for a list of few jobs."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from samplebank.database import Columns
from samplebank.jobs.model import Job
from samplebank.timespec import Millis

TASKS: Final = """
    (SELECT coalesce(jsonb_agg(jsonb_build_object(
                'worker', t.worker, 'state', t.state, 'enqueued_time', t.enqueued_time, 'start_time', t.start_time,
                'end_time', t.end_time, 'attempt', t.attempt, 'reasons', t.reasons
            ) ORDER BY t.enqueued_time, t.worker, t.id), '[]')
       FROM job_task t WHERE t.job_id = j.id)
"""


class TaskWay(msgspec.Struct, frozen=True, gc=False):
    """The times of a task. `reasons` are why earlier attempts ended without a result."""

    worker: str
    state: str
    enqueued_time: Millis
    start_time: Millis | None
    end_time: Millis | None
    attempt: int
    reasons: list[str]


class JobWithTasks(Job, frozen=True):
    tasks: Sequence[Any]

    @property
    def ways(self) -> list[TaskWay]:
        return [TaskWay(**task) for task in self.tasks]


JOBS_WITH_TASKS: Final = Columns.of(JobWithTasks, "j", sha256="s.sha256", size="s.size", tasks=TASKS)
