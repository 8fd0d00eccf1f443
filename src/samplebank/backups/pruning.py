"""Removes old backups, and the stored files that only these backups named."""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from heapq import merge
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from samplebank.backups.listing import Listed
from samplebank.backups.manifest import BLOBS
from samplebank.backups.place import PARTIAL, BackupFolder
from samplebank.blobs import PARTS, Area, Blob
from samplebank.files import sync

#: behind all folders
LAST: tuple[str, set[str]] = ("~", set())


def prune(backups: BackupFolder, keep: int) -> list[str]:
    """Keep the newest backups, and remove the others; answers their names. A repeat removes what an interrupted prune left."""
    names = backups.complete()
    removed = names[:-keep]
    for name in removed:
        # no longer a complete backup from here on, and removed by the next backup where this one is interrupted
        away = backups.folder / f"{name}{PARTIAL}"
        (backups.folder / name).rename(away)
        sync(backups.folder)
        shutil.rmtree(away)
    if removed:
        _remove_unnamed(backups, [backups.folder / name / BLOBS for name in names[-keep:]])
    return removed


def _remove_unnamed(backups: BackupFolder, lists: list[Path]) -> None:
    """Remove the files that no list names. Each folder of files is compared with its part of the lists."""
    store = backups.store()
    with ExitStack() as stack:
        files = [stack.enter_context(path.open(encoding="ascii")) for path in lists]
        named = _by_folder(merge(*(map(_place_of, file) for file in files)))
        folder, names = next(named, LAST)
        for area in sorted(Area):
            for part in range(PARTS):
                here = f"{area}/{part:02x}"
                while folder < here:
                    folder, names = next(named, LAST)
                _keep_only(store.folder / here, part, names if folder == here else set())


def _by_folder(places: Iterable[tuple[str, str]]) -> Iterator[tuple[str, set[str]]]:
    for folder, some in groupby(places, key=itemgetter(0)):
        yield folder, {name for _, name in some}


def _place_of(line: str) -> tuple[str, str]:
    """The folder and the name of the file that a line of a list names."""
    one = Listed.of(line)
    name = one.blob.sha256.hex()
    return f"{one.area}/{name[:2]}", name


def _keep_only(folder: Path, part: int, names: set[str]) -> None:
    """Remove the stored files without these names. What no backup wrote stays."""
    for path in folder.iterdir():
        if path.name not in names and Blob.found(path.name, part):
            path.unlink()
