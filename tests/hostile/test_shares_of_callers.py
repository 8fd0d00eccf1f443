"""Requests of one user, and of the users of one customer, leave room for everybody else."""

import json
import select
import socket
from collections.abc import Iterator

import pytest

from kit.bank import ROBOT, Bank, eventually
from kit.service import Service, running

OF_USER, OF_CUSTOMER = 3, 5
#: bytes that hold an answer
ANSWER = 4096
SETTINGS = {
    "SAMPLEBANK_PROCESSES": "1",
    "SAMPLEBANK_REQUESTS_PER_USER": str(OF_USER),
    "SAMPLEBANK_REQUESTS_PER_CUSTOMER": str(OF_CUSTOMER),
}


class Claims:
    """Claims that wait for a task that does not come."""

    def __init__(self, service: Service, worker: str) -> None:
        self._service = service
        self._path = f"/samplebank/v1/worker/{worker}/claim"
        self._body = json.dumps({"max": 1, "waitSeconds": 20, "leaseSeconds": 60}).encode()
        self._lines = dict[socket.socket, bytes]()

    def wait(self, user: str, number: int) -> None:
        head = f"POST {self._path} HTTP/1.1\r\nHost: here\r\nArgus-API-Key: {self._service.keys[user]}"
        request = f"{head}\r\nContent-Length: {len(self._body)}\r\n\r\n".encode() + self._body
        for _ in range(number):
            line = socket.create_connection(("127.0.0.1", self._service.port))
            line.sendall(request)
            self._lines[line] = request

    def come_again(self) -> None:
        """Repeat the claims that were refused, as a request that looks for a place may have had the last place."""
        for line in select.select(list(self._lines), [], [], 0)[0]:
            assert line.recv(ANSWER).startswith(b"HTTP/1.1 429")
            line.sendall(self._lines[line])

    def hang_up(self) -> None:
        for line in self._lines:
            line.close()


@pytest.fixture(scope="module")
def sharing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("sharing"), SETTINGS) as service:
        yield service


@pytest.fixture
def shared(sharing: Service) -> Bank:
    return Bank(sharing.url, sharing.keys)


@pytest.fixture
def claims(sharing: Service, shared: Bank) -> Iterator[Claims]:
    claims = Claims(sharing, shared.worker()["shortName"])
    yield claims
    claims.hang_up()
    assert eventually(lambda: status(shared, ROBOT) == 200)


def status(bank: Bank, user: str) -> int:
    return bank.get("/sampledb/v2/servicetask", user).status_code


def is_refused(bank: Bank, user: str, claims: Claims) -> bool:
    claims.come_again()
    return status(bank, user) == 429


def test_a_user_with_too_many_requests_under_way_is_told_to_come_again_and_others_are_served(
    shared: Bank, claims: Claims
) -> None:
    claims.wait(ROBOT, OF_USER)

    assert eventually(lambda: is_refused(shared, ROBOT, claims))
    refused = shared.get("/sampledb/v2/servicetask", ROBOT)
    assert (refused.headers["Retry-After"], "of your user" in refused.json()["messages"][0]["message"]) == (
        "5",
        True,
    )
    assert status(shared, "mia") == 200


def test_users_of_a_customer_leave_room_for_other_customers(shared: Bank, claims: Claims) -> None:
    claims.wait(ROBOT, OF_USER)
    claims.wait("analyzer", OF_CUSTOMER - OF_USER)

    assert eventually(lambda: is_refused(shared, "mia", claims))
    refused = shared.get("/sampledb/v2/servicetask", "mia")
    assert "of your customer" in refused.json()["messages"][0]["message"]
    assert status(shared, "hana") == 200
