"""`samplebank jobs`: running and finished analyses, and why a job ended as the job did."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import Annotated, Final, NamedTuple
from uuid import UUID

import typer
from rich.console import Group, RenderableType
from rich.live import Live

from samplebank import timespec
from samplebank.cli import connection, printing
from samplebank.cli.answers import Job, Plan, Replanned, Task, Verdict
from samplebank.cli.client import Client
from samplebank.cli.connection import KeyOption, UrlOption
from samplebank.cli.following import assessment
from samplebank.cli.presence import absences
from samplebank.cli.printing import JsonOption
from samplebank.errors import Invalid, NotFound
from samplebank.timespec import BadTime, Millis

SHORT_HASH: Final = 16
LOOKED_THROUGH: Final = 100_000  # newest jobs among which a shortened id is looked up
LOOKED_AT: Final = 5_000  # jobs read at once
PARALLEL: Final = 4
FOLLOW_PAUSE: Final = 1.0  # seconds
COLUMNS: Final = ("ID", "STATE", "SAMPLE", "CUSTOMER", "ENQUEUED", "DURATION", "TASKS")

Criteria = Mapping[str, object]


class State(StrEnum):
    ENQUEUED = "enqueued"
    EXECUTING = "executing"
    DONE = "done"
    TIMEOUT = "timeout"


class JobWithTasks(NamedTuple):
    job: Job
    tasks: list[Task]


def jobs(
    *,
    state: Annotated[
        list[State] | None, typer.Option(help="Only jobs in this state; may be repeated.")
    ] = None,
    customer: Annotated[
        list[str] | None, typer.Option(help="Only of this customer; may be repeated.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help='Enqueued since: "1 week", "startOfDay", an ISO time.')
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, newest first.")] = 25,
    follow: Annotated[bool, typer.Option("--follow", help="Keep showing changes until Ctrl-C.")] = False,
    why: Annotated[
        str | None, typer.Option(metavar="ID", help="One job: its tasks, what chose them, its verdict.")
    ] = None,
    json: JsonOption = False,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """List jobs, follow them, or explain one."""
    if why is not None and not why.strip():
        raise typer.BadParameter("The id is empty.", param_hint="--why")
    now = _now()
    criteria = {
        "state": state or None,
        "customer": customer or None,
        "startTimestamp": None if since is None else since_when(since, now=now),
        "timeFieldStrategy": None if since is None else ["enqueuedTimestamp"],
        "limit": limit,
    }
    with Client(connection.find(url, key)) as client:
        if why is not None:
            _explain(client, why, as_json=json)
        elif follow:
            _follow(client, criteria, as_json=json)
        elif json:
            printing.write_json({"jobs": client.jobs(**criteria)})
        else:
            printing.out().print(_job_table(_with_tasks(client, client.jobs(**criteria)), now))


def since_when(text: str, *, now: Millis) -> Millis:
    """Read a point in time, or a span like "1 week" that ends now."""
    try:
        return timespec.parse(text, now=now)
    except BadTime as refusal:
        try:
            return timespec.parse(f"now - {text}", now=now)
        except BadTime:
            raise typer.BadParameter(
                f'{refusal} A span such as "1 week" will do too.', param_hint="--since"
            ) from None


def _with_tasks(client: Client, found: Sequence[Job]) -> list[JobWithTasks]:
    with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
        tasks = list(pool.map(client.tasks, [job.id for job in found]))
    return [JobWithTasks(job, of_job) for job, of_job in zip(found, tasks, strict=True)]


def _job_table(rows: Sequence[JobWithTasks], now: Millis) -> RenderableType:
    return printing.table(COLUMNS, (_row(row, now) for row in rows))


def _row(row: JobWithTasks, now: Millis) -> tuple[object, ...]:
    job = row.job
    return (
        short_id(job.id),
        job.state,
        job.analysed_sample.id[:SHORT_HASH],
        job.customer.short_name,
        timespec.iso(job.enqueued_timestamp),
        _duration(job.start_timestamp, job.end_timestamp or (None if job.ended else now)),
        progress(row.tasks),
    )


def progress(tasks: Sequence[Task]) -> str:
    """Count the tasks that have ended, and the ended tasks without a result."""
    failed = sum(task.failed for task in tasks)
    return f"{sum(task.ended for task in tasks)}/{len(tasks)}" + (f", {failed} failed" if failed else "")


def short_id(job_id: str) -> str:
    """Shorten an id to the part that differs from id to id. Every id begins with the time when the id was made."""
    return job_id.rpartition("-")[2]


def _duration(start: Millis | None, end: Millis | None) -> str | None:
    # The clock here may be behind the clock of the service.
    return None if start is None or end is None else f"{max(0, end - start) / 1000:.1f} s"


def _follow(client: Client, criteria: Criteria, *, as_json: bool) -> None:
    try:
        if as_json or not printing.out().is_terminal:
            for job in _changes(client, criteria):
                _write_change(job, as_json=as_json)
        else:
            _follow_live(client, criteria)
    except KeyboardInterrupt:
        raise typer.Exit from None  # the intended end


def _follow_live(client: Client, criteria: Criteria) -> None:
    ended: dict[str, JobWithTasks] = {}
    with Live(console=printing.out(), auto_refresh=False) as live:
        while True:
            found = client.jobs(**criteria)
            fresh = _with_tasks(client, [job for job in found if job.id not in ended])
            ended |= {row.job.id: row for row in fresh if row.job.ended}
            known = ended | {row.job.id: row for row in fresh}
            shown = [known[job.id] for job in found]
            live.update(Group(_job_table(shown, _now()), "Ctrl-C ends this view."), refresh=True)
            time.sleep(FOLLOW_PAUSE)


def _changes(client: Client, criteria: Criteria) -> Iterator[Job]:
    states: dict[str, str] = {}
    while True:
        for job in reversed(client.jobs(**criteria)):
            if states.get(job.id) != job.state:
                states[job.id] = job.state
                yield job
        time.sleep(FOLLOW_PAUSE)


def _write_change(job: Job, *, as_json: bool) -> None:
    if as_json:
        printing.write_json_line(job)
    else:
        moment = timespec.iso(job.end_timestamp or job.start_timestamp or job.enqueued_timestamp)
        typer.echo(f"{moment} {job.id} {job.state} {job.analysed_sample.id} {job.customer.short_name}")


def _explain(client: Client, shortened: str, *, as_json: bool) -> None:
    job = client.job(_full_id(client, shortened))
    tasks, plan = client.tasks(job.id), client.plan(job.id)
    verdicts = client.verdicts(job.analysed_sample.id, limit=0)
    verdict = next((v for v in verdicts if v.job and v.job.id == job.id), None)
    by_hand = next((v for v in verdicts if v.by_hand), None)
    if as_json:
        told = {"job": job, "tasks": tasks, "plan": plan, "verdict": verdict, "verdictByHand": by_hand}
        printing.write_json(told)
        return
    console = printing.out()
    console.print(_job_table([JobWithTasks(job, tasks)], _now()))
    console.print()
    console.print(task_table(tasks))
    for sentence in absences(tasks, plan, _now()):
        console.print(printing.printable(sentence), markup=False)
    console.print()
    console.print(_chosen_by(plan))
    if plan.replanned:
        console.print(_late_line(plan.replanned), markup=False)
    if plan.options:
        console.print(_options_line(plan), markup=False)
    console.print()
    console.print(_verdict_line(job, verdict), markup=False)
    if by_hand is not None:
        console.print(_by_hand_line(by_hand), markup=False)


def task_table(tasks: Sequence[Task]) -> RenderableType:
    rows = (
        (
            t.worker,
            t.state,
            _duration(t.start_timestamp, t.end_timestamp),
            printing.paragraph(t.message or ""),
        )
        for t in tasks
    )
    return printing.table(("WORKER", "STATE", "DURATION", "MESSAGE"), rows)


def _chosen_by(plan: Plan) -> RenderableType:
    if not plan.rules:
        return "Chosen by the default policy."
    rows = ((rule.name, rule.version, rule.matches, ", ".join(rule.on)) for rule in plan.rules)
    return printing.table(("CHOSEN BY", "VERSION", "KIND", "MATCHES"), rows)


def _late_line(late: Replanned) -> str:
    """Tell what a file type that came late added to the job."""
    added = ", ".join(late.workers)
    begun = (
        f"after job {late.previous_job_id} had ended" if late.previous_job_id else "after the job was opened"
    )
    what = f"added {added}" if added else "changed the options"
    return printing.printable(
        f"The file type {late.type} ({late.super_type}) came {begun}: {timespec.iso(late.timestamp)} {what}."
    )


def _options_line(plan: Plan) -> str:
    options = ", ".join(f"{option.key}={option.value}" for option in plan.options)
    return printing.printable(f"Options: {options}.")


def _verdict_line(job: Job, verdict: Verdict | None) -> str:
    if verdict is None:
        return (
            "No verdict was stored for this job."
            if job.ended
            else "The verdict comes when all tasks have ended."
        )
    tags = ", ".join(f"{tag.type}:{tag.value}" for tag in verdict.tags or [])
    return printing.printable(
        f"Verdict: {assessment(verdict)}, score {verdict.score}{', ' if tags else ''}{tags}."
    )


def _by_hand_line(verdict: Verdict) -> str:
    """Tell the verdict of a person on the sample. The verdict of a person goes before every verdict of a job."""
    said = f"By hand: {assessment(verdict)}"
    if verdict.created_by_user:
        said += f", by {verdict.created_by_user.short_name}"
    if verdict.created_timestamp is not None:
        said += f", {timespec.iso(verdict.created_timestamp)}"
    return printing.printable(f"{said}: {verdict.comment}" if verdict.comment else f"{said}.")


def _full_id(client: Client, shortened: str) -> str:
    try:
        return str(UUID(shortened.strip()))
    except ValueError:
        pass
    part = shortened.strip().lower()
    matching: list[str] = []
    for offset in range(0, LOOKED_THROUGH, LOOKED_AT):
        found = client.jobs(limit=LOOKED_AT, offset=offset)
        matching = [job.id for job in found if job.id.startswith(part) or job.id.endswith(part)]
        if matching or len(found) < LOOKED_AT:
            break
    if not matching:
        raise NotFound(
            f"None of the newest {LOOKED_THROUGH} jobs has an id that starts or ends with {shortened}; "
            "give the whole id of an older one."
        )
    if len(matching) > 1:
        raise Invalid(
            f"{len(matching)} jobs have an id that starts or ends with {shortened}; give more of it."
        )
    return matching[0]


def _now() -> Millis:
    return time.time_ns() // 1_000_000
