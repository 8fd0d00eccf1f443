"""A real service for the tests: `samplebank serve` with a data folder of its own."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import requests
from bench import ports

from samplebank.database.embedded import BINARIES
from samplebank.database.migrations import upgrade

PROGRAM = [sys.executable, "-m", "samplebank.cli"]
TENANTS = Path(__file__).with_name("tenants.toml")
#: fast enough to wait for, long enough not to be hit by chance, and not to occupy the processors of all other tests
SETTINGS = {
    "SAMPLEBANK_SIMILAR_SUBMISSION_WINDOW": "2",
    "SAMPLEBANK_SWEEP_INTERVAL": "2",
    "SAMPLEBANK_TRUSTED_AGENTS": "trusted-agent",
    "SAMPLEBANK_PROCESSES": "2",
}
START_SECONDS = 90
#: the variable that tells all processes of the run where the prepared folder is
PREPARED = "TESTS_PREPARED"
#: the database with all tables and no rows
MIGRATED = "migrated"
#: settings of a copied database, which spare disk and memory. Tests kill processes, and the system keeps what a process has
#: written; the tests of lost power begin with a first start of their own
THRIFTY = "fsync = off\nfull_page_writes = off\nshared_buffers = 128MB\n"


def free_port() -> int:
    """Get a port that no other test gets. Tests run side by side: a file in the prepared folder keeps the port."""
    while True:
        port = ports.free_port()
        with suppress(FileExistsError):
            Path(os.environ[PREPARED], f"port-{port}").touch(exist_ok=False)
            return port


class Service:
    """A service that can be stopped, killed and started again on the same data."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None, *arguments: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "service.log"
        self.arguments = arguments or ("--no-workers",)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SAMPLEBANK_")}
        self.environment = {
            **inherited,
            **SETTINGS,
            **(settings or {}),
            "SAMPLEBANK_DATA_DIR": str(folder / "data"),
            "SAMPLEBANK_PORT": str(self.port),
        }
        self.keys: dict[str, str] = {}
        #: words before the command of the service, for example to put the service into an own network
        self.before: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def database_url(self) -> str:
        return f"postgresql://postgres@/postgres?host={quote(str(self.folder / 'data' / 'postgres' / 'run'))}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def blobs(self) -> Path:
        return self.folder / "data" / "blobs"

    def start(self) -> "Service":
        self.launch()
        self._wait_until_ready()
        return self

    def start_if_stopped(self) -> None:
        if not self.runs:
            self.start()

    def launch(self) -> "Service":
        """Start the service, and do not wait until the service is ready."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.before, *PROGRAM, "serve", *self.arguments],
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        return self

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            with suppress(requests.ConnectionError):
                if requests.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    return
            time.sleep(0.05)
        self._process.kill()  # the processes of the service end, too
        raise RuntimeError(
            f"the service did not become ready\n{self.log.read_text(errors='replace')[-4000:]}"
        )

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run the program as an operator would, beside the service."""
        return subprocess.run(
            [*PROGRAM, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def apply(self, tenants: Path = TENANTS) -> None:
        done = self.run("apply", str(tenants), "--json")
        assert done.returncode == 0, done.stderr
        self.keys.update(json.loads(done.stdout)["keys"])

    def newest_error(self) -> str:
        """The newest error in the log, with the trace. Empty where the log tells no error."""
        _, mark, after = self.log.read_text(errors="replace").rpartition(" ERROR ")
        return mark + after[:8000]

    def kill(self) -> None:
        """End the process that the operator started, at once and without a warning."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)
        self._wait_until_port_is_free()

    def _wait_until_port_is_free(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            try:
                requests.get(f"{self.url}/healthz", timeout=1)
            except requests.RequestException:
                return
            time.sleep(0.05)

    def end(self) -> None:
        """Stop the service, if it was started and runs."""
        if self.runs:
            self.stop()

    def stop(self) -> int:
        """Ask the service to stop; its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(60)


def copy_prepared(data: Path) -> Mapping[str, str]:
    """Make `data` the data folder of a service that has started once, and has the tenants. Returns their keys.

    Making a database, migrating it and applying the tenants takes several times as long as the copy. The first to come
    makes the folder that all services of the run are copies of, in all processes of the run.
    """
    prepared = Path(os.environ[PREPARED])
    keys = prepared / "keys.json"
    with (prepared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not keys.exists():
            first = Service(prepared).start()
            try:
                first.apply()
                _migrate_another(first)
            finally:
                code = first.stop()
            assert code == 0
            with (prepared / "data" / "postgres" / "data" / "postgresql.conf").open("a") as settings:
                settings.write(THRIFTY)
            keys.write_text(json.dumps(first.keys))
    # `cp` keeps the owner of the database, and shares the blocks where the file system can.
    subprocess.run(["cp", "-a", "--reflink=auto", prepared / "data", data], check=True)
    copied: dict[str, str] = json.loads(keys.read_text())
    return copied


def remove(folder: Path) -> None:
    """Remove a folder with the thousands of files of services, in less time than `shutil.rmtree` takes."""
    subprocess.run(["rm", "-rf", folder], check=False)


def _migrate_another(service: Service) -> None:
    """Make a database with all tables and no rows beside the database of the service."""
    subprocess.run(
        [str(BINARIES / "psql"), service.database_url, "-qc", f"CREATE DATABASE {MIGRATED}"], check=True
    )
    upgrade(service.database_url.replace("/postgres?", f"/{MIGRATED}?"))


@contextmanager
def running(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Service]:
    """A service with the tenants, for as long as the block lasts; it may be killed and started again there."""
    service = Service(folder, settings)
    has_own_database = "SAMPLEBANK_DATABASE_URL" not in service.environment
    if has_own_database:
        service.keys.update(copy_prepared(service.folder / "data"))
    service.start()
    try:
        if not has_own_database:
            service.apply()
        yield service
    finally:
        service.stop()
        remove(service.folder / "data")
