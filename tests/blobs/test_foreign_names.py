"""Files that no upload wrote: the store neither takes such files for stored bytes nor removes them."""

import os
from pathlib import Path

import pytest

from samplebank.blobs import Area, Blob, DiskStore

NAME = "ab" * 32
EVERYTHING = -3600.0


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    store = DiskStore(tmp_path / "blobs")
    store.prepare()
    return store


@pytest.mark.parametrize(
    "foreign",
    ["README", ".DS_Store", "ab", "ab" * 31, "cd" * 32, NAME.upper(), f"{NAME}.", f"{NAME}.{'0' * 16}"],
)
async def test_foreign_files_are_no_blobs(store: DiskStore, foreign: str) -> None:
    for name in (NAME, foreign):
        (store.folder / "sample" / "ab" / name).write_bytes(b"bytes")

    assert await store.list_names(Area.SAMPLE, 0xAB, EVERYTHING) == [Blob(bytes.fromhex(NAME))]


async def test_a_folder_among_the_blobs_is_no_blob(store: DiskStore) -> None:
    (store.folder / "sample" / "ab" / NAME).mkdir()

    assert await store.list_names(Area.SAMPLE, 0xAB, EVERYTHING) == []


async def test_leftovers_of_uploads_go_where_the_staging_folder_is_the_root_of_a_file_system(
    store: DiskStore,
) -> None:
    staging = store.folder / "staging"
    (staging / "lost+found").mkdir()
    (staging / "left over").touch()
    os.utime(staging / "lost+found", (0, 0))

    assert await store.sweep(EVERYTHING) == 1
    assert [path.name for path in staging.iterdir()] == ["lost+found"]
