"""A host whose clock is wrong ends no lease early, and says that it is not ready."""

import json
import time
from collections.abc import Iterator

import pytest
import requests

from kit.bank import Bank, eventually
from kit.browser import program
from kit.hosts import blobs_of, host
from kit.postgres import Postgres
from kit.service import Service

AHEAD = 120
#: the parts of the housework that judge times, as /metrics names them
SWEEPS = ("take_back_tasks", "time_out_jobs")


@pytest.fixture(scope="module")
def wrong(first: Service, server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A host whose clock is two minutes ahead, and whose housekeeper is elected. Another host has the right clock."""
    first.stop()
    with host(tmp_path_factory.mktemp("wrong") / "host", server.url, blobs_of(first)) as wrong:
        wrong.environment |= {
            "LD_PRELOAD": program("faketime"),
            "FAKETIME": f"+{AHEAD}s",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_NO_CACHE": "1",
        }
        wrong.launch()
        assert eventually(lambda: has_swept(wrong), 60)
        first.start()
        yield wrong
        wrong.kill()  # an orderly stop waits by the clock, which the library holds up


def has_swept(service: Service) -> bool:
    return min(swept(service).values(), default=0.0) > 0


def swept(service: Service) -> dict[str, float]:
    """When the sweeps were last done."""
    try:
        lines = requests.get(f"{service.url}/metrics", timeout=10).text.splitlines()
    except requests.ConnectionError:
        return {}
    start = 'samplebank_sweep_timestamp_seconds{sweep="'
    told = [line.removeprefix(start).split('"} ') for line in lines if line.startswith(start)]
    found = {name: float(time) for name, time in told}
    return {name: found.get(name, 0.0) for name in SWEEPS}


def await_a_round(service: Service) -> None:
    before = swept(service)
    assert eventually(lambda: all(time > before[name] for name, time in swept(service).items()), 60)


def test_a_host_whose_clock_is_ahead_is_not_ready(wrong: Service) -> None:
    ready = requests.get(f"{wrong.url}/readyz", timeout=10)

    assert ready.status_code == 503
    assert f"The clock of this host is {AHEAD}." in ready.json()["messages"][0]["message"]
    assert "ahead of the clock of the database" in ready.json()["messages"][0]["message"]


def test_no_lease_ends_early_where_the_housekeepers_clock_is_ahead(wrong: Service, first: Service) -> None:
    bank = Bank(first.url, first.keys)
    (worker,) = bank.workers(1)
    bank.planned(worker)
    (claim,) = bank.claim(worker, lease=AHEAD // 2)

    # two rounds: the first may have begun before the claim
    for _ in range(2):
        await_a_round(wrong)

    beat = {"leaseToken": claim["leaseToken"], "leaseSeconds": 60}
    answer = bank.post(f"/samplebank/v1/task/{claim['task']['id']}/heartbeat", beat, "robot")
    assert answer.status_code == 200, answer.text


def test_a_key_that_is_made_where_the_clock_is_ahead_has_the_time_of_the_database(wrong: Service) -> None:
    made = json.loads(wrong.run("key", "create", "mia", "--json").stdout)

    listed = json.loads(wrong.run("key", "list", "--user", "mia", "--json").stdout)["keys"]
    (created,) = [key["createdTimestamp"] for key in listed if key["id"] == made["id"]]
    assert created / 1000 < time.time() + 1


@pytest.mark.usefixtures("wrong")
def test_a_task_that_a_housekeeper_took_back_whose_clock_is_ahead_is_due_at_once(first: Service) -> None:
    bank = Bank(first.url, first.keys)
    (worker,) = bank.workers(1)
    bank.planned(worker)
    (claim,) = bank.claim(worker, lease=1)

    # by the clock of the housekeeper, the task would be due only after two minutes
    (again,) = eventually(lambda: bank.claim(worker), 60)
    assert (again["task"]["id"], again["attempt"]) == (claim["task"]["id"], 2)
