"""A limit of time for what runs in the main thread, whatever it waits for."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Late(Exception):
    """The block took longer than it may."""


@contextmanager
def within(seconds: float | None) -> Iterator[None]:
    """End the block after so many seconds (None: never). Raises `Late`, at once where no time is left."""
    if seconds is None:
        yield
        return

    def end(*_: Any) -> None:
        raise Late(f"not done within {seconds:.0f} s")

    if seconds <= 0:
        raise Late("no time is left")
    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
