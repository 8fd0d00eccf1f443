"""`samplebank karton`: hands samples to the services of a Karton, and brings back what the services find."""

import os
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import uvloop

from samplebank import logs
from samplebank.cli import connection
from samplebank.cli.connection import KeyOption, UrlOption
from samplebank.errors import Refusal
from samplebank.karton.config import Config
from samplebank.karton.config import load as load_karton
from samplebank.karton.errors import KartonError
from samplebank.settings import load
from samplebank.worker.errors import WorkerError
from samplebank.worker.registration import NotRegistered
from samplebank.worker.stopping import stopping_at_signals

NO_CLIENT: Final = "The bridge to Karton needs the client of Redis: pip install 'samplebank[karton]'."
WITH_ADMINISTRATOR: Final = (
    "Register it first, with the key of an administrator: samplebank karton --register"
)


def karton(
    *,
    config_file: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", help="The karton.ini of the services, besides the usual places."
        ),
    ] = None,
    parallel: Annotated[int, typer.Option(min=1, max=10_000, help="Analyses at a time.")] = 64,
    register: Annotated[
        bool, typer.Option("--register", help="Make the worker known to the service, and end.")
    ] = False,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Bridge the worker karton to the services of a Karton, until SIGTERM or Ctrl-C."""
    service = connection.find(url, key, account="admin" if register else "workers")
    logs.set_up(load(os.environ).log_format)
    bridge = _bridge()
    told = bridge.Service(service.url, service.key, connection.current_key_of_workers(url, key))
    release = version("samplebank")
    try:
        if register:
            typer.echo(f"The worker karton {uvloop.run(bridge.register(told, release))}.")
            return
        uvloop.run(_run(bridge, told, load_karton(os.environ, config_file), release, parallel))
    except NotRegistered as error:
        raise Refusal(f"{error} {WITH_ADMINISTRATOR}") from error
    except (WorkerError, KartonError) as error:
        raise Refusal(str(error)) from error


def _bridge() -> Any:
    """The bridge, which needs a client of Redis. All other commands do without."""
    try:
        return import_module("samplebank.karton.bridge")
    except ModuleNotFoundError as missing:
        if missing.name != "redis":
            raise
        raise Refusal(NO_CLIENT) from None


async def _run(bridge: Any, service: Any, place: Config, release: str, parallel: int) -> None:
    with stopping_at_signals() as stop:
        await bridge.run(service, place, version=release, stop_event=stop, parallel=parallel)
