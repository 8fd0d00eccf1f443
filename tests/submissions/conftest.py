import pytest

from kit.bank import Bank
from samplebank.accounts.caller import Caller
from samplebank.accounts.directory import Directory
from samplebank.accounts.keys import Callers
from samplebank.assembly import clock
from samplebank.database import Database


@pytest.fixture(scope="module")
async def mia(bank: Bank, database: Database) -> Caller:
    found = await Callers(database, Directory(database)).find(bank.keys["mia"], now=clock())
    assert found is not None
    return found
