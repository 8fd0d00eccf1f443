"""`samplebank worker`: the analysis workers that a service knows, and running them anywhere that reaches it."""

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from samplebank import logs
from samplebank.cli import connection, printing
from samplebank.cli.client import Client
from samplebank.cli.connection import Connection, KeyOption, UrlOption
from samplebank.cli.pairs import read_pairs
from samplebank.cli.printing import JsonOption
from samplebank.errors import Refusal
from samplebank.sandbox import SandboxError
from samplebank.serving.confining import check_sandbox
from samplebank.serving.parent import stop_with_parent
from samplebank.settings import Settings, load
from samplebank.worker import loop
from samplebank.worker.analysers import BUILT_IN
from samplebank.worker.errors import WorkerError

worker_app = typer.Typer(help="List analysis workers, or run them here.")


@worker_app.command("list")
def list_workers(*, json: JsonOption = False, url: UrlOption = None, key: KeyOption = None) -> None:
    """List the analysis workers that the service knows."""
    with Client(connection.find(url, key)) as client:
        workers = client.workers()
    if json:
        printing.write_json({"workers": workers})
        return
    rows = ((w.short_name, w.localized_name, w.localized_description) for w in workers)
    printing.out().print(printing.table(("NAME", "TITLE", "DESCRIPTION"), rows))


@worker_app.command("run")
def run_workers(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME...", help=f"{', '.join(BUILT_IN)}, or your own as package.module:Class."
        ),
    ],
    *,
    parallel: Annotated[int | None, typer.Option(min=1, help="Samples at a time; else one per core.")] = None,
    setting: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="For the analysers; may be repeated.")
    ] = None,
    import_from: Annotated[
        list[Path] | None, typer.Option(exists=True, file_okay=False, help="Where your own analysers lie.")
    ] = None,
    with_parent: Annotated[
        bool, typer.Option("--stop-with-parent", hidden=True, help="Stop when the starting process dies.")
    ] = False,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Claim tasks, analyse samples and bring results back, until SIGTERM or Ctrl-C."""
    if with_parent:
        stop_with_parent()
    analysers = [import_path(name) for name in names]
    settings = read_pairs(setting or [], "--setting")
    service = connection.find(url, key, account="workers")
    own = load(os.environ)
    logs.set_up(own.log_format)
    check_sandbox(own)
    places = tuple(place.absolute() for place in import_from or [])
    try:
        asyncio.run(_run(service, analysers, settings, places, parallel, own))
    except (WorkerError, SandboxError) as error:
        raise Refusal(str(error)) from error


def import_path(name: str) -> str:
    """Say where the analyser of this name is imported from."""
    if ":" in name:
        return name
    if name not in BUILT_IN:
        raise typer.BadParameter(
            f"There is no built-in analyser {name}: choose among {', '.join(BUILT_IN)}, "
            "or name your own as package.module:Class.",
            param_hint="NAME",
        )
    return BUILT_IN[name]


async def _run(
    service: Connection,
    analysers: Sequence[str],
    settings: dict[str, str],
    places: tuple[Path, ...],
    parallel: int | None,
    own: Settings,
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await loop.run(
        service.url,
        service.key,
        analysers,
        stop_event=stop,
        parallel=parallel,
        settings=settings,
        import_from=places,
        sandbox_required=own.sandbox_required,
    )
