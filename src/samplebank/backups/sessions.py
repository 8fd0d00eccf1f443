"""Sessions of the database for statements that may take long, and for locks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg

from samplebank.database import Connection
from samplebank.database.connection import reach
from samplebank.database.failures import LOST, TROUBLE
from samplebank.errors import Unavailable

#: a transaction lasts as long as a dump, without a statement of the session
NO_LIMIT = {"idle_in_transaction_session_timeout": "0"}


@asynccontextmanager
async def alone(url: str) -> AsyncIterator[Connection]:
    """A session of the database for as long as the block lasts. Raises `Unavailable` when the session fails."""
    db = await reach(url, **NO_LIMIT)
    try:
        yield db
    except (*LOST, asyncpg.PostgresError) as error:
        raise Unavailable(f"The database failed: {error}. Repeat the command.") from error
    finally:
        with suppress(*TROUBLE):
            await db.close(timeout=2)
