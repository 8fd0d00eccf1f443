"""`samplebank restore`: brings a backup back into an empty installation."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from samplebank import settings, timespec
from samplebank.backups.checking import check_backup
from samplebank.backups.note import NOTE
from samplebank.backups.place import for_restore
from samplebank.backups.restoring import Chosen, restore_backup
from samplebank.cli.backup import not_empty, shown
from samplebank.cli.ending import INTERRUPTED
from samplebank.cli.printing import JsonOption, complain, out, write_json
from samplebank.errors import Refusal, Unavailable
from samplebank.settings import Settings
from samplebank.timespec import Millis, iso

BEGUN = "The restore into {} has begun, and the service does not start there: the same command begins anew."


def restore(
    name: Annotated[
        str,
        typer.Argument(
            callback=not_empty, metavar="DIR", help="The folder that `samplebank backup` was given."
        ),
    ],
    *,
    at: Annotated[
        str | None,
        typer.Option(
            help='The newest backup of this time or before: "2026-01-31T12:00:00Z", "now - 1 week".'
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Restore a backup, the newest unless told otherwise, into an empty installation.

    The installation is the one that the settings name: a new data folder, or an empty database and an empty blob store.
    """
    own = settings.load(os.environ)
    began, folder = time.monotonic(), Path(name).expanduser().absolute()
    until = None if at is None else _moment(at)
    with _told(own), for_restore(folder) as backups:
        path = backups.choose(until)
        with shown("Checking") as tell:
            said = check_backup(backups, path, tell)
        with shown("Restoring") as tell:
            restore_backup(own, Chosen(backups, path, said), tell)
    seconds = time.monotonic() - began
    if as_json:
        write_json(
            {
                "backup": str(path),
                "timestamp": said.time,
                "dataFolder": str(own.folder),
                "samples": said.samples,
                "submissions": said.submissions,
                "jobs": said.jobs,
                "files": said.files,
                "bytes": said.bytes,
                "missing": said.missing,
                "seconds": round(seconds, 3),
            }
        )
        return
    out().print(
        f"Restored {path.name}, as of {iso(said.time)}: {said.samples} samples and {said.files} files in {seconds:.0f} s.",
        markup=False,
    )
    if said.missing:
        out().print(f"{said.missing} files were missing or damaged before, and are missing in the backup.")
    out().print("`samplebank serve` starts the service, and `samplebank doctor` looks whether all is well.")


def _moment(text: str) -> Millis:
    """Read the time of --at; the name of a backup is a time, too."""
    named = f"{text[:13]}:{text[13:15]}:{text[15:]}" if len(text) == len("2026-01-31T120000Z") else text
    try:
        return timespec.parse(named, now=time.time_ns() // 1_000_000)
    except timespec.BadTime as refusal:
        raise typer.BadParameter(str(refusal), param_hint="--at") from refusal


@contextmanager
def _told(own: Settings) -> Iterator[None]:
    """Tell in one line how a restore failed, and whether anything was begun."""
    try:
        yield
    except KeyboardInterrupt:
        complain(_more(own, "Interrupted.") or "Interrupted: nothing was restored.")
        raise typer.Exit(INTERRUPTED) from None
    except Refusal as refusal:
        if more := _more(own, str(refusal)):
            raise Unavailable(more) from refusal
        raise
    except OSError as error:
        said = f"{error.filename or own.folder} cannot be used: {error.strerror}."
        raise Unavailable(_more(own, said) or said) from error


def _more(own: Settings, said: str) -> str | None:
    """The words with what to do about a restore that was begun; None where none was begun."""
    return f"{said} {BEGUN.format(own.folder)}" if (own.folder / NOTE).exists() else None
