"""Samples in a bucket: uploaded, read whole and in part, and removed."""

import io
import os
from collections.abc import AsyncIterator
from pathlib import Path

import obstore
import pytest
import pyzipper
import requests
from obstore.store import S3Store

from kit.bank import ROBOT, Bank, Sample, eventually, name_of
from kit.s3 import S3Server
from kit.service import Service
from kit.wire import Wire
from s3.conftest import objects_of
from samplebank.assembly import Bank as OpenBank
from samplebank.blobs import Area, bucket, sending
from samplebank.blobs.objects import ObjectStore
from samplebank.errors import Unavailable
from samplebank.samples.objects import RowTokens
from samplebank.stores import place_of

#: one is sent from memory, the other from the spool
SIZES = [pytest.param(5000, id="small"), pytest.param(3_000_000, id="large")]


def uploaded(far: Bank, size: int) -> Sample:
    sample = Sample(size)
    answer = far.upload(sample)
    assert answer.status_code == 201, answer.text
    return sample


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


@pytest.mark.parametrize("size", SIZES)
def test_a_sample_is_read_as_it_came(far: Bank, objects: S3Store, size: int) -> None:
    sample = uploaded(far, size)

    read = far.get(f"{sample.path}/raw")

    assert (read.status_code, read.content) == (200, sample.data)
    assert len(objects_of(objects, sample.sha256)) == 1


def test_a_repeat_after_the_deletion_puts_no_object_back(far: Bank, objects: S3Store) -> None:
    sample, key = Sample(), {"Idempotency-Key": name_of("key")}

    def send() -> requests.Response:
        return far.call(
            "POST", "/samplebank/v1/sample", data=sample.data, params={"fileName": "a"}, headers=key
        )

    first = send()
    far.data(far.delete(sample.path))
    assert eventually(lambda: objects_of(objects, sample.sha256) == [])

    again = send()

    assert (again.status_code, again.content) == (201, first.content)
    assert objects_of(objects, sample.sha256) == []


def test_a_claim_tells_where_the_bytes_lie_to_who_asks(far: Bank, s3: S3Server) -> None:
    (worker,) = far.workers(1)
    first, _, _ = far.planned(worker)
    far.planned(worker)

    (asked,) = far.claim(worker, objects=True)
    (silent,) = far.claim(worker)

    place = asked["object"]
    assert obstore.get(s3.store(bucket=place["bucket"]), place["key"]).bytes().to_bytes() == first.data
    assert "object" not in silent


@pytest.mark.parametrize("size", SIZES)
def test_a_range_of_a_sample_is_read(far: Bank, size: int) -> None:
    sample = uploaded(far, size)

    read = far.call("GET", f"{sample.path}/raw", headers={"Range": f"bytes=10-{size - 11}"})

    assert (read.status_code, read.content) == (206, sample.data[10:-10])


def test_the_archive_holds_the_sample(far: Bank) -> None:
    sample = uploaded(far, 3_000_000)

    read = far.get(f"{sample.path}/safe")

    with pyzipper.AESZipFile(io.BytesIO(read.content)) as archive:
        archive.setpassword(b"infected")
        assert archive.read(archive.namelist()[0]) == sample.data


def test_a_page_of_bytes_is_read(far: Bank) -> None:
    sample = uploaded(far, 5000)

    page = far.data(far.get(f"/samplebank/v1/sample/{sample.sha256}/bytes", at=4990))

    assert page["bytes"] == sample.data[-10:].hex()


def test_a_sample_is_classified(far: Bank) -> None:
    sample = far.submitted()

    (found,) = eventually(lambda: far.data(far.get(f"{sample.path}/classification", limit=0)))

    assert found["type"] == "gif", found


def test_the_same_bytes_again_write_no_second_object(far: Bank, objects: S3Store) -> None:
    sample = uploaded(far, 5000)

    again = far.upload(sample)

    assert again.status_code == 200
    assert len(objects_of(objects, sample.sha256)) == 1


@pytest.mark.parametrize("size", SIZES)
def test_an_upload_repairs_what_is_damaged(far: Bank, objects: S3Store, size: int) -> None:
    sample = uploaded(far, size)
    (key,) = objects_of(objects, sample.sha256)
    obstore.put(objects, key, b"\0" + sample.data[1:])

    damaged = read_all(far, sample)
    far.upload(sample)

    assert damaged != sample.data
    assert far.get(f"{sample.path}/raw").content == sample.data


def read_all(far: Bank, sample: Sample) -> bytes | None:
    """The bytes of a whole answer 200; None where the answer is another, or breaks off."""
    try:
        read = far.get(f"{sample.path}/raw")
    except requests.RequestException:
        return None
    return read.content if read.status_code == 200 else None


def test_a_deleted_sample_leaves_no_object_and_comes_back_in_another(far: Bank, objects: S3Store) -> None:
    sample = uploaded(far, 5000)
    before = objects_of(objects, sample.sha256)

    far.data(far.delete(sample.path))

    assert eventually(lambda: not objects_of(objects, sample.sha256))
    assert far.upload(sample).status_code == 201
    assert far.get(f"{sample.path}/raw").content == sample.data
    assert objects_of(objects, sample.sha256) != before


