"""A store without one of its folders says so."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from kit.disks import no_room
from samplebank.blobs import Area, DiskStore
from samplebank.errors import Unavailable
from samplebank.installation import store as identities
from samplebank.serving.store import try_to_write

CONTENT = b"some bytes"


@pytest.mark.parametrize("area", list(Area))
async def test_a_store_that_has_lost_a_folder_is_refused_by_the_check(tmp_path: Path, area: Area) -> None:
    store = DiskStore(tmp_path / "blobs")
    store.prepare()
    await store.check()

    (store.folder / area).rename(tmp_path / "away")

    with pytest.raises(Unavailable, match=f"lost its folder {area}"):
        await store.check()


async def test_a_check_of_a_store_without_room_leaves_no_file(tmp_path: Path) -> None:
    store = DiskStore(tmp_path / "blobs")
    store.prepare()

    with no_room(), pytest.raises(Unavailable, match="cannot be written"):
        await store.check()

    assert list((store.folder / "staging").iterdir()) == []


async def test_a_store_that_takes_no_bytes_at_the_start_is_told_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("samplebank.serving"), "disabled", False)
    store = DiskStore(tmp_path / "blobs")
    store.prepare()
    await try_to_write(store)
    assert caplog.messages == []

    (store.folder / "staging").rename(tmp_path / "away")
    await try_to_write(store)

    assert caplog.messages == ["blobs.not_writable"]


async def content() -> AsyncIterator[bytes]:
    yield CONTENT


@pytest.mark.parametrize("area", list(Area))
async def test_bytes_whose_folder_of_an_area_is_lost_are_kept(tmp_path: Path, area: Area) -> None:
    store = DiskStore(tmp_path / "blobs")
    store.prepare()
    staged = await store.stage(area, content(), len(CONTENT))
    store.path(area, staged.digests.sha256).parent.rmdir()

    await staged.keep()
    await staged.discard()

    assert await store.whole(area, [staged.digests.sha256]) == [CONTENT]


async def test_a_store_whose_identity_was_read_and_has_gone_lacks_no_bytes(tmp_path: Path) -> None:
    made = DiskStore(tmp_path / "blobs")
    made.prepare()
    await made.make_mark(uuid4())
    staged = await made.stage(Area.SAMPLE, content(), len(CONTENT))
    await staged.keep()
    await staged.discard()
    store = DiskStore(made.folder)
    await store.identity()

    made.folder.rename(tmp_path / "unmounted")

    with pytest.raises(Unavailable, match="has lost its file samplebank-store"):
        await anext(store.read(Area.SAMPLE, staged.digests.sha256))


async def test_a_store_without_identity_is_not_taken_for_the_store_of_others(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="holds no identity"):
        await identities.check(identities.Known(uuid4(), is_marked=True), DiskStore(tmp_path))
