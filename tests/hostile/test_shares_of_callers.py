"""Requests of one key, of one user, and of the users of one customer, leave room for everybody else."""

import json
import re
import select
import socket
from collections.abc import Iterator
from uuid import uuid4

import pytest

from kit.bank import ROBOT, Bank, eventually
from kit.service import Service, running

OF_KEY, OF_USER, OF_CUSTOMER = 2, 3, 5
#: bytes that hold an answer
ANSWER = 4096
#: stands for another key of the user `ROBOT`
OTHER_KEY = "other key"
SETTINGS = {
    "SAMPLEBANK_PROCESSES": "1",
    "SAMPLEBANK_REQUESTS_PER_KEY": str(OF_KEY),
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
        bank = Bank(service.url, service.keys)
        made = bank.data(bank.put(f"/samplebank/v1/keys/{uuid4()}", {"user": ROBOT}))
        service.keys[OTHER_KEY] = made["key"]
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


def refusal(bank: Bank, user: str) -> tuple[str, str, str]:
    """When to come again, whose requests are too many, and the setting that says how many are too many."""
    refused = bank.get("/sampledb/v2/servicetask", user)
    found = re.search(r"requests of (.+) are under way.* \((\w+)\)", refused.json()["messages"][0]["message"])
    assert found is not None
    return refused.headers["Retry-After"], found[1], found[2]


def is_refused(bank: Bank, user: str, claims: Claims) -> bool:
    claims.come_again()
    return status(bank, user) == 429


def test_a_key_with_too_many_requests_under_way_leaves_room_for_other_keys_of_the_user(
    shared: Bank, claims: Claims
) -> None:
    claims.wait(ROBOT, OF_KEY)

    assert eventually(lambda: is_refused(shared, ROBOT, claims))
    assert refusal(shared, ROBOT) == ("5", "your key", "SAMPLEBANK_REQUESTS_PER_KEY")
    assert status(shared, OTHER_KEY) == 200


def test_a_user_with_too_many_requests_under_way_is_told_to_come_again_and_others_are_served(
    shared: Bank, claims: Claims
) -> None:
    claims.wait(ROBOT, OF_KEY)
    claims.wait(OTHER_KEY, OF_USER - OF_KEY)

    assert eventually(lambda: is_refused(shared, OTHER_KEY, claims))
    assert refusal(shared, OTHER_KEY) == ("5", "your user", "SAMPLEBANK_REQUESTS_PER_USER")
    assert status(shared, "mia") == 200


def test_users_of_a_customer_leave_room_for_other_customers(shared: Bank, claims: Claims) -> None:
    claims.wait(ROBOT, OF_KEY)
    claims.wait(OTHER_KEY, OF_USER - OF_KEY)
    claims.wait("analyzer", OF_CUSTOMER - OF_USER)

    assert eventually(lambda: is_refused(shared, "mia", claims))
    assert refusal(shared, "mia") == ("5", "users of your customer", "SAMPLEBANK_REQUESTS_PER_CUSTOMER")
    assert status(shared, "hana") == 200
