"""Where an embedded PostgreSQL is reached: a Unix socket, whose path must be short."""

import hashlib
import os
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

#: longest path of a Unix socket, from unix(7)
SOCKET_PATH = 107
SHORT_FOLDER = 50
#: the folder of the socket in the folder of the cluster, and how such a folder begins elsewhere
RUN, SHORT = "run", "samplebank-"


def url_of(folder: Path) -> str:
    """Where the cluster in `folder` is reached while it runs."""
    return f"postgresql://postgres@/postgres?host={quote(str(socket_folder(folder)))}"


def is_embedded(url: str) -> bool:
    """Whether the URL has the form of `url_of`, and so comes from no setting."""
    parts = urlsplit(url)
    folder = Path(parse_qs(parts.query).get("host", [""])[0])
    is_named_so = folder.name == RUN or folder.name.startswith(SHORT)
    return parts.netloc == "postgres@" and folder.is_absolute() and is_named_so


def socket_folder(folder: Path) -> Path:
    """The folder of the socket: in `folder`, or, where its path is too long for a socket, in the temporary folder."""
    wanted = folder / RUN
    if len(str(wanted / ".s.PGSQL.5432.lock")) <= SOCKET_PATH:
        return wanted
    digest = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    temporary = tempfile.gettempdir()
    short = temporary if len(temporary) < SHORT_FOLDER else "/tmp"  # noqa: S108 the name in it is one of ours
    return Path(short) / f"{SHORT}{os.geteuid()}-{digest}"
