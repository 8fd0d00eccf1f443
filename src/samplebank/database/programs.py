"""Programs of PostgreSQL that work on a database over its URL, such as `pg_dump`."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from samplebank.database.embedded import BINARIES
from samplebank.errors import Unavailable

VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
NONE_FITS = (
    "The database is a PostgreSQL {major}, and there is no {name} of this version or of a newer version on the PATH: install "
    "the client programs of PostgreSQL {major}, such as the package postgresql-client-{major}."
)


class Address(NamedTuple):
    """A database for a program: the URL for the command line, which everybody may read, and the environment."""

    url: str
    environment: Mapping[str, str]


def find_program(name: str, major: int) -> str:
    """Find the program for a server of the version `major`: of the same version, else the next newer. Raises `Unavailable`."""
    found = _fitting(name, major)
    return found[min(found)]


def find_newest(name: str, major: int) -> str:
    """Find the newest program, at least of the version `major`. Raises `Unavailable`."""
    found = _fitting(name, major)
    return found[max(found)]


def _fitting(name: str, major: int) -> dict[int, str]:
    on_path = shutil.which(name)
    found = {
        version: place
        for place in (str(BINARIES / name), on_path)
        if place is not None and (version := version_of(place)) >= major
    }
    if not found:
        raise Unavailable(NONE_FITS.format(name=name, major=major))
    return found


def address_of(url: str) -> Address:
    """The database at this URL. A password in the URL goes into the environment."""
    parts = urlsplit(url)
    account, at, hosts = parts.netloc.rpartition("@")
    user, _, password = account.partition(":")
    query = parse_qsl(parts.query, keep_blank_values=True)
    secrets = [value for name, value in query if name == "password"] or [unquote(password)]
    # The programs read neither an address without `//` nor a blank that is written as `+`.
    shown = urlencode(
        [(name, value) for name, value in query if name != "password"], safe="/", quote_via=quote
    )
    plain = f"{parts.scheme}://{user}{at}{hosts}{parts.path}{'?' if shown else ''}{shown}"
    return Address(plain, {**os.environ, **({"PGPASSWORD": secrets[0]} if secrets[0] else {})})


def version_of(program: str) -> int:
    """The version of a program; 0 where the program does not tell."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 a program of PostgreSQL
    except OSError:
        return 0
    told = VERSION.search(done.stdout)
    return int(told[1]) if told else 0
