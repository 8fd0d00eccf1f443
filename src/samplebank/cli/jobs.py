"""`samplebank jobs`: running and finished analyses, and why a job ended as the job did."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from functools import partial
from typing import Annotated, Final

import typer
from rich.console import Group
from rich.live import Live

from samplebank import timespec
from samplebank.cli import connection, printing
from samplebank.cli.answers import Job
from samplebank.cli.causes import Failures
from samplebank.cli.client import Client
from samplebank.cli.connection import KeyOption, UrlOption
from samplebank.cli.ending import until_interrupted
from samplebank.cli.explaining import explain_job
from samplebank.cli.job_table import JobWithTasks, job_table, short_id
from samplebank.cli.patience import patiently
from samplebank.cli.printing import JsonOption
from samplebank.timespec import BadTime, Millis

PARALLEL: Final = 4
FOLLOW_PAUSE: Final = 1.0  # seconds

Criteria = Mapping[str, object]


class State(StrEnum):
    ENQUEUED = "enqueued"
    EXECUTING = "executing"
    DONE = "done"
    TIMEOUT = "timeout"


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
    failures: Annotated[
        bool, typer.Option("--failures", help="Failed tasks of the last 7 days, by cause.")
    ] = False,
    json: JsonOption = False,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """List jobs, follow them, explain one, or tell why tasks fail."""
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
            explain_job(client, why, as_json=json)
        elif failures:
            _tell_failures(client.failures(), as_json=json)
        elif follow:
            _follow(client, criteria, as_json=json)
        elif json:
            printing.write_json({"jobs": client.jobs(**criteria)})
        else:
            printing.out().print(job_table(_with_tasks(client, client.jobs(**criteria)), now))


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


def _tell_failures(found: Failures, *, as_json: bool) -> None:
    if as_json:
        printing.write_json(found)
        return
    rows = (
        (
            cause.failures,
            ", ".join(one.worker for one in cause.workers),
            f"timed out: {cause.cause}" if cause.timed_out else cause.cause,
            timespec.iso(cause.last_timestamp),
            short_id(cause.example_job_ids[0]),
        )
        for cause in found.causes
    )
    printing.out().print(printing.table(("FAILURES", "WORKERS", "CAUSE", "LAST", "FOR EXAMPLE"), rows))
    if found.is_more:
        since = timespec.iso(found.since_timestamp)
        printing.out().print(f"There are more failures: these are the newest, since {since}.")


def _with_tasks(client: Client, found: Sequence[Job]) -> list[JobWithTasks]:
    with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
        tasks = list(pool.map(client.tasks, [job.id for job in found]))
    return [JobWithTasks(job, of_job) for job, of_job in zip(found, tasks, strict=True)]


def _follow(client: Client, criteria: Criteria, *, as_json: bool) -> None:
    with until_interrupted():
        if as_json or not printing.out().is_terminal:
            for job in _changes(client, criteria):
                _write_change(job, as_json=as_json)
        else:
            _follow_live(client, criteria)


def _follow_live(client: Client, criteria: Criteria) -> None:
    ended: dict[str, JobWithTasks] = {}

    def rows() -> list[JobWithTasks]:
        found = client.jobs(**criteria)
        fresh = _with_tasks(client, [job for job in found if job.id not in ended])
        ended.update({row.job.id: row for row in fresh if row.job.ended})
        known = ended | {row.job.id: row for row in fresh}
        return [known[job.id] for job in found]

    with Live(console=printing.out(), auto_refresh=False) as live:
        shown = rows()
        while True:
            live.update(Group(job_table(shown, _now(), is_live=True), "Ctrl-C ends this view."), refresh=True)
            time.sleep(FOLLOW_PAUSE)
            shown = patiently(rows)


def _changes(client: Client, criteria: Criteria) -> Iterator[Job]:
    states: dict[str, str] = {}
    found = client.jobs(**criteria)
    while True:
        for job in reversed(found):
            if states.get(job.id) != job.state:
                states[job.id] = job.state
                yield job
        time.sleep(FOLLOW_PAUSE)
        found = patiently(partial(client.jobs, **criteria))


def _write_change(job: Job, *, as_json: bool) -> None:
    if as_json:
        printing.write_json_line(job)
    else:
        moment = timespec.iso(job.end_timestamp or job.start_timestamp or job.enqueued_timestamp)
        typer.echo(f"{moment} {job.id} {job.state} {job.analysed_sample.id} {job.customer.short_name}")


def _now() -> Millis:
    return time.time_ns() // 1_000_000
