"""A bank for tests of the housework."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kit.databases import migrated_database
from kit.service import Service
from samplebank.assembly import Bank, open_bank
from samplebank.settings import Settings


@pytest.fixture
async def own_bank(service: Service, tmp_path: Path) -> AsyncIterator[Bank]:
    """A bank whose queue of samples is the test's own."""
    async with migrated_database(service) as url, open_bank(Settings(data_dir=tmp_path), url) as bank:
        yield bank
