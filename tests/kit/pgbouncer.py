"""A PgBouncer of a test's own before a PostgreSQL of the kit."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kit.browser import program
from kit.postgres import Postgres
from kit.service import free_port
from samplebank.database.account import ACCOUNT

CONFIGURATION = """
[databases]
* = host=127.0.0.1 port={database_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = 30
"""
#: what PgBouncer says when clients may come
UP = "process up"


@contextmanager
def bouncing(folder: Path, server: Postgres, mode: str) -> Iterator[str]:
    """The URL of the server through a PgBouncer in this pool mode, for as long as the block lasts."""
    port = free_port()
    configuration = folder / "pgbouncer.ini"
    # `auth_type = any` takes the name of the user from the line of the database
    text = CONFIGURATION.format(database_port=server.port, port=port, mode=mode)
    configuration.write_text(text.replace("* = ", "* = user=postgres "))
    configuration.chmod(0o644)
    account = ["-u", ACCOUNT] if os.geteuid() == 0 else []
    process = subprocess.Popen(
        [program("pgbouncer"), *account, str(configuration)], stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        said = ""
        while UP not in said:
            said = process.stderr.readline()
            assert said, "PgBouncer has ended"
        socket.create_connection(("127.0.0.1", port)).close()
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        process.terminate()
        process.communicate()
