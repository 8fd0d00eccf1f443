"""Jobs, their tasks, their states and the legal moves between them."""

from collections.abc import Mapping
from enum import StrEnum
from uuid import UUID

import msgspec

from samplebank.timespec import Millis


class JobState(StrEnum):
    ENQUEUED = "enqueued"
    EXECUTING = "executing"
    DONE = "done"
    TIMEOUT = "timeout"


class TaskState(StrEnum):
    ENQUEUED = "enqueued"
    EXECUTING = "executing"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"


FINAL = frozenset({TaskState.SUCCESS, TaskState.FAILED, TaskState.CANCELLED, TaskState.TIMEOUT})
MOVES: Mapping[TaskState, frozenset[TaskState]] = {
    TaskState.ENQUEUED: frozenset(TaskState) - {TaskState.ENQUEUED},
    TaskState.EXECUTING: FINAL | {TaskState.ENQUEUED},  # back to the queue only when a lease is given up
    **dict.fromkeys(FINAL, frozenset()),
}


class JobRules(msgspec.Struct, frozen=True):
    """The settings that rule jobs. Times are in milliseconds."""

    #: attempts of a task before the task has failed
    max_attempts: int
    #: the lowest score of a malicious verdict
    malicious_score: int
    #: how long a job may wait and run, counted from the submission
    longest_wait: Millis
    #: how long a job may run, counted from the start of the first task
    longest_run: Millis


class Job(msgspec.Struct, frozen=True, gc=False):
    """The analysis of a sample: progress only, no results."""

    id: UUID
    sha256: bytes
    size: int
    customer_id: int
    state: str
    enqueued_time: Millis
    start_time: Millis | None
    end_time: Millis | None


class Task(msgspec.Struct, frozen=True):
    """The share of a worker in a job. `analyses` are (id, score, agent name, agent version)."""

    id: UUID
    worker: str
    state: str
    enqueued_time: Millis
    start_time: Millis | None
    end_time: Millis | None
    message: str | None
    analyses: list[list[object]]
