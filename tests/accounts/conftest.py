from collections.abc import AsyncIterator

import pytest

from kit.databases import migrated_database
from kit.service import Service
from samplebank.accounts import first_accounts
from samplebank.database import Database, connect


@pytest.fixture
async def accounts(service: Service) -> AsyncIterator[Database]:
    """A database with the accounts of a first start."""
    async with migrated_database(service) as url:
        database = await connect(url)
        async with database.transaction() as db:
            await first_accounts.provision_first(db, now=1)
        yield database
        await database.close()
