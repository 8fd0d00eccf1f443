"""A 2xx is a promise: everything answered is there after the service was killed."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.bank import Bank, Sample, eventually
from kit.service import Service, running


@pytest.fixture
def own_service(tmp_path: Path) -> Iterator[Service]:
    """A service of the test's own, to be killed."""
    with running(tmp_path, {"SAMPLEBANK_PROCESSES": "1"}) as service:
        yield service


def test_everything_answered_is_there_after_a_kill(own_service: Service) -> None:
    bank = Bank(own_service.url, own_service.keys)
    one, two = bank.workers(2)
    sample, job, tasks = bank.planned(one, two)
    analysis = bank.analyse(sample, one, 90)
    bank.update(job, tasks[one], "success", analyses=[analysis])

    own_service.kill()
    own_service.start()

    assert bank.task(job, tasks[one])["state"] == "success"
    assert bank.call("GET", f"{sample.path}/raw").content == sample.data
    assert bank.update(job, tasks[two], "success").status_code == 200
    assert [verdict["score"] for verdict in bank.verdicts_of(sample)] == [90]


def test_a_sample_whose_classification_was_cut_off_is_classified_after_the_restart(
    own_service: Service,
) -> None:
    bank = Bank(own_service.url, own_service.keys)
    sample = Sample(data=b"%PDF-1.4\n" + Sample().data)
    bank.submit(sample)
    own_service.kill()

    own_service.start()

    assert eventually(lambda: bank.data(bank.get(f"{sample.path}/classification")))


def test_a_claimed_task_comes_back_after_the_service_and_its_worker_died(own_service: Service) -> None:
    bank = Bank(own_service.url, own_service.keys)
    (worker,) = bank.workers(1)
    bank.planned(worker)
    (lost,) = bank.claim(worker, lease=1)

    own_service.kill()
    own_service.start()

    (again,) = eventually(lambda: bank.claim(worker))
    assert (again["task"]["id"], again["attempt"]) == (lost["task"]["id"], 2)


@pytest.mark.parametrize("size", [300_000, 9_000_000])
def test_an_upload_that_breaks_off_leaves_nothing(own_service: Service, size: int) -> None:
    bank = Bank(own_service.url, own_service.keys)
    sample = Sample(size)

    bank_is_left_in_the_middle_of(own_service, sample)

    assert bank.post(f"{sample.path}/challenge", user="mia").status_code == 404
    assert eventually(lambda: not list((own_service.blobs / "staging").iterdir()))


def bank_is_left_in_the_middle_of(service: Service, sample: Sample) -> None:
    """Announce the whole sample, send half of it, and hang up."""
    head = (
        f"POST /sampledb/v2/sample HTTP/1.1\r\nHost: localhost\r\nArgus-API-Key: {service.keys['mia']}\r\n"
        f"Content-Length: {len(sample.data)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.sendall(head.encode() + sample.data[: len(sample.data) // 2])
