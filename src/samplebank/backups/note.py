"""The note of a restore under way. The note tells what an interrupted restore has left from an installation in use."""

from pathlib import Path

import msgspec

from samplebank.errors import Conflict, Unavailable
from samplebank.files import sync

#: in the data folder from the first step of a restore to the last
NOTE = "restore-under-way.json"
UNFINISHED = "A restore into the data folder {} was interrupted, or is under way: repeat `samplebank restore`, which begins anew."

CLOSED = (
    "The data folder {} is closed to this account: run the command as the account of the service, or as root, or name "
    "another folder with SAMPLEBANK_DATA_DIR."
)


class Note(msgspec.Struct, frozen=True):
    """What is restored, and where."""

    #: the digest of the dump, which tells backups apart
    dump: str
    backup: str
    store: str
    database: str


def read_note(folder: Path) -> Note | None:
    """The note in a data folder; None where there is none, or where the note was not written to the end."""
    try:
        return msgspec.json.decode((folder / NOTE).read_bytes(), type=Note)
    except (OSError, msgspec.DecodeError):
        return None


def write_note(folder: Path, note: Note) -> None:
    path = folder / NOTE
    path.write_bytes(msgspec.json.encode(note))
    sync(path)
    sync(folder)


def remove_note(folder: Path) -> None:
    (folder / NOTE).unlink(missing_ok=True)
    sync(folder)


def refuse_unfinished(folder: Path) -> None:
    """Raise `Conflict` where a restore into the data folder has not ended, and `Unavailable` where nobody here may look."""
    try:
        (folder / NOTE).stat()  # Python 3.14 lets `exists` answer no for a closed folder
    except (FileNotFoundError, NotADirectoryError):
        return
    except PermissionError as error:
        raise Unavailable(CLOSED.format(folder)) from error
    raise Conflict(UNFINISHED.format(folder))
