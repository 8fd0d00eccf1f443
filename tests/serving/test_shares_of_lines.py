"""Silent connections keep nobody out: in a process that fills up, clients with many lines give up the longest silent."""

import contextlib
import select
import socket
from collections.abc import Callable, Iterator

import pytest

from samplebank.http.addresses import network_of
from samplebank.serving.lines import Lines, even_share

#: connections of the process, of which three quarters may be used before shares shrink
ROOM = 40
Connect = Callable[[str], socket.socket]


class Door:
    """A socket that listens, and the lines that clients have opened."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self._listening = stack.enter_context(socket.create_server(("0.0.0.0", 0), backlog=256))  # noqa: S104 as clients have many addresses
        self.port: int = self._listening.getsockname()[1]

    def connect(self, address: str) -> socket.socket:
        line = self._stack.enter_context(
            socket.create_connection(("127.0.0.1", self.port), timeout=10, source_address=(address, 0))
        )
        self._stack.enter_context(self._listening.accept()[0])
        return line


@pytest.fixture
def door() -> Iterator[Door]:
    with contextlib.ExitStack() as stack:
        yield Door(stack)


def is_closed(line: socket.socket) -> bool:
    readable, _, _ = select.select([line], [], [], 0)
    return bool(readable) and line.recv(1) == b""


def closed(lines: list[socket.socket]) -> int:
    return sum(map(is_closed, lines))


def test_clients_with_many_lines_make_room_and_a_client_with_few_keeps_its_lines(door: Door) -> None:
    few = [door.connect("127.0.0.9") for _ in range(3)]
    many = [door.connect(f"127.0.1.{client}") for client in range(4) for _ in range(10)]

    Lines(door.port, ROOM, ROOM).close_most_silent(set())

    assert closed(few) == 0
    assert len(many) - closed(many) == 24  # of 30 lines, 27 for four clients


def test_clients_beyond_number_lose_their_longest_silent_lines(door: Door) -> None:
    lines = [door.connect(f"127.0.2.{client}") for client in range(ROOM)]

    Lines(door.port, ROOM, ROOM).close_most_silent(set())

    assert closed(lines) == ROOM - 30


def test_a_line_with_a_request_under_way_is_not_closed_for_room(door: Door) -> None:
    lines = [door.connect("127.0.0.9") for _ in range(ROOM)]
    working = lines[:5]

    Lines(door.port, ROOM, ROOM).close_most_silent({line.getsockname() for line in working})

    assert (closed(working), closed(lines) > 0) == (0, True)


def test_while_there_is_room_nothing_is_closed(door: Door) -> None:
    lines = [door.connect(f"127.0.1.{client}") for client in range(3) for _ in range(8)]

    assert Lines(door.port, ROOM, ROOM).close_most_silent(set()) == 0
    assert closed(lines) == 0


@pytest.mark.parametrize(
    ("numbers", "wanted", "share"),
    [
        ([], 10, 0),
        ([3, 4], 10, 4),
        ([9, 9], 10, 5),
        ([1, 20, 20], 11, 5),
        ([1, 1, 1], 3, 1),
        ([5, 5, 5], 2, 0),
    ],
)
def test_the_share_is_as_large_as_the_sum_allows(numbers: list[int], wanted: int, share: int) -> None:
    assert even_share(numbers, wanted) == share
    assert sum(min(number, share) for number in numbers) <= wanted


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("2001:db8:0:1:ffff::2", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("-", "-"),
    ],
)
def test_addresses_of_one_network_are_one_client(address: str, network: str) -> None:
    assert network_of(address) == network
