"""A store without one of its folders says so."""

import logging
from pathlib import Path

import pytest

from samplebank.blobs import Area, DiskStore
from samplebank.errors import Unavailable
from samplebank.serving.store import try_to_write


@pytest.mark.parametrize("area", list(Area))
async def test_a_store_that_has_lost_a_folder_is_refused_by_the_check(tmp_path: Path, area: Area) -> None:
    store = DiskStore(tmp_path / "blobs")
    store.prepare()
    await store.check()

    (store.folder / area).rename(tmp_path / "away")

    with pytest.raises(Unavailable, match=f"lost its folder {area}"):
        await store.check()


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
