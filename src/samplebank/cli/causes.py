"""The answers of the service about what keeps jobs from being done, and about failures."""

import msgspec

from samplebank.cli.answers import Shown


class WhyTask(Shown, frozen=True):
    worker: str
    cause: str
    because: str
    next: str
    remedy: str | None = None


class Why(Shown, frozen=True):
    """Why a job is not done, in sentences. Without an estimate, nobody can tell when the end comes."""

    cause: str
    because: str
    next: str
    tasks: list[WhyTask]
    remedy: str | None = None
    estimate_timestamp: int | None = None
    timeout_timestamp: int | None = None


class FailuresOfWorker(Shown, frozen=True):
    worker: str
    failures: int


class FailureCause(Shown, frozen=True):
    """Failed tasks whose messages differ in numbers, names and places only."""

    cause: str
    failures: int
    first_timestamp: int
    last_timestamp: int
    workers: list[FailuresOfWorker]
    example_job_ids: list[str] = msgspec.field(name="exampleJobIDs")
    timed_out: bool = False


class Failures(Shown, frozen=True):
    since_timestamp: int
    failures: int
    causes: list[FailureCause]
    is_more: bool = False
