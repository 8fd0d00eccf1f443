"""The database of an installation that a restore makes: whether there is one, and whether tables are in use."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from samplebank.assembly import make_data_folder
from samplebank.backups.sessions import alone
from samplebank.database.embedded import BINARIES, EmbeddedServer
from samplebank.database.programs import version_of
from samplebank.database.server import WIDE, check_session, narrowness
from samplebank.errors import Invalid
from samplebank.settings import Settings
from samplebank.stores import database_folder

HAS_TABLES = """
    SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_')
"""
NAME = "SELECT system_identifier::text || '/' || current_database() FROM pg_control_system()"
EMBEDDED = "embedded"


class Found(NamedTuple):
    """The database that the settings name."""

    #: tells the database from others
    name: str
    #: the version of the server
    major: int
    has_tables: bool


async def look(settings: Settings, url: str) -> Found:
    """Look at a database. Raises `Unavailable`, and `Invalid` for a database that shares sessions, or takes not every text."""
    async with alone(url) as db:
        await check_session(db, url)
        if wrong := narrowness(db):
            raise Invalid(f"{wrong} {WIDE}")
        name = EMBEDDED if settings.database_url is None else await db.fetchval(NAME)
        return Found(name, db.get_server_version().major, await db.fetchval(HAS_TABLES))


def not_made_yet(settings: Settings) -> Found | None:
    """The embedded database where there is none yet. Nothing is made or started; None where there is a database."""
    if settings.database_url is not None or (_server(settings).data / "PG_VERSION").exists():
        return None
    return Found(EMBEDDED, version_of(str(BINARIES / "postgres")), has_tables=False)


@contextmanager
def running(settings: Settings) -> Iterator[str]:
    """The URL of the database, which runs for as long as the block lasts. An embedded database is made if need be."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    make_data_folder(settings)
    with _server(settings).running() as url:
        yield url


def _server(settings: Settings) -> EmbeddedServer:
    return EmbeddedServer(database_folder(settings))
