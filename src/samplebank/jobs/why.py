"""Why a job is not done: the cause, what will happen, what helps, and when the end may come.

The page of a job, `samplebank jobs --why` and the API tell the sentences that are made here. Everything here is computed
from facts, without a look at the database.
"""

from collections.abc import Sequence
from enum import StrEnum
from uuid import UUID

import msgspec

from samplebank.jobs.model import FINAL, JobRules, JobState, TaskState
from samplebank.jobs.waiting import CHILDREN
from samplebank.policy.presence import Presence, Standing
from samplebank.timespec import Millis, iso

#: the most tasks before a task that are counted
MOST_AHEAD = 10_000
#: the most characters of a reason in a sentence
LONGEST_REASON = 200
MINUTE = 60_000
AFTER_TYPE = "The type of the file is still to come, and may add workers."


class Cause(StrEnum):
    """What a task waits for. In a job with several tasks the cause that stands first is the cause of the job."""

    WORKER_DELETED = "workerDeleted"
    NO_LIVE_WORKER = "noLiveWorker"
    LEASE_ENDED = "leaseEnded"
    BETWEEN_ATTEMPTS = "betweenAttempts"
    WORKER_LATE = "workerLate"
    IN_LINE = "inLine"
    RUNNING_WITHOUT_LEASE = "runningWithoutLease"
    RUNNING = "running"
    WAITS_FOR_CHILDREN = "waitsForChildren"
    ENDED = "ended"


#: the causes, those with the least hope first
ORDER = tuple(Cause)


class TaskFacts(msgspec.Struct, frozen=True):
    """A task. `ahead` tasks of the customer stand before the task, counted up to `MOST_AHEAD`. `shift` is that of `lanes`."""

    id: UUID
    worker: str
    state: str
    enqueued_time: Millis
    start_time: Millis | None
    end_time: Millis | None
    message: str | None
    attempt: int
    reasons: Sequence[str]
    run_after: Millis
    lease_until: Millis | None
    worker_is_deleted: bool
    ahead: int
    shift: Millis = 0


class WorkerFacts(msgspec.Struct, frozen=True):
    """How a worker stands towards the customer of a job.

    `rate` tasks of the customer end a minute, and a task takes `service` milliseconds on average: by the last hour, None
    where no task ended.
    """

    presence: Presence = Presence()
    rate: float | None = None
    service: Millis | None = None


class JobFacts(msgspec.Struct, frozen=True):
    """A job, and each task of the job with its worker. With `awaits_type`, the type of the file may add workers."""

    id: UUID
    state: str
    enqueued_time: Millis
    start_time: Millis | None
    end_time: Millis | None
    awaits_type: bool
    tasks: Sequence[tuple[TaskFacts, WorkerFacts]]


class Told(msgspec.Struct, frozen=True):
    """The explanation of a job or a task in sentences. `estimate` is when the end may come, None for no idea."""

    cause: Cause
    because: str
    next: str
    remedy: str | None = None
    estimate: Millis | None = None


class Explanation(msgspec.Struct, frozen=True):
    """Why a job is not done. The tasks are in the order of the facts. `times_out` is None for an ended job."""

    job: JobFacts
    told: Told
    tasks: Sequence[Told]
    times_out: Millis | None


class Moment(msgspec.Struct, frozen=True):
    """When the explanation is asked for, when the job times out, and how many attempts a task has."""

    now: Millis
    times_out: Millis
    attempts: int

    @property
    def at_last(self) -> str:
        return f"the job times out at {when(self.times_out)}"


def explain(job: JobFacts, rules: JobRules, *, now: Millis) -> Explanation:
    """Explain a job and the tasks of the job."""
    times_out = job.enqueued_time + rules.longest_wait
    if job.start_time is not None:
        times_out = min(times_out, job.start_time + rules.longest_run)
    moment = Moment(now, times_out, rules.max_attempts)
    left = sum(task.state not in FINAL for task, _ in job.tasks)
    tasks = [
        _ended(task, left) if task.state in FINAL else _open(task, worker, moment)
        for task, worker in job.tasks
    ]
    if job.end_time is not None:
        return Explanation(job, _ended_job(job, job.end_time), tasks, None)
    return Explanation(job, _unfinished(job, tasks, moment), tasks, times_out)


