"""`samplebank backup`: a consistent copy of the installation, while the service runs or stands."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

from samplebank import settings
from samplebank.backups.making import Made, Progress, make_backup
from samplebank.backups.place import BackupFolder, for_backup
from samplebank.backups.pruning import prune
from samplebank.cli import bars
from samplebank.cli.ending import INTERRUPTED
from samplebank.cli.printing import JsonOption, complain, out, write_json
from samplebank.errors import Invalid, Unavailable
from samplebank.serving.installation import opened
from samplebank.settings import Settings
from samplebank.timespec import iso

INSIDE = "{} lies in {}, which the backup copies: name a folder elsewhere, best on another disk."
PARTIAL = "backups before are whole, and the next backup uses what was copied."


def not_empty(text: str) -> str:
    """Refuse an argument that names no folder, as a variable does that is not set."""
    if not text.strip():
        raise typer.BadParameter("The name of the folder is empty: name a folder, or . for this one.")
    return text


def backup(
    name: Annotated[
        str,
        typer.Argument(callback=not_empty, metavar="DIR", help="The folder of backups, made if need be."),
    ],
    *,
    keep: Annotated[
        int | None, typer.Option(min=1, help="Keep so many backups, and remove the older ones.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Back up the installation, while the service runs or stands. A repeat copies only what is new.

    The exit code is 1, too, where stored files are missing or damaged: the backup holds everything else.
    """
    own = settings.load(os.environ)
    began, folder = time.monotonic(), Path(name).expanduser().absolute()
    _check(own, folder)
    with _told(folder), opened(own) as installation, for_backup(folder) as backups:
        with shown("Backing up") as tell:
            made = asyncio.run(make_backup(own, installation.database_url, backups, tell))
        removed = prune(backups, keep) if keep is not None else []
    if as_json:
        write_json(_described(made, removed, time.monotonic() - began))
    else:
        _tell(made, removed, backups, time.monotonic() - began)
    for file in made.missing:
        complain(f"{file} is missing or damaged in the installation, and so in the backup.")
    if made.missing:
        raise typer.Exit(1)


def _check(own: Settings, folder: Path) -> None:
    """Raise `Invalid` for a folder within what is copied."""
    url = own.blob_url or ""
    blobs = [Path(url.removeprefix("file://"))] if url.startswith("file://") else []
    for copied in (own.folder, *blobs):
        if folder.resolve().is_relative_to(copied.resolve()):
            raise Invalid(INSIDE.format(folder, copied))


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        complain(f"Interrupted: {PARTIAL}")
        raise typer.Exit(INTERRUPTED) from None
    except OSError as error:
        said = f"The backup cannot be written: {error.filename or folder}: {error.strerror}"
        raise Unavailable(f"{said}. {PARTIAL[0].upper()}{PARTIAL[1:]}") from error


@contextmanager
def shown(what: str) -> Iterator[Callable[[Progress], None]]:
    """Show the progress on a terminal for as long as the block lasts."""
    columns = (
        TextColumn(f"{what}: " + "{task.fields[dumped]} MiB of database,"),
        TextColumn("{task.completed} of {task.total} files"),
        BarColumn(),
        TimeElapsedColumn(),
    )
    with bars.progress(*columns) as progress:
        bar = progress.add_task("", total=None, dumped=0)

        def tell(now: Progress) -> None:
            progress.update(bar, total=now.files or None, completed=now.done, dumped=now.dumped // 2**20)

        yield tell


def _described(made: Made, removed: list[str], seconds: float) -> dict[str, object]:
    said = made.manifest
    return {
        "backup": str(made.path),
        "timestamp": said.time,
        "release": said.release,
        "schema": said.revision,
        "databaseBytes": said.dump.size,
        "samples": said.samples,
        "submissions": said.submissions,
        "jobs": said.jobs,
        "files": said.files,
        "bytes": said.bytes,
        "copied": made.copied,
        "missing": made.missing,
        "removed": removed,
        "seconds": round(seconds, 3),
    }


def _tell(made: Made, removed: list[str], backups: BackupFolder, seconds: float) -> None:
    said = made.manifest
    out().print(
        f"{made.path.name} in {backups.folder}, as of {iso(said.time)}: {said.samples} samples, {said.files} files "
        f"({made.copied} new), {said.dump.size} bytes of database, in {seconds:.0f} s.",
        markup=False,
    )
    if removed:
        out().print(f"Removed: {', '.join(removed)}.", markup=False)
