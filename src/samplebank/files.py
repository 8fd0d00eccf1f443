"""Files are for the service's own account only: samples are malicious, and belong to customers."""

import ctypes
import os
import stat
from contextlib import suppress
from pathlib import Path

from samplebank.errors import Invalid

#: rights of all other accounts, which new files and folders never give
NOT_FOR_OTHERS = 0o077
NOT_OWN = (
    "{} belongs to another account: run Samplebank as that account, or give the folder, with all that is in the folder, to "
    "this account (chown -R)."
)
SHARED = (
    "{} is a folder for all accounts, and Samplebank would close the folder to others: name a folder for Samplebank alone, such "
    "as {}."
)


def keep_to_own_account() -> None:
    """Let no other account into files and folders made from now on, by the process or its children."""
    os.umask(NOT_FOR_OTHERS)


def refuse_shared(folder: Path) -> None:
    """Raise `Invalid` for a folder that all accounts of the machine need, such as `/` or `/tmp`. The folder may not exist."""
    with suppress(FileNotFoundError, NotADirectoryError):
        if folder.resolve() == Path("/") or folder.stat().st_mode & stat.S_ISVTX:
            raise Invalid(SHARED.format(folder, folder / "samplebank"))


def close_to_others(folder: Path) -> None:
    """Take the rights of other accounts away from a folder of ours. An earlier release may have left the folder open."""
    found = folder.stat()
    if found.st_uid == os.geteuid() and found.st_mode & NOT_FOR_OTHERS:
        folder.chmod(stat.S_IMODE(found.st_mode) & ~NOT_FOR_OTHERS)


def sync(path: Path) -> None:
    """Make the bytes of a file, or the names in a folder, survive the loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_everything_on_disk_of(folder: Path) -> None:
    """Make all files on the file system of the folder survive the loss of power: one call for very many small files."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(folder))
    finally:
        os.close(descriptor)


def make_lasting_folder(folder: Path) -> None:
    """Make the folder and those above that are missing, so that all of them survive the loss of power."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
        with suppress(PermissionError):  # a folder that this account may pass and not read
            sync(one.parent)
    folder.mkdir(exist_ok=True)  # which refuses whatever else has the name


def make_own_folder(folder: Path, *, owner: int, group: int, mode: int, among_others: bool = False) -> None:
    """Make the folder if need be, and set owner, group and mode.

    `among_others` is for a folder in a place where everybody may make folders. Raises `Invalid` when the folder in the
    place is a link or belongs to another account, and where this account may not set the owner or the mode.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | (os.O_NOFOLLOW if among_others else 0))
    except (FileExistsError, NotADirectoryError):
        raise Invalid(f"{folder} is a link, or no folder: remove it, for Samplebank makes its own.") from None
    try:
        if among_others and os.fstat(descriptor).st_uid not in {owner, os.geteuid()}:
            raise Invalid(f"{folder} belongs to somebody else: remove it, for Samplebank makes its own.")
        os.fchown(descriptor, owner, group)
        os.fchmod(descriptor, mode)
    except PermissionError as error:
        raise Invalid(NOT_OWN.format(folder)) from error
    except OSError as error:
        # An error of a descriptor names no file.
        raise OSError(error.errno, error.strerror, str(folder)) from error
    finally:
        os.close(descriptor)


def regular(path: Path) -> os.stat_result:
    """Look at a regular file. Raises `OSError` for anything else: a pipe would be waited for, a device has no end."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError("it is not a regular file")
    return found


def expanded(path: Path) -> Path:
    """The path with the home folder in place of `~`; unchanged where no account has the name."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path
