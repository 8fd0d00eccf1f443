"""A 2xx is a promise: everything answered is there after the service was killed."""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import requests

from kit.bank import Bank, Sample, eventually, name_of
from kit.children import Parent, links_of
from kit.service import Service, running


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = {"SAMPLEBANK_PROCESSES": "1", "SAMPLEBANK_SIMILAR_SUBMISSION_WINDOW": "0"}
    with running(tmp_path_factory.mktemp("killed"), settings) as service:
        yield service


@pytest.fixture
def own_service(killed: Service) -> Service:
    """A service of these tests, which runs, to be killed."""
    killed.start_if_stopped()
    return killed


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


FILE = "/samplebank/v1/sample"
GOOD = {200, 201}
Request = Callable[[str], requests.Response]


def files(bank: Bank, count: int) -> tuple[list[Request], Callable[[], list[int]]]:
    """Requests that send a file each; and how many submissions each file has."""
    samples = [Sample() for _ in range(count)]

    def send(sample: Sample, key: str) -> requests.Response:
        headers = {"Idempotency-Key": key}
        return bank.call("POST", FILE, "mia", data=sample.data, params={"fileName": "a"}, headers=headers)

    def stored() -> list[int]:
        return [len(bank.data(bank.get(f"{sample.path}/submission", limit=0))) for sample in samples]

    return [partial(send, sample) for sample in samples], stored


def links(bank: Bank, count: int) -> tuple[list[Request], Callable[[], list[int]]]:
    """Requests that add a link each; and how many links to each other sample there are."""
    sample, others = bank.submitted(), [Sample(10).sha256 for _ in range(count)]

    def add(other: str, key: str) -> requests.Response:
        agent = {"name": "tests", "version": other}
        body = {"reference": other, "tlp": "amber", "type": "child", "userAgent": agent}
        return bank.call("POST", f"{sample.path}/link", headers={"Idempotency-Key": key}, json=body)

    def stored() -> list[int]:
        found = [link["userAgent"]["version"] for link in bank.data(bank.get(f"{sample.path}/link", limit=0))]
        return [found.count(other) for other in others]

    return [partial(add, other) for other in others], stored


def results(bank: Bank, count: int) -> tuple[list[Request], Callable[[], list[int]]]:
    """Requests that end a claimed task each; and how many analyses and verdicts each sample has."""
    (worker,) = bank.workers(1)
    plan = bank.plan(worker)
    samples = [bank.submitted(metaData=plan) for _ in range(count)]
    claims = bank.claim(worker, most=count)
    about = {"customer": "mill", "tlp": "amber", "userAgent": {"name": worker, "version": "1"}}

    def end(claim: dict[str, Any], _: str) -> requests.Response:
        # The lease stands for the request: no key is needed.
        path = f"/samplebank/v1/job/{claim['job']['id']}/task/{claim['task']['id']}/result"
        analysis = {"analysisResult": {}, "analysisScore": 9, **about}
        return bank.post(path, {"leaseToken": claim["leaseToken"], "analysis": analysis}, "robot")

    def stored() -> list[int]:
        analyses = [bank.data(bank.get(f"{sample.path}/analysis", limit=0)) for sample in samples]
        return [len(found) for found in (*analyses, *map(bank.verdicts_of, samples))]

    return [partial(end, claim) for claim in claims], stored


def children(bank: Bank, count: int) -> tuple[list[Request], Callable[[], list[int]]]:
    """Requests that bring a child of one sample each; submissions of each child, and links to and from each child."""
    parent = Parent(bank, claimant="robot")
    samples = [Sample() for _ in range(count)]

    def bring(sample: Sample, _: str) -> requests.Response:
        # The lease, the parent and the bytes stand for the request: no key is needed.
        return parent.send(sample.data)

    def stored() -> list[int]:
        submissions = [bank.data(bank.get(f"{sample.path}/submission", limit=0)) for sample in samples]
        down = [sha256 for _, sha256 in parent.links("chief")]
        up = [len(links_of(bank, sample, "chief")) for sample in samples]
        return [*map(len, submissions), *(down.count(sample.sha256) for sample in samples), *up]

    return [partial(bring, sample) for sample in samples], stored


@pytest.mark.parametrize("made", [files, links, results, children])
def test_requests_that_come_again_after_a_kill_are_carried_out_once(
    own_service: Service, made: Callable[[Bank, int], tuple[list[Request], Callable[[], list[int]]]]
) -> None:
    bank = Bank(own_service.url, own_service.keys)
    requests_, stored = made(bank, 120)
    keyed = [(request, name_of("key")) for request in requests_]
    first: dict[str, Any] = {}

    def ask(request: Request, key: str) -> None:
        with suppress(requests.RequestException):
            answer = request(key)
            if answer.status_code in GOOD:
                first[key] = answer.json()["data"]

    with ThreadPoolExecutor(8) as pool:
        under_way = [pool.submit(ask, *one) for one in keyed]
        wait(under_way[:40])
        own_service.kill()
    own_service.start()
    again = {key: request(key) for request, key in keyed}

    assert {answer.status_code for answer in again.values()} <= GOOD
    assert {key: again[key].json()["data"] for key in first} == first
    assert 40 <= len(first) < len(keyed)
    assert set(stored()) == {1}
