"""`samplebank serve`: the service, with its database, housekeeper and built-in workers."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from samplebank import logs, settings
from samplebank.assembly import make_data_folder
from samplebank.cli.ending import INTERRUPTED
from samplebank.cli.printing import complain
from samplebank.cli.worker_choice import HUNT
from samplebank.errors import Invalid
from samplebank.files import expanded
from samplebank.maintenance.relays import open_relays
from samplebank.serving import workers_key
from samplebank.serving.children import Child, start_housekeeper, start_workers
from samplebank.serving.confining import check_sandbox
from samplebank.serving.credentials import CREDENTIALS, read_keys, url_of
from samplebank.serving.figures import FOLDER
from samplebank.serving.parent import be_parent
from samplebank.serving.place import taken
from samplebank.serving.scheduling import finish_before_others_begin
from samplebank.serving.start import await_given_database, connections_of, prepared_database
from samplebank.serving.store import mark_store
from samplebank.serving.web import serve_web
from samplebank.settings import PREFIX, Settings
from samplebank.stores import NO_TOKENS, blob_store
from samplebank.worker.analysers import BUILT_IN

log = logging.getLogger("samplebank.serving")


@contextmanager
def _told_when_stopped() -> Iterator[None]:
    """Tell that the service was stopped during its start. A service that has started stops in order by itself."""
    try:
        yield
    except KeyboardInterrupt:
        complain("Interrupted: the service was told to stop before it had started.")
        raise typer.Exit(INTERRUPTED) from None


@_told_when_stopped()
def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.", show_default="8080")] = None,
    processes: Annotated[
        int | None, typer.Option(help="Number of web processes.", show_default="one for each core")
    ] = None,
    no_workers: Annotated[bool, typer.Option("--no-workers", help="Run no analysis workers here.")] = False,
    issue_keys: Annotated[
        bool,
        typer.Option("--issue-keys", help="Make keys for this host, beside a database that others made."),
    ] = False,
) -> None:
    """Run the service until Ctrl-C or SIGTERM."""
    given = {"HOST": host, "PORT": port, "PROCESSES": processes}
    environment = {
        **os.environ,
        **{f"{PREFIX}{name}": str(value) for name, value in given.items() if value is not None},
    }
    own = settings.load(environment)
    logs.set_up(own.log_format)
    check_sandbox(own)
    if own.scheduling == "batch":
        finish_before_others_begin()
    if not no_workers:
        _check_rules(own)
    open_relays(own)  # fails here at once, as the store below
    await_given_database(own)
    make_data_folder(own)
    with taken(own) as metrics:
        blob_store(own, NO_TOKENS)  # fails here at once; otherwise every other process would fail
        with prepared_database(own, issue_keys=issue_keys) as database_url:
            if not no_workers:
                _check_key(own)
            mark_store(own, database_url)
            _serve(own, database_url, metrics, with_workers=not no_workers)


def _serve(own: Settings, database_url: str, metrics: Path, *, with_workers: bool) -> None:
    os.environ.update(_environment(own, database_url, metrics))
    children = [start_housekeeper(os.environ)]
    if with_workers:
        children.append(_start_workers(own, database_url))
    log.info("service.started", extra={"fields": {"url": url_of(own), "data": own.folder}})
    try:
        # Workers and housekeeper end first: tasks in work are given back over HTTP.
        serve_web(own, before_stop=lambda: _stop(children))
    finally:
        _stop(children)
        log.info("service.stopped")


def _stop(children: list[Child]) -> None:
    for child in reversed(children):
        child.stop()


def _start_workers(own: Settings, database_url: str) -> Child:
    given = {} if own.yara_rules is None else {"yara_rules": str(expanded(own.yara_rules))}
    environment = workers_key.environments(own, database_url, url_of(own), dict(os.environ))
    return start_workers([*BUILT_IN, HUNT], given, environment)


def _check_rules(own: Settings) -> None:
    """Raise `Invalid` when the folder of rules does not exist: without the folder the workers would fail for ever."""
    if own.yara_rules is not None and not expanded(own.yara_rules).is_dir():
        raise Invalid(f"SAMPLEBANK_YARA_RULES is {str(own.yara_rules)!r}, but must be a folder.")


def _check_key(own: Settings) -> None:
    """Raise `Invalid` when the built-in workers have no key: without a key the workers would fail for ever."""
    path = own.folder / CREDENTIALS
    if not read_keys(path):
        raise Invalid(
            f"The built-in workers have no key: {path} is not there, and others made the database. Start once with "
            "--issue-keys, which makes keys for this host, or with --no-workers."
        )


def _environment(own: Settings, database_url: str, metrics: Path) -> dict[str, str]:
    """Every setting as an environment variable for the other processes, no matter where the setting came from."""
    shared = {
        f"{PREFIX}{name.upper()}": str(value)
        for name, value in msgspec.structs.asdict(own).items()
        if value is not None
    }
    return {
        **shared,
        f"{PREFIX}DATABASE_CONNECTIONS": str(connections_of(own, database_url)),
        f"{PREFIX}DATA_DIR": str(own.folder),
        f"{PREFIX}DATABASE_URL": database_url,
        FOLDER: str(metrics),
        **be_parent(),
    }
