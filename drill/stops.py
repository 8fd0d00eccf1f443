"""Processes that are stopped (SIGSTOP) for some seconds under load, as a host that swaps or a debugger does."""

import itertools
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.service import Service

from samplebank.rehearsal.processes import children, kill

#: seconds for which a process is stopped
STOPPED = 4.0


class Stops:
    """A blow that stops, in turn, a web process, the housekeeper and a session of the database."""

    def __init__(self) -> None:
        self._turn: Iterator[Callable[[Service], list[int]]] = itertools.cycle(
            (_web_processes, _housekeepers, _sessions)
        )

    def __call__(self, service: Service) -> int:
        """Stop one for a while; no process is killed."""
        found = next(self._turn)(service)
        with _stopped(random.choice(found) if found else None):  # noqa: S311 any of them
            time.sleep(STOPPED)
        return 0


def _web_processes(service: Service) -> list[int]:
    return children(service.pid, " serve ")


def _housekeepers(service: Service) -> list[int]:
    return children(service.pid, "housekeeper_process")


def _sessions(service: Service) -> list[int]:
    return children(service.postmaster, "[local]")


@contextmanager
def _stopped(pid: int | None) -> Iterator[None]:
    if pid is None:
        raise RuntimeError("There is no process to stop.")
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        kill([pid], signal.SIGCONT)
