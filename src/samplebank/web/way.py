"""The way of a sample: when the sample was seen and analysed on one scale of time, and the tasks of the newest job on another."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec
from markupsafe import Markup

from samplebank import timespec
from samplebank.accounts.directory import Directory
from samplebank.jobs.model import FINAL, Task, TaskState
from samplebank.jobs.ways import JobWithTasks, TaskWay
from samplebank.submissions.model import Submission
from samplebank.timespec import Millis
from samplebank.web.charts import MARK, WAIT, Span, lane
from samplebank.web.formatting import duration

#: tasks of the newest job that are drawn
MOST_TASKS: Final = 30
#: the kind of a span that stands for a submission
SEEN: Final = "seen"


class TaskLine(msgspec.Struct, frozen=True):
    """A task of the newest job, drawn on the scale of the job."""

    task: TaskWay
    way: Markup
    waited: Millis | None
    worked: Millis | None


class Way(msgspec.Struct, frozen=True):
    """From the first submission or job that is shown to the last. `customers` are the customers with their numbers of submissions."""

    began: Millis
    until: Millis
    customers: list[tuple[str, int]]
    seen: Markup
    jobs: Markup
    newest: JobWithTasks | None
    tasks: list[TaskLine]
    earlier: Sequence[JobWithTasks]


def its_way(
    seen: Sequence[Submission], jobs: Sequence[JobWithTasks], directory: Directory, root: str, now: Millis
) -> Way | None:
    """Draw the submissions and jobs, each the newest first. None where there is neither."""
    times = [one.submitted_time for one in seen] + [job.enqueued_time for job in jobs]
    if not times:
        return None
    began = min(times)
    until = max(times + [_end(job, now) for job in jobs])
    names = [directory.customer(one.customer_id).short_name for one in seen]
    marks = [_sighting(one, name) for one, name in zip(seen, names, strict=True)]
    newest = jobs[0] if jobs else None
    return Way(
        began=began,
        until=until,
        customers=Counter(names).most_common(),
        seen=lane(began, until, marks[::-1], narrowest=MARK),
        jobs=lane(began, until, [_job(job, root, now) for job in reversed(jobs)], narrowest=MARK),
        newest=newest,
        tasks=[] if newest is None else _tasks(newest, now),
        earlier=jobs[1:],
    )


def _end(job: JobWithTasks, now: Millis) -> Millis:
    return now if job.end_time is None else job.end_time


def _sighting(submission: Submission, customer: str) -> Span:
    time = submission.submitted_time
    return Span(SEEN, time, time, f"submitted for {customer} at {timespec.iso(time)}")


def _job(job: JobWithTasks, root: str, now: Millis) -> Span:
    end = _end(job, now)
    said = (
        f"job {job.state}: enqueued at {timespec.iso(job.enqueued_time)}, {duration(end - job.enqueued_time)}"
    )
    return Span(job.state, job.enqueued_time, end, said, f"{root}job/{job.id}")


def _tasks(job: JobWithTasks, now: Millis) -> list[TaskLine]:
    end = _end(job, now)
    return [
        TaskLine(
            task=task,
            way=lane(job.enqueued_time, end, way_of(task, end)),
            waited=None if task.start_time is None else task.start_time - task.enqueued_time,
            worked=None
            if task.start_time is None or task.end_time is None
            else task.end_time - task.start_time,
        )
        for task in job.ways[:MOST_TASKS]
    ]


def way_of(task: Task | TaskWay, end: Millis) -> list[Span]:
    """The wait and the work of a task, as spans of a lane that lasts until `end`. A task that is back in line only waits."""
    is_waiting = task.state == TaskState.ENQUEUED
    began = None if is_waiting else task.start_time
    moved = end if is_waiting else began if began is not None else task.end_time
    waited = (end if moved is None else moved) - task.enqueued_time
    said = f"{'waits for' if is_waiting else 'waited'} {duration(waited)}"
    spans = [Span(WAIT, task.enqueued_time, task.enqueued_time + waited, said)]
    if began is not None:
        ended = end if task.end_time is None else task.end_time
        verb = "worked" if task.state in FINAL else "at work for"
        spans.append(Span(str(task.state), began, ended, f"{verb} {duration(ended - began)}: {task.state}"))
    return spans
