"""Services that may read the bucket of Samplebank get no copies of its samples."""

import io
import zipfile
from collections.abc import Iterator

import obstore
import pytest
from bench.karton import Karton
from bench.seaweed import make_bucket

from kit.bank import Bank, Sample, eventually
from kit.karton import WORKER, Kartons, kartons_of, program
from kit.s3 import BUCKET
from kit.service import Service, copy_prepared
from samplebank.karton.tasks import first_task, name_of_copy, root_of

SAMPLES, PREFIX, MARK = "samples", "north", "samplebank-store"


@pytest.fixture(scope="module")
def remote(karton: Karton, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with blobs in another bucket of the server that Karton uses."""
    make_bucket(karton.s3.store(bucket=SAMPLES))
    settings = {**karton.s3.environment(), "SAMPLEBANK_BLOB_URL": f"s3://{SAMPLES}/{PREFIX}"}
    service = Service(tmp_path_factory.mktemp("remote"), settings)
    service.keys.update(copy_prepared(service.folder / "data"))
    obstore.put(karton.s3.store(PREFIX, SAMPLES), MARK, (service.blobs / MARK).read_bytes())
    service.start()
    try:
        yield service
    finally:
        service.stop()


@pytest.fixture(scope="module")
def sharing(kartons: Kartons, remote: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kartons]:
    """A bridge for the service with the bucket. Of all bridges of a Karton one works, so the other bridge is stopped."""
    kartons.bridge.kill()
    bank = Bank(remote.url, remote.keys)
    try:
        with kartons_of(tmp_path_factory.mktemp("sharing"), remote, bank, kartons.karton) as found:
            restart(found, SAMPLES)
            yield found
    finally:
        kartons.bridge.start()


def restart(kartons: Kartons, samples: str) -> None:
    """Start the bridge anew, with another bucket that services may read."""
    kartons.bridge.kill()
    kartons.bridge.environment["KARTON_SAMPLEBANK_SAMPLES"] = samples
    kartons.bridge.start()


def contents(karton: Karton) -> list[bytes]:
    """All bytes in the bucket of Karton."""
    keys = karton.s3.keys()
    return [obstore.get(karton.s3.store(), key).bytes().to_bytes() for key in keys]


def packed(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("program", data)
    return buffer.getvalue()


def test_services_read_the_object_of_samplebank(sharing: Kartons) -> None:
    child = Sample(data=program())
    sample = sharing.submit(packed(child.data))

    sharing.ended(sample)

    assert set(sharing.analyses(sample)) == {WORKER, "karton.classifier", "karton.archive-extractor"}
    assert "karton.yaramatcher" in sharing.analyses(child)
    found = contents(sharing.karton)
    assert child.data in found
    assert sample.data not in found


def test_what_the_key_of_karton_does_not_find_is_copied(sharing: Kartons) -> None:
    restart(sharing, "elsewhere")
    try:
        sample = sharing.submit(program())

        sharing.ended(sample)
    finally:
        restart(sharing, SAMPLES)

    assert "karton.yaramatcher" in sharing.analyses(sample)
    assert sample.data in contents(sharing.karton)
    assert eventually(lambda: "karton.copies" in sharing.bridge.said())


def test_bytes_that_an_earlier_bridge_has_declared_are_brought(sharing: Kartons) -> None:
    sharing.bridge.kill()
    sample = sharing.submit(program())
    root = root_of(sharing.task(sample)["id"])
    copy = {"uid": name_of_copy(root), "bucket": BUCKET, "name": "copy", "sha256": sample.sha256}
    first = first_task(root, {}, {**copy, "size": len(sample.data), "flags": [], "metadata": {}}, {})
    sharing.redis().set(first.key, first.text)
    sharing.bridge.start()

    sharing.ended(sample)

    assert "karton.yaramatcher" in sharing.analyses(sample)
