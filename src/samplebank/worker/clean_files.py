"""Files taken to be clean: files of the Python that runs Samplebank, of the packages, and of the system.

A machine has some 100,000 such files. To look at each takes seconds, so only as many folders are read as needed.
"""

import hashlib
import heapq
import os
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

SMALLEST, LARGEST = 1, 8 * 1024 * 1024
SYSTEM = (Path("/usr/bin"), Path("/usr/share"))
#: files of a folder that are taken before other folders give theirs
FROM_A_FOLDER = 5


def of_installation(most: int) -> list[Path]:
    """As many files of the machine, chosen without a look at names, and the same in each run."""
    paths = sysconfig.get_paths()
    folders = dict.fromkeys((Path(paths["stdlib"]), Path(paths["platlib"]), *SYSTEM))
    share = -(-most // len(folders))
    found = dict.fromkeys(file for folder in folders for file in some_below(folder, share))
    return list(found)[:most]


def some_below(folder: Path, most: int) -> list[Path]:
    """As many regular files of a folder and the subfolders, a few of each folder while there are other folders."""
    found: list[Path] = []
    spare: list[Path] = []
    waiting = [(b"", folder)]
    while waiting and len(found) < most:
        _, above = heapq.heappop(waiting)
        files, folders = _entries(above)
        found += files[:FROM_A_FOLDER]
        spare += files[FROM_A_FOLDER:]
        for one in folders:
            heapq.heappush(waiting, (_chance(one), one))
    return (found + spare)[:most]


def named(paths: Iterable[Path]) -> list[Path]:
    """The files, and the files below the folders."""
    return list(dict.fromkeys(file for path in paths for file in (below(path) if path.is_dir() else (path,))))


def below(folder: Path) -> Iterator[Path]:
    """The regular files of a folder and its subfolders, without links."""
    folders = [folder]
    while folders:
        files, more = _entries(folders.pop())
        yield from files
        folders += more


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """The regular files of a folder, and the subfolders, in an order that says nothing of names."""
    files: list[Path] = []
    folders: list[Path] = []
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return [], []
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            folders.append(Path(entry.path))
        elif entry.is_file(follow_symlinks=False) and _is_fit(entry):
            files.append(Path(entry.path))
    return sorted(files, key=_chance), sorted(folders, key=_chance)


def _is_fit(entry: os.DirEntry[str]) -> bool:
    try:
        return SMALLEST <= entry.stat(follow_symlinks=False).st_size <= LARGEST
    except FileNotFoundError:  # removed during the look
        return False


def _chance(path: Path) -> bytes:
    return hashlib.sha256(os.fsencode(path)).digest()
