"""A PostgreSQL that is reached over TCP, as an operator's would be: to be stopped, killed and started again."""

import os
import pwd
import signal
import stat
import subprocess
from pathlib import Path
from typing import Any

from samplebank.database.account import ACCOUNT
from samplebank.database.embedded import BINARIES

CONFIGURATION = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 60
shared_buffers = 32MB
fsync = off
"""


NEW = ("-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8")


class Postgres:
    """A new server in `folder` at `port`, not started yet; with a `primary`, a standby that follows the primary."""

    def __init__(self, folder: Path, port: int, primary: "Postgres | None" = None) -> None:
        self.port = port
        self._data = folder / "postgres"
        self._account: dict[str, Any] = {}
        self._data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            entry = pwd.getpwnam(ACCOUNT)
            self._account = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
            os.chown(self._data, entry.pw_uid, entry.pw_gid)
            for above in self._data.parents:
                above.chmod(above.stat().st_mode | stat.S_IXOTH)
        if primary is None:
            self._run("initdb", *NEW)
        else:
            self._run("pg_basebackup", "-d", primary.url, "-R", "-c", "fast", "-X", "stream", "--no-sync")
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as configuration:
            configuration.write(CONFIGURATION.format(port=self.port))

    @property
    def url(self) -> str:
        return self.url_at(self.port)

    @property
    def pid(self) -> int:
        """The postmaster."""
        return int((self._data / "postmaster.pid").read_text().split("\n", 1)[0])

    def url_at(self, port: int, address: str = "127.0.0.1") -> str:
        """The URL of the server through a relay that listens on `port`, or at another address of the server."""
        return f"postgresql://postgres@{address}:{port}/postgres"

    def listen_at(self, *addresses: str) -> None:
        """Start again, and also listen at these addresses, for everybody in their networks."""
        with (self._data / "pg_hba.conf").open("a", encoding="utf-8") as rules:
            rules.writelines(f"host all all {address}/24 trust\n" for address in addresses)
        self.order(f"ALTER SYSTEM SET listen_addresses = '{','.join(('127.0.0.1', *addresses))}'")
        self.stop()
        self.start()

    def start(self) -> None:
        self._run("pg_ctl", "-l", str(self._data / "server.log"), "-w", "start")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-m", mode, "-w", "stop")

    def promote(self) -> None:
        """Make a primary of a standby."""
        self._run("pg_ctl", "-w", "promote")

    def kill(self) -> None:
        """End the postmaster at once; its children notice."""
        os.kill(self.pid, signal.SIGKILL)

    def order(self, statement: str) -> str:
        done = subprocess.run(
            [str(BINARIES / "psql"), self.url, "-Atqc", statement], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def end_sessions(self, condition: str = "true") -> None:
        """As an administrator or a failover does."""
        self.order(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE application_name = 'samplebank' AND {condition}"
        )

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(BINARIES / program), "-D", str(self._data), *arguments],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd=self._data,
            **self._account,
        )
