"""Claims: who holds a task, for how long, and how the task ends."""

import json
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import requests

from kit.bank import Bank, Sample, eventually, name_of, together
from kit.service import Service


def begin_to_wait(bank: Bank, worker: str) -> socket.socket:
    """The connection of a claim that waits for a task."""
    address = urlsplit(bank.url)
    line = socket.create_connection((address.hostname, address.port))
    body = json.dumps({"waitSeconds": 30, "leaseSeconds": 600})
    line.sendall(
        f"POST /samplebank/v1/worker/{worker}/claim HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Argus-API-Key: {bank.keys['robot']}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    return line


def test_a_claim_takes_the_task_that_waits_longest(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    _, first, _ = bank.planned(worker)
    bank.planned(worker)

    (claim,) = bank.claim(worker)

    assert claim["job"]["id"] == first


def test_a_claim_tells_the_type_of_the_file(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    sample = Sample(data=b"%PDF-1.4\n" + Sample().data)
    bank.upload(sample)
    assert eventually(lambda: bank.data(bank.get(f"{sample.path}/classification")))
    bank.submit(sample, metaData=bank.plan(worker))

    (claim,) = bank.claim(worker)

    assert claim["classification"]["type"] == "pdf"


def test_claimers_at_once_never_share_a_task_and_leave_none(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    plan = bank.plan(worker)
    wanted = {bank.submit(metaData=plan)["sampleSha256"] for _ in range(12)}

    rounds = together([lambda: bank.claim(worker, most=5) for _ in range(8)])
    rounds.append(bank.claim(worker, most=100))

    taken = [claim["sample"]["id"] for claims in rounds for claim in claims]
    assert sorted(taken) == sorted(wanted)


def has_asked(bank: Bank, worker: str) -> bool:
    """Whether anybody has asked for work of this worker."""
    known = bank.data(bank.get("/samplebank/v1/worker"))
    return any(one.get("lastSeenTimestamp") for one in known if one["shortName"] == worker)


def test_who_goes_away_while_it_waits_takes_no_task_with_it(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    waiting = begin_to_wait(bank, worker)
    assert eventually(lambda: has_asked(bank, worker))
    waiting.close()

    bank.planned(worker)

    assert len(bank.claim(worker)) == 1


def claim_during(bank: Bank, key: str, change: Callable[[], object]) -> requests.Response:
    """The answer to a claim with the key that waits while something changes."""
    (worker,) = bank.workers(1)

    def wait() -> requests.Response:
        path, body = f"/samplebank/v1/worker/{worker}/claim", {"waitSeconds": 30}
        return bank.call("POST", path, None, json=body, headers={"Argus-API-Key": key})

    def change_meanwhile() -> None:
        assert eventually(lambda: has_asked(bank, worker))
        change()

    with ThreadPoolExecutor(2) as pool:
        answer, changed = pool.submit(wait), pool.submit(change_meanwhile)
        changed.result()
        return answer.result()


def test_a_claim_does_not_wait_longer_than_its_key_is_good(service: Service, bank: Bank) -> None:
    key = json.loads(service.run("key", "create", "robot", "--json").stdout)

    answer = claim_during(bank, key["key"], lambda: service.run("key", "revoke", key["id"]))

    assert answer.status_code == 401


def test_a_claim_does_not_wait_longer_than_its_caller_may_claim(service: Service, bank: Bank) -> None:
    user = name_of("worker")
    service.run("accounts", "add-user", user, "mill")
    service.run("accounts", "add-grant", user, "SAMPLEDB-WORKER", "mill")
    key = json.loads(service.run("key", "create", user, "--json").stdout)["key"]
    taken = partial(service.run, "accounts", "remove-grant", user, "SAMPLEDB-WORKER", "mill")

    answer = claim_during(bank, key, taken)

    assert answer.status_code == 403


def test_a_worker_that_comes_back_too_late_has_lost_its_task(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    bank.planned(worker)
    (late,) = bank.claim(worker, lease=1)
    (other,) = eventually(lambda: bank.claim(worker))

    beat = bank.heartbeat(late)

    assert beat.status_code == 412
    assert bank.heartbeat(other).status_code == 200


def test_a_late_result_that_names_its_lease_is_refused(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    _, job, tasks = bank.planned(worker)
    (late,) = bank.claim(worker)
    bank.release(late)
    bank.claim(worker)

    refused = bank.call(
        "PUT",
        f"/sampledb/v2/job/{job}/task/{tasks[worker]}",
        "robot",
        json={"state": "success"},
        headers={"Samplebank-Lease": late["leaseToken"]},
    )

    assert refused.status_code == 412
    assert bank.task(job, tasks[worker])["state"] == "executing"


def test_a_task_fails_after_three_attempts_with_the_reason_of_each(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    _, job, tasks = bank.planned(worker)
    for reason in ("no disk", "no luck", "no idea"):
        bank.release(bank.claim(worker)[0], reason)

    task = bank.task(job, tasks[worker])

    assert task["state"] == "failed"
    assert task["message"].splitlines() == ["Attempt 1: no disk", "Attempt 2: no luck", "Attempt 3: no idea"]


def test_an_attempt_that_does_not_count_leaves_as_many_attempts_as_before(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    _, job, tasks = bank.planned(worker)
    bank.release(bank.claim(worker)[0], "no disk")
    bank.release(bank.claim(worker)[0], "the worker stops", attemptCounts=False)

    for reason in ("no luck", "no idea"):
        bank.release(bank.claim(worker)[0], reason)

    message = bank.task(job, tasks[worker])["message"]
    assert message.splitlines() == ["Attempt 1: no disk", "Attempt 2: no luck", "Attempt 3: no idea"]


def test_a_worker_sees_no_task_of_a_customer_it_may_not_work_for(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    bank.planned(worker, user="hana")

    claimed = bank.claim(worker, "analyzer")

    assert claimed == []


def test_claim_and_update_at_once_end_without_a_deadlock(bank: Bank) -> None:
    one, two = bank.workers(2)
    planned = [bank.planned(one, two) for _ in range(6)]
    claims: list[Callable[[], Any]] = [partial(bank.claim, one, most=6) for _ in range(3)]
    updates: list[Callable[[], Any]] = [
        partial(bank.update, job, tasks[two], "success") for _, job, tasks in planned
    ]

    together([*claims, *updates])
    together([partial(bank.update, job, tasks[one], "success") for _, job, tasks in planned])

    assert {bank.job(job)["state"] for _, job, _ in planned} == {"done"}
