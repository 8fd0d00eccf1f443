"""A store without one of its folders says so."""

from pathlib import Path

import pytest

from samplebank.blobs import Area, DiskStore
from samplebank.errors import Unavailable


@pytest.mark.parametrize("area", list(Area))
async def test_a_store_that_has_lost_a_folder_is_refused_by_the_check(tmp_path: Path, area: Area) -> None:
    store = DiskStore(tmp_path / "blobs")
    store.prepare()
    await store.check()

    (store.folder / area).rename(tmp_path / "away")

    with pytest.raises(Unavailable, match=f"lost its folder {area}"):
        await store.check()
