"""Work of commands on the installation of the machine, past the interface."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple, TypeVar

import asyncpg

from samplebank import settings
from samplebank.database import Connection, open_database
from samplebank.errors import Unavailable
from samplebank.serving.installation import opened
from samplebank.settings import Settings
from samplebank.timespec import Millis

T = TypeVar("T")
#: the work, with a connection and the time of the database
Work = Callable[[Connection, Millis], Awaitable[T]]


class Done(NamedTuple, Generic[T]):
    """The result of the work, and the installation in words."""

    result: T
    where: str


def in_transaction(
    work: Work[T],
    tell: Callable[[T, str], None] | None = None,
    *,
    own: Settings | None = None,
) -> Done[T]:
    """Run `work` in one transaction on the database of the installation, by default the one that the environment names.

    `tell` writes the result and the place before the commit: a key that nobody could read must not stay.
    """
    with opened(own or settings.load(os.environ)) as installation:

        async def told(db: Connection, now: Millis) -> T:
            result = await work(db, now)
            if tell is not None:
                tell(result, installation.where)
                sys.stdout.flush()
            return result

        try:
            return Done(asyncio.run(_run(installation.database_url, told)), installation.where)
        except asyncpg.PostgresError as error:
            raise Unavailable(f"The database of {installation.where} refused: {error}.") from error


async def _run(url: str, work: Work[T]) -> T:
    async with open_database(url, most=1) as database, database.transaction() as db:
        return await work(db, database.clock.now())
