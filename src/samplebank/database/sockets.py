"""Where an embedded PostgreSQL is reached: a Unix socket, whose path must be short."""

import hashlib
import os
import tempfile
from pathlib import Path
from urllib.parse import quote

#: longest path of a Unix socket, from unix(7)
SOCKET_PATH = 107
SHORT_FOLDER = 50


def url_of(folder: Path) -> str:
    """Where the cluster in `folder` is reached while it runs."""
    return f"postgresql://postgres@/postgres?host={quote(str(socket_folder(folder)))}"


def socket_folder(folder: Path) -> Path:
    """The folder of the socket: in `folder`, or, where its path is too long for a socket, in the temporary folder."""
    wanted = folder / "run"
    if len(str(wanted / ".s.PGSQL.5432.lock")) <= SOCKET_PATH:
        return wanted
    digest = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    temporary = tempfile.gettempdir()
    short = temporary if len(temporary) < SHORT_FOLDER else "/tmp"  # noqa: S108 the name in it is one of ours
    return Path(short) / f"samplebank-{os.geteuid()}-{digest}"
