"""The installation that a command works on: there already, and neither made nor upgraded by the way."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from samplebank.backups.note import refuse_unfinished
from samplebank.backups.sessions import alone
from samplebank.database.embedded import EmbeddedServer
from samplebank.database.migrations import HEAD, current_revision
from samplebank.database.server import check_session
from samplebank.errors import Unavailable
from samplebank.settings import Settings
from samplebank.stores import database_folder

REMEDY = (
    "Start one with `samplebank serve`, or name another with SAMPLEBANK_DATA_DIR or SAMPLEBANK_DATABASE_URL."
)


class Installation(NamedTuple):
    """The place of an installation, in words, and the URL of its database. The database runs while the command works."""

    where: str
    database_url: str


@contextmanager
def opened(settings: Settings) -> Iterator[Installation]:
    """Open the installation that the settings name.

    Raises `Unavailable` where there is no installation, or an installation of another release, `Conflict` where a restore was
    interrupted, and `Invalid` where a pooler shares sessions.
    """
    where = _where(settings)
    refuse_unfinished(settings.folder)
    if settings.database_url is not None:
        yield _checked(where, settings.database_url)
        return
    server = EmbeddedServer(database_folder(settings))
    if not (server.data / "PG_VERSION").exists():
        raise Unavailable(f"There is no installation in {where}. {REMEDY}")
    with server.running() as url:
        yield _checked(where, url)


def _where(settings: Settings) -> str:
    if settings.database_url is None:
        return f"the data folder {settings.folder}"
    url = urlsplit(settings.database_url)  # the URL may hold a password, so only parts are shown
    host = url.hostname or parse_qs(url.query).get("host", ["this machine"])[0]
    return f"the database {url.path.lstrip('/') or 'of your name'} at {host}"


def _checked(where: str, url: str) -> Installation:
    revision = asyncio.run(_revision(url))
    if revision is None:
        raise Unavailable(f"There is no installation in {where}. {REMEDY}")
    if revision != HEAD:
        raise Unavailable(
            f"The schema of {where} is at revision {revision}, but this release needs {HEAD}: "
            "`samplebank serve` of the newer of both releases brings it there."
        )
    return Installation(where, url)


async def _revision(url: str) -> str | None:
    async with alone(url) as db:
        await check_session(db, url)  # before the first statement that a pooler may spoil
        return await current_revision(db)
