"""The services at work on one database, each with the settings that every host has to share."""

from collections.abc import Mapping

from samplebank.database import Connection, Statement
from samplebank.timespec import Millis

#: milliseconds after which a service that was not seen is forgotten
FORGOTTEN = 24 * 3600 * 1000
NOTE = Statement("""
    INSERT INTO service (name, settings, seen_time) VALUES (:name, :settings, :now)
    ON CONFLICT (name) DO UPDATE SET settings = excluded.settings, seen_time = excluded.seen_time
""")
OTHERS = Statement(
    "SELECT name, settings FROM service WHERE name <> :name AND seen_time > :since ORDER BY name"
)
FORGET = "DELETE FROM service WHERE seen_time < $1"


async def note(db: Connection, name: str, settings: Mapping[str, str], *, now: Millis) -> None:
    """Note that a service is at work with these settings. Services that are long gone are forgotten."""
    await NOTE.run(db, name=name, settings=dict(settings), now=now)
    await db.execute(FORGET, now - FORGOTTEN)


async def others(db: Connection, name: str, *, since: Millis) -> dict[str, dict[str, str]]:
    """The settings of the other services that were seen after `since`, by the names of the services."""
    return {row[0]: row[1] for row in await OTHERS.rows(db, name=name, since=since)}
