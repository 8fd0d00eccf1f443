"""Runs a program of PostgreSQL on the embedded server of a data folder: `python -m samplebank.database DATA pg_dump …`.

The server runs for as long as the program, unless somebody else keeps the server running. The programs have the version
of the server, and find the server by the usual variables (PGHOST, PGUSER, PGDATABASE).
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from samplebank.database.embedded import BINARIES, EmbeddedServer
from samplebank.errors import Refusal
from samplebank.files import keep_to_own_account


def main(arguments: Sequence[str]) -> int:
    """Answer the exit code of the program, or 1 with a line of explanation."""
    if len(arguments) < 2:  # noqa: PLR2004 a folder and a program
        sys.stderr.write("usage: python -m samplebank.database DATA_FOLDER PROGRAM [ARGUMENT...]\n")
        return 2
    folder, *command = arguments
    server = EmbeddedServer(Path(folder).expanduser().absolute() / "postgres")
    try:
        with server.running():
            return subprocess.run(command, env=_environment(server), check=False).returncode  # noqa: S603 what the operator asks for
    except (Refusal, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _environment(server: EmbeddedServer) -> dict[str, str]:
    path = f"{BINARIES}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    own = {"PATH": path, "PGHOST": str(server.sockets), "PGUSER": "postgres", "PGDATABASE": "postgres"}
    others = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**others, **own}


if __name__ == "__main__":
    keep_to_own_account()
    sys.exit(main(sys.argv[1:]))
