"""The service under test: started on a free port, in a folder that this run makes and removes."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from typing import Self

from bench.load import Target
from bench.machine import Processes
from bench.networks import Line
from bench.ports import HOST, free_port

#: seconds within which the service must be ready
READY = 120
STOP = 60
POLL = 0.01


class Unusable(Exception):
    """Nothing can be measured here. The text gives the reason."""


def check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise Unusable(
                f"Something listens on {HOST}:{port} already ({error.strerror}): give another --port."
            ) from error


def check_disk(folder: Path, needed_gib: float) -> None:
    free = shutil.disk_usage(folder).free / 2**30
    if free < needed_gib:
        raise Unusable(
            f"{folder} has {free:.1f} GiB free, but this run needs {needed_gib:g} GiB: give another --folder."
        )


class Service:
    """One `samplebank serve` in a new folder under `parent`, without workers unless told `with_workers`.

    `python` is the interpreter whose environment holds the revision under test. With a `line`, the service runs on the host
    at the other end, and is reached over the line.
    """

    def __init__(
        self,
        parent: Path,
        port: int | None = None,
        settings: dict[str, str] | None = None,
        *,
        with_workers: bool = False,
        python: Path = Path(sys.executable),
        line: Line | None = None,
    ) -> None:
        if port is not None:
            check_port(port)
        self.port = port or free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="samplebank-bench-", dir=parent))
        self.data = self.folder / "data"
        self._settings = settings or {}
        self._python = python
        self._line = line
        self._arguments = [] if with_workers else ["--no-workers"]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        assert self._process is not None  # noqa: S101 start() has been called
        return self._process.pid

    @property
    def postmaster(self) -> int:
        """The server process of the embedded database."""
        return int((self.data / "postgres" / "data" / "postmaster.pid").read_text().split("\n", 1)[0])

    @property
    def url(self) -> str:
        return f"http://{self._address}:{self.port}"

    @property
    def database_url(self) -> str:
        """The URL of the embedded PostgreSQL. No other database is ever reached."""
        return f"postgresql://postgres@/postgres?host={self.data / 'postgres' / 'run'}"

    @property
    def key(self) -> str:
        """The administrator's key."""
        key: str = tomllib.loads((self.data / "credentials.toml").read_text("utf-8"))["admin"]["key"]
        return key

    def start(self) -> float:
        """Start the service. Returns the seconds until /readyz said 200."""
        began = time.perf_counter()
        self.launch()
        return self.await_ready(began)

    def launch(self) -> None:
        """Start, and do not wait."""
        place = ("--host", self._address, "--port", str(self.port))
        with (self.folder / "service.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._program(), "serve", *self._arguments, *place],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def await_ready(self, began: float) -> float:
        """Wait until /readyz says 200; answers the seconds since `began`."""
        assert self._process is not None  # noqa: S101 it has been started
        while not self.is_ready():
            if self._process.poll() is not None or time.perf_counter() - began > READY:
                raise Unusable(f"The service did not start; its log ends with: {self.log_tail()}")
            time.sleep(POLL)
        return time.perf_counter() - began

    def is_ready(self) -> bool:
        """Whether /readyz says 200."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:  # noqa: S310 our own service
                return bool(answer.status == 200)  # noqa: PLR2004 an HTTP status
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(STOP)
        self._process = None

    def command(self, *arguments: str) -> str:
        """Run a command of the client on this service. Returns the output."""
        done = subprocess.run(
            [*self._program(), *arguments],
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Unusable(f"samplebank {arguments[0]} failed: {done.stderr[-500:]}")
        return done.stdout

    def kill_command(self, after: float, *arguments: str) -> None:
        """Run a command of the client on this service, and kill the command `after` so many seconds."""
        process = subprocess.Popen(
            [*self._program(), *arguments],
            env=self._environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def target(self, key: str | None = "") -> Target:
        """The target for load clients. Uses the administrator's key by default, and no key for None."""
        return Target(self._address, self.port, self.key if key == "" else key)

    def processes(self) -> Processes:
        """All processes of the service, and all processes of the database."""
        return Processes(self.pid, self.postmaster)

    def processes_so_far(self) -> list[int]:
        """The numbers of all processes of a service that may still be starting, those of its database among them."""
        roots = [self.pid]
        with contextlib.suppress(OSError, ValueError):
            roots.append(self.postmaster)
        return Processes(*roots).ids()

    def log_tail(self) -> str:
        return (self.folder / "service.log").read_text("utf-8", errors="replace")[-1000:]

    @property
    def _address(self) -> str:
        return self._line.there if self._line else HOST

    def _program(self) -> list[str]:
        return [*(self._line.enter if self._line else ()), str(self._python), "-m", "samplebank.cli"]

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SAMPLEBANK_")}
        return {
            **kept,
            **self._settings,
            "SAMPLEBANK_DATA_DIR": str(self.data),
            "SAMPLEBANK_PORT": str(self.port),
        }
