"""Service tasks: long operations with a state of their own. Users follow a task by the correlation id of the task."""

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from samplebank.accounts.directory import Directory
from samplebank.blobs import Blobs
from samplebank.database import Connection
from samplebank.policy.rules import PolicyBook
from samplebank.timespec import Millis


class State(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waitingForSubtasks"
    DONE = "done"
    FAILED = "failed"
    ABORTED = "aborted"


FINAL = frozenset({State.DONE, State.FAILED, State.ABORTED})
MOVES: Mapping[State, frozenset[State]] = {
    # straight to failed: a first step that cannot be done is rolled back together with the beginning
    State.PENDING: frozenset({State.RUNNING, State.FAILED, State.ABORTED}),
    # a task that a dead process left running is run again
    State.RUNNING: FINAL | {State.RUNNING, State.WAITING},
    State.WAITING: FINAL,
    **dict.fromkeys(FINAL, frozenset()),
}


class Operation(StrEnum):
    DELETE = "deleteSample"
    REINDEX = "reindex"
    REINDEX_SLICE = "reindexSlice"
    #: not of SampleDB v2
    REANALYSE = "reanalyse"


class Flag(StrEnum):
    HAS_SUBTASKS = "hasSubtasks"
    HAS_FAILED_SUBTASKS = "hasFailedSubtasks"


class RunningTask(NamedTuple):
    """A task locked for the next step. `arguments` also hold the progress of the task."""

    id: UUID
    correlation_id: UUID
    parent_id: UUID | None
    operation: str
    arguments: dict[str, Any]
    user_id: int


class Step(NamedTuple):
    """The state of a task after a step: still running, waiting for sub-tasks, or done; with a message, if any.

    A running task that `rests` has nothing to do until others have done something.
    """

    state: State = State.RUNNING
    message: str | None = None
    rests: bool = False


class Tools(NamedTuple):
    """The tools that operations need beside the database."""

    blobs: Blobs
    directory: Directory
    policies: PolicyBook
    #: how long a job may wait before the job times out
    longest_wait: Millis = 3_600_000


#: one step of an operation, in a transaction: short, and safe to repeat
Stepping = Callable[[Connection, RunningTask, Tools, Millis], Awaitable[Step]]


class Ancestor(NamedTuple):
    id: UUID
    state: str


class ServiceTask(msgspec.Struct, frozen=True):
    """A stored task, as shown to users."""

    id: UUID
    correlation_id: UUID
    operation: str
    state: str
    flags: list[str]
    messages: list[dict[str, Any]]
    context: dict[str, str]
    host: str | None
    user_id: int
    created_time: Millis
    execution_time: Millis | None
    finished_time: Millis | None
    parent_id: UUID | None
    parent_state: str | None
    root_id: UUID | None
    root_state: str | None

    @property
    def parent(self) -> Ancestor | None:
        return Ancestor(self.parent_id, self.parent_state) if self.parent_id and self.parent_state else None

    @property
    def root(self) -> Ancestor | None:
        return Ancestor(self.root_id, self.root_state) if self.root_id and self.root_state else None
