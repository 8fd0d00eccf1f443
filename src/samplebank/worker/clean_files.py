"""Files that are taken to be clean: those of the Python that runs Samplebank, of its packages, and of the system."""

import hashlib
import os
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

SMALLEST, LARGEST = 1, 8 * 1024 * 1024
SYSTEM = (Path("/usr/bin"), Path("/usr/share"))


def of_installation(most: int) -> list[Path]:
    """As many files of this machine, in an order that says nothing of their names, and the same in each run."""
    paths = sysconfig.get_paths()
    folders = dict.fromkeys((Path(paths["stdlib"]), Path(paths["platlib"]), *SYSTEM))
    share = -(-most // len(folders))
    found: dict[Path, None] = {}
    for folder in folders:
        ordered = sorted((path for path in below(folder) if path not in found), key=_chance)
        found |= dict.fromkeys(ordered[:share])
    return list(found)[:most]


def named(paths: Iterable[Path]) -> list[Path]:
    """The files, and the files below the folders."""
    return list(dict.fromkeys(file for path in paths for file in (below(path) if path.is_dir() else (path,))))


def below(folder: Path) -> Iterator[Path]:
    """The regular files of a folder and its subfolders, without links."""
    for above, _, names in os.walk(folder):
        for name in names:
            path = Path(above, name)
            if not path.is_symlink() and path.is_file() and SMALLEST <= path.stat().st_size <= LARGEST:
                yield path


def _chance(path: Path) -> bytes:
    return hashlib.sha256(os.fsencode(path)).digest()
