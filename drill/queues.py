"""The queue of jobs: leases lost in masses, and a customer who floods it."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

from bench.service import Service

from drill import faults
from drill.clients import Line, make_users
from drill.installations import installed
from drill.restarts import SETTINGS
from drill.rows import Row
from samplebank.rehearsal.load import Load

INTERVAL = 10
ROUNDS_OF_B = 20
#: customers with work in the queue
ACTIVE = 2
WORKER = "static"
B_CLAIMED = "SELECT count(*) FROM job_task t JOIN job j ON j.id = t.job_id WHERE j.customer_id = (SELECT id FROM customer WHERE short_name = 'b') AND t.worker = '{}' AND t.state = 'executing'"


def leases(folder: Path, rounds: int) -> Iterator[Row]:
    """`rounds` tasks whose workers are never heard of again."""
    settings = {**SETTINGS, "SAMPLEBANK_SWEEP_INTERVAL": str(INTERVAL)}
    with installed(folder, settings) as service:
        service.start()
        _queue(service, service.key, rounds // 2)  # each has two tasks
        asyncio.run(faults.lose_leases(service.database_url, rounds))
        lost = began_with = asyncio.run(faults.lost_leases(service.database_url))
        began = time.monotonic()
        while lost and time.monotonic() - began < 6 * INTERVAL:
            time.sleep(0.1)
            lost = asyncio.run(faults.lost_leases(service.database_url))
        took = time.monotonic() - began
    seen = f"{began_with - lost:,} back after {took:.1f} s" + (f", {lost} not" if lost else "")
    goal = f"<= {2 * INTERVAL} s (2 sweeps)"
    yield Row("leases lost", began_with, goal, seen, not lost and took <= 2 * INTERVAL)


def turns(folder: Path, rounds: int) -> Iterator[Row]:
    """A queues `rounds`, then B one, several times; how many claims pass until that of B is claimed."""
    with installed(folder, SETTINGS) as service:
        service.start()
        users = {name: (name, "SAMPLEDB-USER") for name in ("a", "b")}
        keys = make_users(service, users, users)
        robot = json.loads(service.command("key", "create", "samplebank-workers", "--json"))["key"]
        _queue(service, keys["a"], rounds)
        passed = [_claims_until_b(service, robot, keys["b"]) for _ in range(ROUNDS_OF_B)]
    seen = f"B's was claimed within {max(passed)} claims at most, in {ROUNDS_OF_B} rounds"
    yield Row(
        f"A queues {rounds:,}, then B one",
        ROUNDS_OF_B,
        f"<= {2 * ACTIVE} claims",
        seen,
        max(passed) <= 2 * ACTIVE,
    )


def _claims_until_b(service: Service, robot: str, key: str) -> int:
    before = _claimed_of_b(service)
    _queue(service, key, 1)
    for number in range(1, 100):
        line = Line(service, robot)  # each connection goes to any of the processes
        body = {"max": 1, "waitSeconds": 0, "leaseSeconds": 600}
        status, answer = line.ask_json("POST", f"/samplebank/v1/worker/{WORKER}/claim", body)
        line.close()
        if status >= 300:  # noqa: PLR2004 an HTTP status
            raise RuntimeError(f"A claim was answered with {status}: {answer}")
        if _claimed_of_b(service) > before:
            return number
    return 100


def _claimed_of_b(service: Service) -> int:
    return asyncio.run(faults.count(service.database_url, B_CLAIMED.format(WORKER)))


def _queue(service: Service, key: str, number: int) -> None:
    """Submit at least so many, and wait until their jobs are there."""
    with Load(service.url, key, most=number) as load:
        load.wait()
