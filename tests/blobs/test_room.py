"""Uploads leave room on both disks: the disk of the bytes and the disk of the rows."""

import logging
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kit.bank import Bank
from samplebank.blobs import Area, DiskStore, room
from samplebank.blobs.room import BLOBS, Room
from samplebank.errors import Unavailable
from samplebank.logs import Faults

#: a file system that never has room
FULL = Path("/proc")


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    """A store with room, beside a database without."""
    store = DiskStore(tmp_path, reserve=1, others={"database": FULL})
    store.prepare()
    return store


async def upload() -> AsyncIterator[bytes]:
    yield b"bytes"


async def test_a_disk_of_the_database_that_is_nearly_full_is_named_by_the_check(store: DiskStore) -> None:
    with pytest.raises(Unavailable, match="disk of the database is nearly full"):
        await store.check()


async def test_a_disk_of_the_database_that_is_nearly_full_takes_no_uploads(store: DiskStore) -> None:
    with pytest.raises(Unavailable, match="disk of the database is nearly full"):
        await store.stage(Area.SAMPLE, upload(), 100)


def test_the_blobs_are_told_apart_from_the_database(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="disk of the blobs is nearly full"):
        Room({BLOBS: FULL, "database": tmp_path}, 1).check()


def test_a_disk_with_room_for_bytes_and_for_no_file_takes_no_uploads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = list(os.statvfs(tmp_path))
    numbers[5:8] = 100_000, 1_000, 499
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(numbers))

    with pytest.raises(Unavailable, match="disk of the blobs has room for hardly any further file"):
        Room({BLOBS: tmp_path}, 1).check()


def test_a_disk_without_a_bound_on_files_is_never_out_of_files() -> None:
    room = Room({BLOBS: FULL}, 0)

    assert room.free_files() == {}
    room.check()


def test_the_room_on_both_disks_of_an_installation_is_told(bank: Bank) -> None:
    told = re.findall(
        r'^samplebank_disk_free_bytes\{disk="(\w+)"\} (\d+)', bank.get("/metrics", None).text, re.MULTILINE
    )

    assert {disk for disk, _ in told} == {"blobs", "database"}
    assert all(int(free) > 0 for _, free in told)


def test_the_log_tells_once_a_minute_which_folder_is_on_a_disk_that_is_nearly_full(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "faults", Faults(logging.getLogger("samplebank.blobs")))
    for _ in range(3):
        with pytest.raises(Unavailable):
            Room({BLOBS: tmp_path, "database": FULL}, 1).check()

    told = [record for record in caplog.records if record.message == "disk.nearly_full"]
    assert [vars(record)["fields"]["folder"] for record in told] == [FULL]
