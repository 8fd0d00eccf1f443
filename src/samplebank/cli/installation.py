"""Work of commands on the installation of the machine, past the interface."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from functools import partial
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


class Untold(Exception):
    """The output took no result. A break of the output must not look like a break of the connection to the database."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(str(reason))
        self.reason = reason


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
                _tell(partial(tell, result, installation.where))
            return result

        try:
            return Done(asyncio.run(_run(installation.database_url, told)), installation.where)
        except Untold as untold:
            raise untold.reason from None
        except asyncpg.PostgresError as error:
            raise Unavailable(f"The database of {installation.where} refused: {error}.") from error


def _tell(telling: Callable[[], None]) -> None:
    try:
        telling()
        sys.stdout.flush()
    except OSError as error:
        raise Untold(error) from error


async def _run(url: str, work: Work[T]) -> T:
    async with open_database(url, most=1) as database, database.transaction() as db:
        return await work(db, database.clock.now())
