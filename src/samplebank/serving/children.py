"""The processes beside the web processes: housekeeper and built-in workers. A process that fails is started again."""

import contextlib
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from samplebank.logs import Faults

faults = Faults(logging.getLogger("samplebank.serving"))
#: seconds to wait before a failed process is started again, at first
PAUSE = 2.0
#: the longest pause of the workers, in seconds; each quick failure doubles the pause, as the cause may stay for long
LONGEST_PAUSE = 60.0
#: seconds that a process has to stop by itself
GRACE = 15.0


class Child:
    """A process that is kept running until `stop`. `environment` makes the environment of each start."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Callable[[], Mapping[str, str]],
        *,
        longest_pause: float = PAUSE,
    ) -> None:
        self._name = name
        self._command = command
        self._environment = environment
        self._longest_pause = longest_pause
        self._stopping = threading.Event()
        self._process = self._spawn()
        self._watcher = threading.Thread(target=self._watch, name=f"watch {name}", daemon=True)
        self._watcher.start()

    def _spawn(self) -> "subprocess.Popen[bytes]":
        # A group of its own: Ctrl-C in a terminal is for the service, which stops its processes in order.
        return subprocess.Popen(  # noqa: S603 our own program
            self._command, env=dict(self._environment()), stdin=subprocess.DEVNULL, process_group=0
        )

    def _watch(self) -> None:
        pause = PAUSE
        while True:
            began = time.monotonic()
            code = self._process.wait()
            is_new = time.monotonic() - began < self._longest_pause
            if self._stopping.wait(0 if self._stopping.is_set() else pause):
                return
            pause = min(2 * pause, self._longest_pause) if is_new else PAUSE
            faults.warn("process.restarted", kind=self._name, process=self._name, exit=code)
            self._process = self._spawn()

    def stop(self) -> None:
        """Ask the process to stop. Kill the process when the process does not stop in time."""
        self._stopping.set()
        end = time.monotonic() + GRACE
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            self._process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._watcher.join(PAUSE + 1)


def start_housekeeper(environment: Mapping[str, str]) -> Child:
    command = [sys.executable, "-m", "samplebank.serving.housekeeper_process"]
    return Child("housekeeper", command, lambda: environment)


def start_workers(
    names: Sequence[str], settings: Mapping[str, str], environment: Callable[[], Mapping[str, str]]
) -> Child:
    """Start the built-in workers. Like any other worker, the built-in workers reach the service over HTTP."""
    given = [word for name, value in settings.items() for word in ("--setting", f"{name}={value}")]
    command = [sys.executable, "-m", "samplebank.cli", "worker", "run", "--stop-with-parent", *given, *names]
    return Child("workers", command, environment, longest_pause=LONGEST_PAUSE)
