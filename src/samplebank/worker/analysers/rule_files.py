"""Finds the rule files of a folder. The folder may hold anything: unreadable files are named and left out."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

SUFFIXES = frozenset({".yar", ".yara"})
#: most bytes of one file: the largest public collections in one file have 20 MiB
MOST_BYTES = 64 * 1024 * 1024
#: byte order marks of UTF-16, and the codec for each
UTF_16 = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class RuleFile(msgspec.Struct, frozen=True):
    """A file at the time of the look. `name` is the path inside the folder of rules."""

    path: Path
    name: str
    changed: int
    size: int
    identity: tuple[int, int]


class Found(msgspec.Struct, frozen=True):
    """`broken` holds unusable files and folders: the path inside the folder of rules, and a sentence that gives the reason."""

    files: tuple[RuleFile, ...]
    broken: dict[str, str]


def find(folder: Path) -> Found:
    """Look through the folder and its subfolders. A file with several names counts once, under the shortest name."""
    root = Path(os.path.realpath(folder))
    files: dict[tuple[int, int], RuleFile] = {}
    broken: dict[str, str] = {}
    for path in sorted(_entries(root, broken), key=lambda path: (len(path.parts), path)):
        name = shown(path, root)
        try:
            file = _file(path, name, root)
        except FileNotFoundError:
            if path.is_symlink():
                broken[name] = "This is a link to what does not exist."
        except OSError as error:
            broken[name] = f"This cannot be looked at: {error.strerror}."
        except ValueError as error:
            broken[name] = str(error)
        else:
            files.setdefault(file.identity, file)
    return Found(tuple(files.values()), broken)


def read(file: RuleFile) -> str:
    """The text of a rule file. Raises OSError, or ValueError with a sentence.

    Bytes that are no UTF-8 become escapes. In texts and regular expressions of YARA an escape means the same byte.
    """
    # O_NONBLOCK: another program may have put a pipe in place of the file, and opening a pipe would wait.
    descriptor = os.open(file.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as opened:
        _check_kind(os.fstat(descriptor))
        content = opened.read(MOST_BYTES)
    if encoding := UTF_16.get(content[:2]):
        return content.decode(encoding)
    return content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="backslashreplace")


def shown(path: Path, root: Path) -> str:
    return os.fsencode(path.relative_to(root)).decode("utf-8", errors="backslashreplace")


def _entries(root: Path, broken: dict[str, str]) -> Iterator[Path]:
    """The paths that are named like rule files. Raises FileNotFoundError when there is no folder `root`."""
    folders = [root]
    while folders:
        folder = folders.pop()
        try:
            entries = list(os.scandir(folder))
        except FileNotFoundError:
            if folder == root:
                raise
            continue  # removed during the look
        except OSError as error:
            broken[shown(folder, root)] = f"This folder cannot be read: {error.strerror}."
            continue
        for entry in entries:
            path = Path(entry.path)
            if path.suffix.lower() in SUFFIXES:
                yield path
            elif entry.is_symlink():
                _check_linked_folder(path, root, broken)
            elif entry.is_dir():
                folders.append(path)


def _check_linked_folder(path: Path, root: Path, broken: dict[str, str]) -> None:
    """Name a link to a folder elsewhere as broken. A folder inside `root` is read under its own name, without the link."""
    target = Path(os.path.realpath(path))
    if not target.is_relative_to(root) and target.is_dir():
        broken[shown(path, root)] = "This leads out of the folder of rules; the rules there are not read."


def _file(path: Path, name: str, root: Path) -> RuleFile:
    found = path.lstat()
    # Only a link can lead elsewhere, as `_entries` follows no linked folders. To resolve a path takes a call for each folder above.
    if stat.S_ISLNK(found.st_mode):
        found = path.stat()
        if not Path(os.path.realpath(path)).is_relative_to(root):
            raise ValueError("This leads out of the folder of rules, where files are not read.")
    _check_kind(found)
    return RuleFile(path, name, found.st_ctime_ns, found.st_size, (found.st_dev, found.st_ino))


def _check_kind(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("This is no regular file.")
    if found.st_size > MOST_BYTES:
        raise ValueError(f"This has {found.st_size} bytes, more than the {MOST_BYTES} that are read.")
