"""Stored files on their way into a backup: a file that cannot be read keeps no other from being copied."""

import hashlib
from pathlib import Path

from samplebank.backups.copying import GivingFolder
from samplebank.backups.listing import Listed
from samplebank.blobs import Area, Blob, DiskStore

CONTENT = b"some bytes"


async def test_a_file_that_cannot_be_read_is_missing_and_the_others_are_copied(tmp_path: Path) -> None:
    store = DiskStore(tmp_path / "blobs")
    store.prepare()
    readable, unreadable = hashlib.sha256(CONTENT).digest(), bytes(32)
    store.path(Area.SAMPLE, readable).write_bytes(CONTENT)
    store.path(Area.SAMPLE, unreadable).mkdir()
    listed = [Listed(Area.SAMPLE, Blob(sha256), len(CONTENT)) for sha256 in (unreadable, readable)]

    copied = await GivingFolder(store).fetch([(one, tmp_path / one.blob.name) for one in listed])

    assert copied == [False, True]
    assert (tmp_path / readable.hex()).read_bytes() == CONTENT
