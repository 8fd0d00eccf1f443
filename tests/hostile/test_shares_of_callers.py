"""Requests of one user, and of the users of one customer, leave room for everybody else."""

import contextlib
import json
import socket
from collections.abc import Callable, Iterator

import pytest

from kit.bank import ROBOT, Bank, eventually
from kit.service import Service, running

OF_USER, OF_CUSTOMER = 3, 5
SETTINGS = {
    "SAMPLEBANK_PROCESSES": "1",
    "SAMPLEBANK_REQUESTS_PER_USER": str(OF_USER),
    "SAMPLEBANK_REQUESTS_PER_CUSTOMER": str(OF_CUSTOMER),
}
Wait = Callable[[str, int], None]


@pytest.fixture(scope="module")
def sharing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("sharing"), SETTINGS) as service:
        yield service


@pytest.fixture
def shared(sharing: Service) -> Bank:
    return Bank(sharing.url, sharing.keys)


@pytest.fixture
def wait(sharing: Service, shared: Bank) -> Iterator[Wait]:
    """Let claims of a user wait for a task that does not come. The end of the test hangs the claims up."""
    worker = shared.worker()["shortName"]
    body = json.dumps({"max": 1, "waitSeconds": 20, "leaseSeconds": 60}).encode()
    with contextlib.ExitStack() as lines:

        def claim(user: str, number: int) -> None:
            head = f"POST /samplebank/v1/worker/{worker}/claim HTTP/1.1\r\nHost: here\r\nArgus-API-Key: {sharing.keys[user]}"
            for _ in range(number):
                line = lines.enter_context(socket.create_connection(("127.0.0.1", sharing.port)))
                line.sendall(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

        yield claim
    assert eventually(lambda: status(shared, ROBOT) == 200)


def status(bank: Bank, user: str) -> int:
    return bank.get("/sampledb/v2/servicetask", user).status_code


def test_a_user_with_too_many_requests_under_way_is_told_to_come_again_and_others_are_served(
    shared: Bank, wait: Wait
) -> None:
    wait(ROBOT, OF_USER)

    assert eventually(lambda: status(shared, ROBOT) == 429)
    refused = shared.get("/sampledb/v2/servicetask", ROBOT)
    assert (refused.headers["Retry-After"], "of your user" in refused.json()["messages"][0]["message"]) == (
        "5",
        True,
    )
    assert status(shared, "mia") == 200


def test_users_of_a_customer_leave_room_for_other_customers(shared: Bank, wait: Wait) -> None:
    wait(ROBOT, OF_USER)
    wait("analyzer", OF_CUSTOMER - OF_USER)

    assert eventually(lambda: status(shared, "mia") == 429)
    refused = shared.get("/sampledb/v2/servicetask", "mia")
    assert "of your customer" in refused.json()["messages"][0]["message"]
    assert status(shared, "hana") == 200
