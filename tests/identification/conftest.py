from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from samplebank.identification import Identification, Identifier


@pytest.fixture(scope="session")
async def identifier() -> AsyncIterator[Identifier]:
    """One child for the whole run, as in the service."""
    async with Identifier() as identifier:
        yield identifier


@pytest.fixture
async def identified(identifier: Identifier, tmp_path: Path, content: bytes) -> Identification:
    path = tmp_path / "sample"
    path.write_bytes(content)
    return await identifier.identify(path)
