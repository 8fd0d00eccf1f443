"""Settings for queries that are planned for their values."""

import pytest

from samplebank.database import Connection
from samplebank.database.planning import planned


async def test_settings_within_a_transaction_end_with_the_block(db: Connection) -> None:
    before = await db.fetchval("SHOW statement_timeout")

    async with planned(db, "statement_timeout = 250"):
        within = await db.fetchval("SHOW statement_timeout")

    assert (within, await db.fetchval("SHOW statement_timeout")) == ("250ms", before)


async def test_a_failure_within_a_block_leaves_the_transaction_usable(db: Connection) -> None:
    with pytest.raises(ZeroDivisionError):
        async with planned(db):
            raise ZeroDivisionError

    assert await db.fetchval("SELECT 1") == 1