def _ended_job(job: JobFacts, end: Millis) -> Told:
    because = (
        f"The job timed out at {when(end)}, with the results so far."
        if job.state == JobState.TIMEOUT
        else f"The job has been done since {when(end)}."
    )
    following = AFTER_TYPE if job.awaits_type else "Nothing more happens."
    lacking = [task.worker for task, _ in job.tasks if task.state in {TaskState.FAILED, TaskState.TIMEOUT}]
    remedy = f"For another try of {', '.join(lacking)}, analyse the sample again." if lacking else None
    return Told(Cause.ENDED, because, following, remedy)


def _unfinished(job: JobFacts, tasks: Sequence[Told], moment: Moment) -> Told:
    """The explanation of a job is the explanation of the task that has the least hope."""
    waiting = [told for told in tasks if told.cause is not Cause.ENDED]
    if not waiting:
        return Told(Cause.RUNNING, "All tasks have ended.", "The job ends at once.")
    worst = min(waiting, key=lambda told: ORDER.index(told.cause))
    ended = len(tasks) - len(waiting)
    because = f"{worst.because} {ended} of {len(tasks)} tasks ended."
    following = f"{worst.next} {AFTER_TYPE}" if job.awaits_type else worst.next
    known = [told.estimate for told in waiting if told.estimate is not None]
    estimate = max(known) if len(known) == len(waiting) else None
    if estimate is not None and estimate > moment.times_out:
        following = f"{following} By this estimate, {moment.at_last} before the end."
    return Told(worst.cause, because, following, worst.remedy, estimate)


def _ended(task: TaskFacts, left: int) -> Told:
    because = f"The task of {task.worker} ended at {when(task.end_time or 0)}: {task.state}."
    if task.message and task.state != TaskState.SUCCESS:
        because = f"{because[:-1]}, {_in_a_sentence(task.message)}"
    others = "task" if left == 1 else "tasks"
    following = f"The job waits for {left} other {others}." if left else "Nothing more happens."
    return Told(Cause.ENDED, because, following)


def _open(task: TaskFacts, worker: WorkerFacts, moment: Moment) -> Told:
    if task.worker == CHILDREN or task.state == TaskState.EXECUTING:
        return _by_the_service(task) if task.worker == CHILDREN else _executing(task, worker, moment)
    if task.worker_is_deleted:
        return Told(
            Cause.WORKER_DELETED,
            f"The worker {task.worker} has been deleted.",
            f"Nobody claims the task by the name of the worker; {moment.at_last}.",
            f"Cancel the task of {task.worker}, or let the job time out.",
        )
    standing = worker.presence.standing(moment.now)
    if standing is Standing.NONE:
        return _without_worker(task, worker, moment)
    if task.run_after > moment.now:
        return Told(
            Cause.BETWEEN_ATTEMPTS,
            _attempts(task, moment),
            f"Attempt {task.attempt + 1} may begin at {when(task.run_after)}.",
            estimate=None if worker.service is None else task.run_after + worker.service,
        )
    if standing is Standing.LATE:
        return Told(
            Cause.WORKER_LATE,
            f"The worker {task.worker} is late: the last sign of life came at {when(worker.presence.last_time or 0)}.",
            f"The task begins when a process of {task.worker} asks for work; {moment.at_last}.",
            f"Look at the log of the worker {task.worker}.",
        )
    return _in_line(task, worker, moment)


def _by_the_service(task: TaskFacts) -> Told:
    return Told(
        Cause.WAITS_FOR_CHILDREN,
        "The job waits for the verdicts of what came out of the sample.",
        f"The task of {task.worker} ends when the jobs of all children and the other tasks of this job have ended, or at "
        f"{when(task.run_after)} with the verdicts so far.",
    )


