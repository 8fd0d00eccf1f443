"""Removals and uploads of the same bytes meet, and no row is left without its object."""

import asyncio
import secrets

import obstore
import pytest
from obstore.store import S3Store

from kit.bank import Bank, Sample
from s3.conftest import objects_of
from samplebank.assembly import Bank as OpenBank
from samplebank.blobs import Digests
from samplebank.database import Connection
from samplebank.errors import Unavailable
from samplebank.maintenance.service_tasks import orphan_sweep
from samplebank.submissions.receiving import receive_alone


def digests_of(sha256: bytes, token: bytes | None) -> Digests:
    return Digests(bytes(16), bytes(20), sha256, bytes(64), 1, token)


async def deleted(db: Connection, token: bytes | None) -> bytes:
    """The digest of a sample that was stored in the object and deleted since."""
    sha256 = secrets.token_bytes(32)
    await receive_alone(db, digests_of(sha256, token), customer_id=1, user_id=None, now=1)
    await db.execute("UPDATE sample SET deleted_time = 2 WHERE sha256 = $1", sha256)
    return sha256


async def test_a_deleted_sample_does_not_come_back_in_the_object_that_is_removed(db: Connection) -> None:
    sha256 = await deleted(db, b"object")

    with pytest.raises(Unavailable):
        await receive_alone(db, digests_of(sha256, b"object"), customer_id=1, user_id=None, now=3)

    assert await db.fetchval("SELECT deleted_time FROM sample WHERE sha256 = $1", sha256) == 2


@pytest.mark.parametrize(("before", "after"), [(b"object", b"other"), (None, b"other"), (None, None)])
async def test_a_deleted_sample_comes_back_in_another_object_or_in_a_folder(
    db: Connection, before: bytes | None, after: bytes | None
) -> None:
    sha256 = await deleted(db, before)

    await receive_alone(db, digests_of(sha256, after), customer_id=1, user_id=None, now=3)

    row = await db.fetchrow("SELECT deleted_time, blob_token FROM sample WHERE sha256 = $1", sha256)
    assert tuple(row or ()) == (None, after)


async def test_two_uploads_of_the_same_new_bytes_leave_one_row_with_its_object(
    far: Bank, objects: S3Store
) -> None:
    sample = Sample()

    answers = await asyncio.gather(*(asyncio.to_thread(far.upload, sample) for _ in range(8)))

    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert far.get(f"{sample.path}/raw").content == sample.data
    assert objects_of(objects, sample.sha256)


async def test_objects_that_no_row_names_are_swept(far: Bank, objects: S3Store, inside: OpenBank) -> None:
    sample = in_first_part()
    far.upload(sample)
    (named,) = objects_of(objects, sample.sha256)
    orphan = f"{named.rpartition('.')[0]}.{secrets.token_hex(8)}"
    obstore.put(objects, orphan, sample.data)

    await orphan_sweep(older_than=-3600)(inside)

    assert objects_of(objects, sample.sha256) == [named]
    assert far.get(f"{sample.path}/raw").content == sample.data


@pytest.mark.parametrize("foreign", ["README", "00", "00" * 32, f"{'00' * 32}.00"])
async def test_objects_that_no_upload_wrote_stay_and_stop_no_sweep(
    objects: S3Store, inside: OpenBank, foreign: str
) -> None:
    obstore.put(objects, f"sample/00/{foreign}", b"bytes")
    try:
        await orphan_sweep(older_than=-3600)(inside)

        assert obstore.get(objects, f"sample/00/{foreign}").bytes() == b"bytes"
    finally:
        obstore.delete(objects, f"sample/00/{foreign}")


def in_first_part() -> Sample:
    """A sample in the part of the store that a sweep looks at first."""
    while not (sample := Sample(100)).sha256.startswith("00"):
        pass
    return sample
