"""The folder in which a worker keeps samples while working on them. A dead worker leaves its folder behind.

A worker holds a lock (flock) on its folder, and the lock ends with the worker. So a folder without a lock is abandoned.
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
    """A new folder for this worker inside `above` (default: the system's folder for temporary files).

    Folders of dead workers are removed.
    """
    place = Path(tempfile.gettempdir() if above is None else above)
    for folder in place.glob(f"{PREFIX}*"):
        with suppress(OSError):  # the folder belongs to another account or a living worker, or is gone
            _remove_if_dead(folder)
    with ExitStack() as stack:
        yield _made_and_held(place, stack)


def _made_and_held(place: Path, stack: ExitStack) -> Path:
    """Make a folder and lock it.

    Before the lock, a worker that starts at the same time may remove the folder as abandoned. Then another folder is made.
    """
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
    """Remove an abandoned folder. Raises OSError when the worker of the folder lives, or another account denies access."""
    with _held(folder) as descriptor:
        if os.fstat(descriptor).st_uid == os.geteuid():
            shutil.rmtree(folder)
