"""A copy of the stored bytes is a store from its end on."""

from pathlib import Path
from uuid import uuid4

import pytest

from samplebank.assembly import Bank
from samplebank.blobs import DiskStore
from samplebank.maintenance.moving import Copied, copy_store

IDENTITY = uuid4()


@pytest.fixture
def target(tmp_path: Path) -> DiskStore:
    store = DiskStore(tmp_path / "target")
    store.prepare()
    return store


async def test_a_copy_that_is_interrupted_is_no_store(
    own_bank: Bank, tmp_path: Path, target: DiskStore
) -> None:
    def interrupt(_done: int, _copied: Copied) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await copy_store(own_bank.database, DiskStore(tmp_path / "blobs"), target, IDENTITY, interrupt)

    assert await target.identity() is None


async def test_a_copy_that_has_come_to_its_end_is_the_store(
    own_bank: Bank, tmp_path: Path, target: DiskStore
) -> None:
    await copy_store(
        own_bank.database, DiskStore(tmp_path / "blobs"), target, IDENTITY, lambda _done, _copied: None
    )

    assert await target.identity() == IDENTITY