def _without_worker(task: TaskFacts, worker: WorkerFacts, moment: Moment) -> Told:
    last = worker.presence.last_time
    since = (
        f"since {when(last)}" if last is not None else "so far: nobody has asked for tasks of the customer"
    )
    return Told(
        Cause.NO_LIVE_WORKER,
        f"No live worker for {task.worker} {since}.",
        f"Nothing happens until a process of {task.worker} starts; {moment.at_last}.",
        f"Start the worker: samplebank worker run {task.worker}",
    )


def _in_line(task: TaskFacts, worker: WorkerFacts, moment: Moment) -> Told:
    place = f"number {task.ahead + 1}" if task.ahead < MOST_AHEAD else f"behind {MOST_AHEAD} others"
    because = f"The task is {place} in the customer's line for {task.worker}."
    if task.shift > 0:
        until = when(task.enqueued_time + task.shift)
        because = f"{because} As bulk work, the task lets pass what comes in before {until}."
    if task.reasons:
        because = f"{because} {_attempts(task, moment)}"
    remedy = f"More processes of {task.worker} shorten the line." if task.ahead else None
    if not worker.rate:
        following = f"No task of the line ended in the last hour, so there is no estimate; {moment.at_last}."
        return Told(Cause.IN_LINE, because, following, remedy)
    begins = moment.now + round(task.ahead / worker.rate * MINUTE)
    following = (
        f"At the rate of the last hour, {worker.rate:.3g} a minute, the task begins at about {when(begins)}."
    )
    return Told(Cause.IN_LINE, because, following, remedy, begins + (worker.service or 0))


def _executing(task: TaskFacts, worker: WorkerFacts, moment: Moment) -> Told:
    name, began = task.worker, when(task.start_time or 0)
    attempt = f"attempt {task.attempt} of {moment.attempts}"
    if task.lease_until is None:
        return Told(
            Cause.RUNNING_WITHOUT_LEASE,
            f"The worker {name} said at {began} that the task runs, without a claim.",
            f"The task ends when the worker says so; {moment.at_last}.",
            "Look at the worker. A task without a claim is given to nobody else.",
            _end_of(task, worker, moment.now),
        )
    if task.lease_until <= moment.now:
        goes = "fails, as no attempt is left" if task.attempt >= moment.attempts else "goes back to the line"
        return Told(
            Cause.LEASE_ENDED,
            f"The lease of {attempt} ended at {when(task.lease_until)} without a result.",
            f"The task of {name} {goes}, in a moment.",
            f"Look at the log of the worker {name}: a process was killed, got stuck, or is out of reach.",
        )
    because = f"The worker {name} has been at work since {began}, in {attempt}."
    return Told(
        Cause.RUNNING,
        f"{because} {_attempts(task, moment)}" if task.reasons else because,
        f"The worker has the task until {when(task.lease_until)}, and longer with each heartbeat; {moment.at_last}.",
        estimate=_end_of(task, worker, moment.now),
    )


def _end_of(task: TaskFacts, worker: WorkerFacts, now: Millis) -> Millis | None:
    """When a running task may end, by the average of the last hour. None for a task that takes longer than the average."""
    if task.start_time is None or worker.service is None:
        return None
    end = task.start_time + worker.service
    return end if end > now else None


def _attempts(task: TaskFacts, moment: Moment) -> str:
    """How the attempts before went: the number, and the last reason."""
    last = f" {_in_a_sentence(task.reasons[-1])}" if task.reasons else ""
    return f"{len(task.reasons)} of {moment.attempts} attempts ended without a result.{last}"


def _in_a_sentence(text: str) -> str:
    """A text of others as the end of a sentence: on one line, and short."""
    line = " ".join(text[: 2 * LONGEST_REASON].split())
    cut = line if len(line) <= LONGEST_REASON else f"{line[:LONGEST_REASON]}…"
    return cut if cut.endswith((".", "…")) else f"{cut}."


def when(moment: Millis) -> str:
    """A moment in a sentence, to the second."""
    return f"{iso(moment)[:19]}Z"
