from collections.abc import AsyncIterator

import pytest

from samplebank.identification import Identifier


@pytest.fixture(scope="session")
async def identifier() -> AsyncIterator[Identifier]:
    """One child for the whole run, as in the service."""
    async with Identifier() as identifier:
        yield identifier
