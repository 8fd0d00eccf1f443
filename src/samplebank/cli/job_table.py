"""Jobs and tasks as tables."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from rich.console import RenderableType

from samplebank import timespec
from samplebank.cli import printing
from samplebank.cli.answers import Job, Task
from samplebank.timespec import Millis

SHORT_HASH: Final = 16
COLUMNS: Final = ("ID", "STATE", "SAMPLE", "CUSTOMER", "ENQUEUED", "DURATION", "TASKS")


class JobWithTasks(NamedTuple):
    job: Job
    tasks: list[Task]


def job_table(rows: Sequence[JobWithTasks], now: Millis, *, is_live: bool = False) -> RenderableType:
    return printing.table(COLUMNS, (_row(row, now) for row in rows), is_live=is_live)


def _row(row: JobWithTasks, now: Millis) -> tuple[object, ...]:
    job = row.job
    return (
        short_id(job.id),
        job.state,
        job.analysed_sample.id[:SHORT_HASH],
        job.customer.short_name,
        timespec.iso(job.enqueued_timestamp),
        duration(job.start_timestamp, job.end_timestamp or (None if job.ended else now)),
        progress(row.tasks),
    )


def progress(tasks: Sequence[Task]) -> str:
    """Count the tasks that have ended, and the ended tasks without a result."""
    failed = sum(task.failed for task in tasks)
    return f"{sum(task.ended for task in tasks)}/{len(tasks)}" + (f", {failed} failed" if failed else "")


def short_id(job_id: str) -> str:
    """Shorten an id to the part that differs from id to id. Every id begins with the time when the id was made."""
    return job_id.rpartition("-")[2]


def duration(start: Millis | None, end: Millis | None) -> str | None:
    # The clock here may be behind the clock of the service.
    return None if start is None or end is None else f"{max(0, end - start) / 1000:.1f} s"


def task_table(tasks: Sequence[Task]) -> RenderableType:
    rows = (
        (
            t.worker,
            t.state,
            duration(t.start_timestamp, t.end_timestamp),
            printing.paragraph(t.message or ""),
        )
        for t in tasks
    )
    return printing.table(("WORKER", "STATE", "DURATION", "MESSAGE"), rows)
