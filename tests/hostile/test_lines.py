"""Of the connections of one address beyond the share, the longest silent are closed. Working connections stay."""

import contextlib
import re
import select
import socket
from collections.abc import Callable, Iterator

import pytest

from kit.bank import ROBOT, Bank, eventually
from kit.service import Service, running

SHARE = 20
#: lines opened by an address
MANY = 3 * SHARE
HERE, ELSEWHERE = "127.0.0.1", "127.0.0.2"
Connect = Callable[[str], socket.socket]


@pytest.fixture(scope="module")
def sharing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = {"SAMPLEBANK_PROCESSES": "1", "SAMPLEBANK_CONNECTIONS_PER_ADDRESS": str(SHARE)}
    with running(tmp_path_factory.mktemp("sharing"), settings) as service:
        yield service


@pytest.fixture
def connect(sharing: Service) -> Iterator[Connect]:
    """Open a line from an address, which the test closes at its end."""
    with contextlib.ExitStack() as lines:

        def open_line(address: str) -> socket.socket:
            source = (address, 0)
            return lines.enter_context(
                socket.create_connection((HERE, sharing.port), timeout=30, source_address=source)
            )

        yield open_line


def is_closed(line: socket.socket) -> bool:
    """Whether the service has closed a line on which no answer is awaited."""
    readable, _, _ = select.select([line], [], [], 0)
    try:
        return bool(readable) and line.recv(1, socket.MSG_PEEK) == b""
    except ConnectionError:
        return True


def closed(lines: list[socket.socket]) -> int:
    return sum(map(is_closed, lines))


def test_the_longest_silent_lines_of_an_address_are_closed(connect: Connect) -> None:
    lines = [connect(HERE) for _ in range(MANY)]

    assert eventually(lambda: closed(lines) >= MANY - SHARE)
    assert closed(lines) <= MANY - SHARE + 2  # beside ending lines of other tests


def test_lines_of_other_addresses_stay(connect: Connect) -> None:
    others = [connect(ELSEWHERE) for _ in range(SHARE // 2)]
    lines = [connect(HERE) for _ in range(MANY)]

    assert eventually(lambda: closed(lines) >= MANY - SHARE)
    assert closed(others) == 0


def test_a_line_with_a_request_under_way_stays(sharing: Service, connect: Connect) -> None:
    bank = Bank(sharing.url, sharing.keys)
    worker, body = bank.workers(1)[0], b'{"max": 1, "waitSeconds": 12, "leaseSeconds": 60}'
    working = connect(HERE)
    head = f"POST /samplebank/v1/worker/{worker}/claim HTTP/1.1\r\nHost: here\r\nArgus-API-Key: {sharing.keys[ROBOT]}"
    working.sendall(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    lines = [connect(HERE) for _ in range(MANY)]

    assert eventually(lambda: closed(lines) >= MANY - SHARE - 1)
    assert working.recv(12) == b"HTTP/1.1 200"


def test_the_connections_to_the_database_are_figures(sharing: Service) -> None:
    def figures() -> dict[str, float]:
        text = Bank(sharing.url, sharing.keys).get("/metrics", None).text
        found = re.findall(r'^samplebank_database_connections\{state="(\w+)"\} (\S+)', text, re.MULTILINE)
        return {state: float(value) for state, value in found}

    told = eventually(lambda: figures().get("free") and figures())

    assert told
    assert set(told) == {"lent", "free", "most"}
    assert told["lent"] + told["free"] <= told["most"] == 12
