"""The folder of backups: a folder for each backup, and one folder with the stored bytes of all backups.

samplebank-backups      says that the folder is one of backups, and holds the lock
blobs/                  the bytes by SHA-256, as in a blob folder
2026-01-31T120000Z/     a complete backup: manifest, dump, list of the stored bytes, files of the data folder
2026-02-01T120000Z.partial/     a backup that is under way, or was interrupted
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from samplebank.blobs import DiskStore
from samplebank.errors import Conflict, Invalid, Refusal
from samplebank.files import make_lasting_folder, sync
from samplebank.timespec import Millis, iso

SIGN = "samplebank-backups"
PARTIAL = ".partial"
NAME = re.compile(r"\d{4}-\d\d-\d\dT\d{6}Z")
#: found on the disk of a mount by itself
ALLOWED = frozenset({"lost+found"})
WORDS = (
    "This folder holds backups of Samplebank (docs/backup.md of the source). Change nothing here by hand.\n"
)
NO_BACKUPS = "{} holds no backups of Samplebank: name the folder that `samplebank backup` was given."
OTHER_FILES = (
    "{} holds files that are no backups of Samplebank: name an empty folder, or one that does not exist yet."
)
IN_USE = "Another `samplebank backup` or `samplebank restore` works on {}: wait for its end."
NONE_COMPLETE = "{} holds no complete backup{}."
NONE_SO_OLD = "{} holds no complete backup of {} or earlier; the oldest is {}."


class BackupFolder:
    """A folder of backups of one installation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.blobs = folder / "blobs"

    def store(self) -> DiskStore:
        """The stored bytes of all backups."""
        return DiskStore(self.blobs)

    def complete(self) -> list[str]:
        """The names of complete backups, the oldest first."""
        return sorted(entry.name for entry in self._entries() if NAME.fullmatch(entry.name))

    def partial(self) -> list[str]:
        """The names of interrupted backups, and of the backup under way, the oldest first."""
        return sorted(entry.name for entry in self._entries() if _is_partial(entry.name))

    def begin(self, time: Millis) -> Path:
        """Make the folder of a new backup. A name has whole seconds, and is used once."""
        while (name := name_of(time)) in self.complete():
            time += 1000
        path = self.folder / f"{name}{PARTIAL}"
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(mode=0o700)
        return path

    def complete_with(self, partial: Path) -> Path:
        """Make a backup out of a folder that has everything, and remove what interrupted backups left."""
        path = partial.with_name(partial.name.removesuffix(PARTIAL))
        partial.rename(path)
        sync(self.folder)
        for name in self.partial():
            shutil.rmtree(self.folder / name)
        return path

    def choose(self, until: Millis | None) -> Path:
        """The newest complete backup, of a time if told. Raises `Invalid` where there is none."""
        names, partial = self.complete(), self.partial()
        if not names:
            told = f", only the interrupted {', '.join(partial)}" if partial else ""
            raise Invalid(NONE_COMPLETE.format(self.folder, told))
        fitting = names if until is None else [name for name in names if name <= name_of(until)]
        if not fitting:
            raise Invalid(NONE_SO_OLD.format(self.folder, iso(until or 0), names[0]))
        return self.folder / fitting[-1]

    def _entries(self) -> list[Path]:
        return [entry for entry in self.folder.iterdir() if entry.is_dir()]


@contextmanager
def for_backup(folder: Path) -> Iterator[BackupFolder]:
    """Open a folder for a backup, made if need be. Raises `Invalid` for the folder of something else, and `Conflict`.

    A new folder goes again where the backup is refused.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    make_lasting_folder(folder)
    sign = folder / SIGN
    if is_new := not sign.exists():
        if any(entry.name not in ALLOWED for entry in folder.iterdir()):
            raise Invalid(OTHER_FILES.format(folder))
        sign.write_text(WORDS, "utf-8")
        sync(sign)
        sync(folder)
    with _locked(folder, fcntl.LOCK_EX):
        try:
            yield BackupFolder(folder)
        except Refusal:
            if is_new and list(folder.iterdir()) == [sign]:
                sign.unlink()
                for one in missing:
                    one.rmdir()
            raise


@contextmanager
def for_restore(folder: Path) -> Iterator[BackupFolder]:
    """Open a folder of backups. Raises `Invalid` for the folder of something else, and `Conflict`."""
    if NAME.fullmatch(folder.name) or _is_partial(folder.name):
        told = folder.parent
        if (told / SIGN).is_file():
            raise Invalid(f"{folder} is one backup of a folder: name {told}, and the backup with --at.")
    if not (folder / SIGN).is_file():
        raise Invalid(NO_BACKUPS.format(folder))
    with _locked(folder, fcntl.LOCK_SH):
        yield BackupFolder(folder)


def name_of(time: Millis) -> str:
    return iso(time)[:19].replace(":", "") + "Z"


def _is_partial(name: str) -> bool:
    return name.endswith(PARTIAL) and NAME.fullmatch(name.removesuffix(PARTIAL)) is not None


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    descriptor = os.open(folder / SIGN, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(IN_USE.format(folder)) from None
        yield
    finally:
        os.close(descriptor)
