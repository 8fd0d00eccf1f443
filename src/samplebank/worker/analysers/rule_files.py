"""The rule files of a folder, which may hold anything: what cannot be read is named and left out."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

SUFFIXES = frozenset({".yar", ".yara"})
#: bytes of one file; the largest public collections in one file have 20 MiB
MOST_BYTES = 64 * 1024 * 1024
#: bytes with which a text says that it is UTF-16, and how it is read then
UTF_16 = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class RuleFile(msgspec.Struct, frozen=True):
    """A file as it was looked at; `name` is its path inside its folder."""

    path: Path
    name: str
    changed: int
    size: int
    identity: tuple[int, int]


class Found(msgspec.Struct, frozen=True):
    """`broken`: what is in the folder and cannot be used, by its path inside it, with a sentence that says why."""

    files: tuple[RuleFile, ...]
    broken: dict[str, str]


def find(folder: Path) -> Found:
    """Look through the folder and those below it. A file that several names lead to counts once, under the shortest."""
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
    """The text of a rule file; raises OSError, or ValueError with a sentence.

    Bytes that are no UTF-8 become escapes, which mean the same bytes in texts and regular expressions of YARA.
    """
    # no other program may hold us up by putting a pipe in its place
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
    """What may be a rule file, by its name; raises FileNotFoundError when there is no such folder."""
    folders = [root]
    while folders:
        folder = folders.pop()
        try:
            entries = list(os.scandir(folder))
        except FileNotFoundError:
            if folder == root:
                raise
            continue  # removed while we look
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
    """Name a link to a folder elsewhere; one to a folder in here is read under its own name."""
    target = Path(os.path.realpath(path))
    if not target.is_relative_to(root) and target.is_dir():
        broken[shown(path, root)] = "This leads out of the folder of rules; the rules there are not read."


def _file(path: Path, name: str, root: Path) -> RuleFile:
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
