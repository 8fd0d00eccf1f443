"""`samplebank worker`: list and register analysis workers, and run workers anywhere that the service can be reached."""

import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Annotated, TypeVar

import typer
import uvloop

from samplebank import logs, timespec
from samplebank.cli import connection, printing
from samplebank.cli.client import Client
from samplebank.cli.connection import Connection, KeyOption, UrlOption
from samplebank.cli.presence import OF_SERVICE, absence
from samplebank.cli.printing import JsonOption
from samplebank.cli.worker_answers import Workload
from samplebank.cli.worker_choice import (
    AnalyserChoice,
    ImportFromOption,
    NamesArgument,
    RunArgument,
    SettingOption,
)
from samplebank.cli.worker_mistakes import refusing
from samplebank.cli.worker_trial import try_worker
from samplebank.serving.confining import check_sandbox
from samplebank.serving.parent import stop_with_parent
from samplebank.settings import Settings, load
from samplebank.timespec import Millis
from samplebank.worker import loop
from samplebank.worker.registration import Standing
from samplebank.worker.stopping import stopping_at_signals

T = TypeVar("T")

worker_app = typer.Typer(help="List, register, test and run analysis workers.")
worker_app.command("test")(try_worker)


@worker_app.command("list")
def list_workers(*, json: JsonOption = False, url: UrlOption = None, key: KeyOption = None) -> None:
    """List the workers that the service knows: when each was last seen, and what waits for it."""
    with Client(connection.find(url, key)) as client:
        workers = client.workers()
    if json:
        printing.write_json({"workers": workers})
        return
    columns = ("NAME", "LAST SEEN", "WAITING", "OLDEST", "EXECUTING", "TITLE")
    printing.out().print(printing.table(columns, map(_row, workers)))
    now = time.time_ns() // 1_000_000
    for worker in workers:
        for remark, number in _remarks(worker):
            told = printing.printable(f"{worker.short_name}: {remark}")
            printing.out().print(f"{told} ({number} processes)" if number > 1 else told, markup=False)
        sentence = absence(worker.short_name, worker.last_seen_timestamp, now)
        if worker.waiting_tasks and sentence:
            printing.out().print(printing.printable(sentence), markup=False)


def _remarks(worker: Workload) -> list[tuple[str, int]]:
    """What live processes of a worker remark, and how many processes say so."""
    return Counter(
        process.remark for process in worker.processes if process.remark and process.state == "alive"
    ).most_common()


def _row(worker: Workload) -> tuple[object, ...]:
    return (
        worker.short_name,
        "service" if worker.short_name == OF_SERVICE else _moment(worker.last_seen_timestamp) or "never",
        worker.waiting_tasks,
        _moment(worker.waiting_since_timestamp),
        worker.executing_tasks,
        worker.localized_name,
    )


def _moment(time_: Millis | None) -> str | None:
    return None if time_ is None else timespec.iso(time_)


@worker_app.command("register")
def register_workers(
    names: NamesArgument,
    *,
    setting: SettingOption = None,
    import_from: ImportFromOption = None,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Make analysers known to the service, or bring what it knows of them up to date; needs an administrator's key."""
    chosen = AnalyserChoice.read(names, setting, import_from)
    service, own = connection.find(url, key), load(os.environ)
    logs.set_up(own.log_format, logging.WARNING)
    check_sandbox(own)
    standings = _done(
        loop.register(
            service.url,
            service.key,
            chosen.import_paths,
            settings=chosen.settings,
            import_from=chosen.import_from,
            sandbox_required=own.sandbox_required,
        ),
        remedy="Use the key of an administrator.",
    )
    for short_name, standing in standings.items():
        typer.echo(f"The worker {short_name} {standing}.")
    if Standing.REFUSED in standings.values():
        raise typer.Exit(1)


@worker_app.command("run")
def run_workers(
    names: RunArgument,
    *,
    parallel: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Samples at a time; else one per core.")
    ] = None,
    setting: SettingOption = None,
    import_from: ImportFromOption = None,
    with_parent: Annotated[
        bool, typer.Option("--stop-with-parent", hidden=True, help="Stop when the starting process dies.")
    ] = False,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Claim tasks, analyse samples and bring results back, until SIGTERM or Ctrl-C."""
    if with_parent:
        stop_with_parent()
    chosen = AnalyserChoice.read(names, setting, import_from, may_hunt=True)
    service = connection.find(url, key, account="workers")
    own = load(os.environ)
    logs.set_up(own.log_format)
    check_sandbox(own)
    _done(
        _run(service, chosen, parallel, own, connection.current_key_of_workers(url, key)),
        remedy=f"Register it first, with the key of an administrator: samplebank worker register {chosen.words}",
    )


def _done(work: Coroutine[object, object, T], *, remedy: str) -> T:
    with refusing(remedy):
        return uvloop.run(work)


async def _run(
    service: Connection,
    chosen: AnalyserChoice,
    parallel: int | None,
    own: Settings,
    current_key: Callable[[], str | None],
) -> None:
    with stopping_at_signals() as stop:
        await loop.run(
            service.url,
            service.key,
            chosen.import_paths,
            stop_event=stop,
            parallel=parallel,
            settings=chosen.settings,
            import_from=chosen.import_from,
            current_key=current_key,
            sandbox_required=own.sandbox_required,
            hunts=chosen.hunts,
        )
