"""Answers about workers, as far as the commands show them."""

from samplebank.cli.answers import Shown


class WorkerProcess(Shown, frozen=True):
    """A process of a worker. `remark` is what the process wants operators to know."""

    state: str
    last_seen_timestamp: int
    version: str | None = None
    remark: str | None = None


class WorkerLine(Shown, frozen=True):
    """The processes of a worker, the process that was seen last first."""

    short_name: str
    processes: tuple[WorkerProcess, ...]


class Workload(Shown, frozen=True):
    """The tasks of a worker. Without `last_seen_timestamp` the worker has never asked for work."""

    id: str
    short_name: str
    localized_name: str
    localized_description: str
    waiting_tasks: int
    executing_tasks: int
    last_seen_timestamp: int | None = None
    waiting_since_timestamp: int | None = None
    processes: tuple[WorkerProcess, ...] = ()
