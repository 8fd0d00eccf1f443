"""The folder in which a worker keeps samples while it works on them; dead workers leave theirs behind.

A worker holds a lock (flock) on its folder, which ends with the worker: a folder without one is nobody's.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

PREFIX = "samplebank-worker-"


@contextmanager
def scratch_folder(above: Path | None) -> Iterator[Path]:
    """A folder of this worker's own in `above` [the system's for temporary files]; those of dead workers are removed."""
    place = Path(tempfile.gettempdir() if above is None else above)
    for folder in place.glob(f"{PREFIX}*"):
        with suppress(OSError):  # it is another account's, or has just gone
            _remove_if_dead(folder)
    with ExitStack() as stack:
        yield _made_and_held(place, stack)


def _made_and_held(place: Path, stack: ExitStack) -> Path:
    """A worker that starts at the same time may take the folder for a dead one's before it is locked: then make another."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        with suppress(OSError):
            descriptor = stack.enter_context(_held(folder))
            if os.fstat(descriptor).st_nlink:
                return folder


@contextmanager
def _held(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield descriptor
    finally:
        os.close(descriptor)


def _remove_if_dead(folder: Path) -> None:
    """Raises OSError when its worker lives, or it belongs to another account."""
    with _held(folder) as descriptor:
        if os.fstat(descriptor).st_uid == os.geteuid():
            shutil.rmtree(folder)
