"""`samplebank demo`: a service, real files, jobs and verdicts, in one go; leaves nothing behind unless told to."""

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console, RenderableType
from rich.live import Live

from samplebank import timespec
from samplebank.cli import printing
from samplebank.cli.answers import Job
from samplebank.cli.client import Client
from samplebank.cli.connection import CREDENTIALS
from samplebank.cli.demo_files import EICAR_NAME, make_files
from samplebank.cli.following import follow
from samplebank.cli.job_table import short_id, task_table
from samplebank.cli.local_service import LocalService, running
from samplebank.cli.login import MINUTES, make_link
from samplebank.cli.sending import Outcome, send_all
from samplebank.cli.submit import verdict_table
from samplebank.errors import Refusal, Unavailable

PROGRAM: Final = "samplebank"
KEPT_FOLDER: Final = Path("demo-data")
LIMIT: Final = 120.0  # seconds that the jobs may take
PARALLEL: Final = 2
PAUSE: Final = 0.1


def demo(
    *,
    keep: Annotated[
        bool, typer.Option(envvar="KEEP", help="Leave the service running, with demo-data/.")
    ] = False,
) -> None:
    """Start a service, submit real files, show their jobs and verdicts."""
    console = printing.out()
    with _folder(keep=keep) as folder:
        console.print("Starting Samplebank with its own database and analysis workers ...")
        started = time.monotonic()
        with running(folder, keep=keep) as service, Client(service.connection) as client:
            console.print(
                f"It answers at {service.connection.url} after {time.monotonic() - started:.1f} s.\n\nThe jobs:\n"
            )
            outcomes = _submit(client, folder)
            _show_jobs(client, outcomes, console)
            judged = [
                _with_name(outcome) for outcome in follow(client, outcomes, lambda _: None, printing.complain)
            ]
            console.print("\nThe verdicts:\n")
            console.print(verdict_table(judged))
            console.print()
            _check(judged, client, console)
            _show_where_to_look(console, service, folder, keep=keep)


@contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    if keep:
        yield KEPT_FOLDER.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="samplebank-demo-") as folder:
        yield Path(folder)


def _submit(client: Client, folder: Path) -> list[Outcome]:
    files = make_files(folder / "files")
    outcomes, end = send_all(client, files, {}, parallel=PARALLEL, advance=lambda _: None)
    if end:
        raise end
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    if failed:
        raise Unavailable(f"{failed[0].path} could not be submitted: {failed[0].error}")
    return outcomes


def _show_jobs(client: Client, outcomes: Sequence[Outcome], console: Console) -> None:
    """Show every job on the way until all jobs have ended."""
    names = {outcome.sha256: Path(outcome.path).name for outcome in outcomes}
    end = time.monotonic() + LIMIT
    with Live(console=console, auto_refresh=False) as live:
        while True:
            newest: dict[str, Job] = {}
            for job in client.jobs(sampleSha256=list(names), limit=0):
                newest.setdefault(job.analysed_sample.id, job)
            live.update(_ways(newest, names), refresh=True)
            if all(sha256 in newest and newest[sha256].ended for sha256 in names if sha256):
                break
            if time.monotonic() > end:
                raise Unavailable(f"Not every job ended within {LIMIT:.0f} s.")
            time.sleep(PAUSE)
    if not console.is_terminal:
        console.print()  # Live ends the last line on terminals only


def _ways(jobs: dict[str, Job], names: dict[str | None, str]) -> RenderableType:
    return printing.table(
        ("FILE", "JOB", "STATE", "ITS WAY"),
        (
            (name, short_id(job.id), job.state, _way(job))
            for sha256, name in names.items()
            if (job := jobs.get(sha256 or ""))
        ),
        is_live=True,
    )


def _way(job: Job) -> str:
    steps = [f"{timespec.iso(job.enqueued_timestamp)[11:23]} enqueued"]
    if job.start_timestamp is not None:
        steps.append(f"+{job.start_timestamp - job.enqueued_timestamp} ms executing")
    if job.end_timestamp is not None:
        steps.append(f"+{job.end_timestamp - job.enqueued_timestamp} ms {job.state}")
    return " -> ".join(steps)


def _check(outcomes: Sequence[Outcome], client: Client, console: Console) -> None:
    undone = [outcome.path for outcome in outcomes if outcome.job_state != "done"]
    if undone:
        raise Unavailable(f"These jobs did not end as done: {', '.join(undone)}.")
    eicar = next(outcome for outcome in outcomes if outcome.path == EICAR_NAME)
    if eicar.verdict != "malicious":
        tasks = client.tasks(eicar.job) if eicar.job else []
        console.print(task_table(tasks))
        raise Refusal(f"The EICAR test file should be malicious, but is {eicar.verdict}.")


def _with_name(outcome: Outcome) -> Outcome:
    return msgspec.structs.replace(outcome, path=Path(outcome.path).name)


def _show_where_to_look(console: Console, service: LocalService, folder: Path, *, keep: bool) -> None:
    url = service.connection.url
    if not keep:
        console.print(
            "Nothing is left running. KEEP=1 in the environment leaves the service up, to look around in."
        )
        return
    program = sys.argv[0] if Path(sys.argv[0]).name == PROGRAM else PROGRAM
    lines = (
        f"The service goes on at {url}; its data and log are in {folder}.",
        f"  interface, to browse   {url}/docs",
        f"  keys                   {folder / CREDENTIALS}",
        f"  jobs                   SAMPLEBANK_DATA_DIR={folder} {program} jobs",
        f"  stop it                kill {service.process.pid}",
        f"  another link           SAMPLEBANK_DATA_DIR={folder} {program} login",
        f"Open this link within {MINUTES} minutes to look around, signed in:",
        make_link(folder),
    )
    console.print("\n".join(lines), soft_wrap=True)  # not folded, for copying
