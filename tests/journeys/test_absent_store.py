"""An empty folder in the place of the blobs, left by an unmounted disk, is not taken for the store."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench.databases import connected

from kit.bank import V2, Bank, Sample, eventually
from kit.service import Service, running

MARK = "samplebank-store"


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """An own service with a sample."""
    with running(tmp_path_factory.mktemp("known"), {"SAMPLEBANK_PROCESSES": "1"}) as service:
        Bank(service.url, service.keys).submitted()
        yield service


@pytest.fixture
def used(known: Service) -> Iterator[Service]:
    """The running service, with the store in place."""
    known.start_if_stopped()
    yield known
    if away_of(known).exists():
        known.end()
        put_back(known)


def away_of(service: Service) -> Path:
    return service.blobs.with_name("away")


def take_away(service: Service) -> None:
    """Leave an empty folder in the place of the blobs."""
    service.blobs.rename(away_of(service))
    service.blobs.mkdir()


def put_back(service: Service) -> None:
    shutil.rmtree(service.blobs)
    away_of(service).rename(service.blobs)


def test_a_service_whose_store_goes_away_is_not_ready_and_takes_no_uploads(used: Service) -> None:
    bank = Bank(used.url, used.keys)
    take_away(used)

    ready, upload = bank.get("/readyz", None), bank.upload(Sample(5000))
    put_back(used)

    assert (ready.status_code, upload.status_code) == (503, 503)
    assert MARK in ready.json()["messages"][0]["message"]
    assert bank.get("/readyz", None).status_code == 200


def failures(bank: Bank, sweeps: str) -> float:
    """The rounds of the housework that failed. The log tells of equal failures once a minute only."""
    told = rf'^samplebank_sweep_failures_total{{sweep="{sweeps}\w*"}} (\S+)$'
    return sum(map(float, re.findall(told, bank.get("/metrics", None).text, re.MULTILINE)))


def task_of(bank: Bank, correlation: str) -> dict[str, Any]:
    (task,) = bank.data(bank.post(f"{V2}/servicetask/search", {"correlationID": [correlation]}))
    return dict(task)


def test_a_deletion_waits_for_the_store_and_is_proven_when_the_bytes_are_gone(used: Service) -> None:
    bank, sample = Bank(used.url, used.keys), Sample()
    bank.submit(sample)
    bytes_ = used.blobs / "sample" / sample.sha256[:2] / sample.sha256
    take_away(used)
    bytes_.parent.mkdir(parents=True)  # a service that had started without the disk made the folders

    before = failures(bank, "run_service_tasks")
    correlation = bank.data(bank.delete(sample.path))["correlationID"]
    assert eventually(
        lambda: (
            failures(bank, "run_service_tasks") > before or "finishedTimestamp" in task_of(bank, correlation)
        )
    )
    put_back(used)

    assert eventually(lambda: task_of(bank, correlation)["state"] == "done")
    assert not bytes_.exists()


def test_bytes_of_a_store_that_is_away_are_not_said_to_be_lost(used: Service) -> None:
    bank, sample = Bank(used.url, used.keys), Sample()
    bank.submit(sample)
    take_away(used)

    asked = bank.get(f"{sample.path}/raw"), bank.post(f"{sample.path}/challenge")
    put_back(used)

    assert [answer.status_code for answer in asked] == [503, 503]
    assert bank.get(f"{sample.path}/raw").content == sample.data


def test_a_file_whose_store_is_away_waits_for_its_type(used: Service) -> None:
    bank, sample = Bank(used.url, used.keys), Sample(data=b"%PDF-1.4\n" + Sample().data)
    bank.submit(sample)
    classified = f"{sample.path}/classification"
    assert eventually(lambda: bank.data(bank.get(classified)))
    take_away(used)

    before = failures(bank, "classify_")
    bank.put(f"{sample.path}/reclassify")
    assert eventually(
        lambda: failures(bank, "classify_") > before or len(bank.data(bank.get(classified))) > 1
    )
    put_back(used)

    assert eventually(lambda: len(bank.data(bank.get(classified))) > 1)
    assert {one["type"] for one in bank.data(bank.get(classified))} == {"pdf"}


def test_a_service_does_not_start_beside_an_empty_store(used: Service) -> None:
    used.stop()
    take_away(used)

    done = used.run("serve", "--no-workers")

    assert done.returncode == 1
    assert f"The blob folder {used.blobs} is not the store of this database" in done.stderr.splitlines()[-1]
    assert not (used.blobs / MARK).exists()


def test_a_service_starts_beside_an_empty_store_that_the_operator_marked(used: Service) -> None:
    used.stop()
    mark = (used.blobs / MARK).read_text()
    take_away(used)
    (used.blobs / MARK).write_text(mark)

    used.start()

    assert Bank(used.url, used.keys).get("/readyz", None).status_code == 200


FORGET = "UPDATE installation SET store_id = NULL, store_is_marked = false"


async def be_of_an_earlier_release(service: Service) -> None:
    """Leave a database without the identity of the store, and stop the service."""
    async with connected(service.database_url) as db:
        await db.execute(FORGET)
    service.stop()


@pytest.mark.parametrize("mark", [None, ""], ids=["no mark", "an empty mark"])
async def test_a_store_of_an_earlier_release_is_marked_at_the_next_start(
    used: Service, mark: str | None
) -> None:
    await be_of_an_earlier_release(used)
    (used.blobs / MARK).unlink()
    if mark is not None:
        (used.blobs / MARK).write_text(mark)

    used.start()

    async with connected(used.database_url) as db:
        known = await db.fetchval("SELECT store_id FROM installation")
    assert (used.blobs / MARK).read_text().strip() == str(known)


async def test_a_database_of_an_earlier_release_takes_the_store_beside_it(used: Service) -> None:
    mark = (used.blobs / MARK).read_text()
    await be_of_an_earlier_release(used)

    used.start()

    assert (used.blobs / MARK).read_text() == mark


async def test_a_service_of_an_earlier_release_does_not_start_beside_an_empty_store(used: Service) -> None:
    await be_of_an_earlier_release(used)
    take_away(used)

    done = used.run("serve", "--no-workers")

    assert done.returncode == 1
    assert f"The blob folder {used.blobs} is empty" in done.stderr.splitlines()[-1]


async def test_a_first_start_that_broke_off_before_the_mark_is_finished_by_the_next(used: Service) -> None:
    mark = (used.blobs / MARK).read_text()
    async with connected(used.database_url) as db:
        await db.execute("UPDATE installation SET store_is_marked = false")
    used.stop()
    (used.blobs / MARK).unlink()

    used.start()

    assert (used.blobs / MARK).read_text() == mark