def test_evidence_is_read_as_it_came_and_goes_with_its_sample(far: Bank, objects: S3Store) -> None:
    sample, report = far.submitted(), Sample(3000)
    place = f"{sample.path}/analysis/{far.analyse(sample, name_of('w'))}/evidence"

    stored = far.data(far.call("POST", f"{place}/e.bin", ROBOT, data=report.data))

    assert far.get(f"{place}/{stored['id']}/download").content == report.data
    far.data(far.delete(sample.path))
    assert eventually(lambda: not objects_of(objects, report.sha256, "evidence"))


@pytest.mark.parametrize("size", SIZES)
def test_bytes_that_change_on_their_way_are_refused_and_leave_no_sample(
    far: Bank, line: Wire, size: int
) -> None:
    sample = Sample(size)
    right = sample.data[20:60]

    with line.changing(right, bytes(40)):
        refused = far.upload(sample)

    assert refused.status_code == 503, refused.text
    assert far.get(sample.path).status_code == 404
    assert far.upload(sample).status_code == 201


def test_a_store_that_is_away_costs_a_503_and_nothing_is_lost(far: Bank, line: Wire, remote: Service) -> None:
    stored, new = uploaded(far, 5000), Sample()

    with line.cut():
        answers = [far.get("/readyz", None), far.upload(new), far.get(f"{stored.path}/raw")]

    assert [answer.status_code for answer in answers] == [503, 503, 503], remote.newest_error()
    assert far.get(new.path).status_code == 404
    assert far.get(f"{stored.path}/raw").content == stored.data
    assert far.get("/readyz", None).status_code == 200


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((bucket, "PATIENCE"), (sending, "PATIENCE"), (sending, "ANSWER")):
        monkeypatch.setattr(module, name, 0.2)


@pytest.mark.usefixtures("impatient")
async def test_a_store_that_keeps_a_reader_waiting_is_unavailable(
    far: Bank, line: Wire, inside: OpenBank
) -> None:
    stored = uploaded(far, 5000)

    with line.stalled(), pytest.raises(Unavailable):
        await anext(inside.blobs.read(Area.SAMPLE, bytes.fromhex(stored.sha256)))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("size", SIZES)
async def test_a_store_that_keeps_a_writer_waiting_is_unavailable(
    line: Wire, inside: OpenBank, size: int
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield Sample(size).data

    staged = await inside.blobs.stage(Area.SAMPLE, chunks(), size)

    with line.stalled(), pytest.raises(Unavailable):
        await staged.keep()
    await staged.discard()


async def test_small_samples_are_read_together(far: Bank, inside: OpenBank) -> None:
    some = [uploaded(far, 100) for _ in range(3)]
    names = [bytes.fromhex(one.sha256) for one in some]

    read = await inside.blobs.whole(Area.SAMPLE, [*names, bytes(32)])

    assert read == [*(one.data for one in some), None]


async def test_samples_become_local_files_together_for_as_long_as_they_are_read(
    far: Bank, inside: OpenBank, objects: S3Store
) -> None:
    some = [uploaded(far, 100), uploaded(far, 3_000_000)]
    lost = uploaded(far, 100)
    obstore.delete(objects, objects_of(objects, lost.sha256))
    names = [bytes.fromhex(one.sha256) for one in (*some, lost)]

    async with inside.blobs.files(Area.SAMPLE, [*names, bytes(32)]) as found:
        read = {sha256.hex(): path.read_bytes() for sha256, path in found.items()}
    far.upload(lost)  # other tests copy the whole bucket

    assert read == {one.sha256: one.data for one in some}
    assert not any(path.exists() for path in found.values())


@pytest.mark.usefixtures("impatient")
async def test_a_store_that_stops_in_the_middle_leaves_no_local_file(
    far: Bank, line: Wire, inside: OpenBank, tmp_path: Path
) -> None:
    stored = uploaded(far, 5000)
    store = ObjectStore(
        place_of(inside.settings.blob_url or "", os.environ), RowTokens(inside.database), tmp_path
    )

    with line.stalled(), pytest.raises(Unavailable):
        async with store.files(Area.SAMPLE, [bytes.fromhex(stored.sha256)]):
            pass

    assert files_in(tmp_path) == []


async def test_the_scrub_tells_sound_bytes_from_damaged_and_missing(
    far: Bank, inside: OpenBank, objects: S3Store
) -> None:
    sound, damaged = uploaded(far, 100), uploaded(far, 100)
    obstore.put(objects, objects_of(objects, damaged.sha256)[0], b"other")

    names = [bytes.fromhex(sound.sha256), bytes.fromhex(damaged.sha256), bytes(32)]

    assert [await inside.blobs.is_sound(Area.SAMPLE, name) for name in names] == [True, False, False]
    far.upload(damaged)
    assert await inside.blobs.is_sound(Area.SAMPLE, bytes.fromhex(damaged.sha256))


def test_one_request_takes_in_a_file(far: Bank) -> None:
    sample = Sample()

    answers = [
        far.call("POST", "/samplebank/v1/sample", "mia", params={"fileName": "a"}, data=sample.data)
        for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [201, 220], answers[0].text
    assert far.get(f"{sample.path}/raw").content == sample.data
