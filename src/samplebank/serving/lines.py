"""Silent connections never keep others out: connections beyond the share of a client are closed, the longest silent first.

A client is an IPv4 address, or a network of IPv6. While a process has room, the share is the setting. In a process that
fills up, the share shrinks until the connections of all clients together leave room. The HTTP server counts the connections of a process, not of an address, and tells nobody of the connections. Connections are
descriptors of the process, though, and the kernel knows how long each has been silent.
"""

import asyncio
import os
import socket
import struct
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from samplebank.http.addresses import network_of

#: seconds between two looks
PAUSE = 1.0
#: milliseconds of silence after which a line is closed: on a busy machine, a request may wait to be looked at. A client with
#: twice the share loses any line, as each line of a client may bring a byte now and then
SILENT = 5_000
#: a client may have one in so many of a process's connections
SHARE = 2
#: the part of a process's connections from which on the share of each client shrinks, and the part from which on also lines
#: are closed that were silent for a moment only
FILLING, FULL = 0.75, 0.9
#: two fields of the kernel's `struct tcp_info`: `tcpi_last_data_sent`, and `tcpi_last_data_recv` two further on
SILENCE = struct.Struct("=44xI4xI")

#: address and port of a client
Peer = tuple[str, int]


class Line(NamedTuple):
    """A connection with a client. `descriptor` is a copy: while the copy is open, no other connection gets its number."""

    descriptor: socket.socket
    peer: Peer
    #: milliseconds since a byte came or went
    silence: int


class Lines:
    """The connections of a web process that listens at `port`: `room` at most, of which a client may have `most`."""

    def __init__(self, port: int, most: int, room: int) -> None:
        self._port = port
        self._most = min(most, room // SHARE)
        self._room = room

    async def keep(self, under_way: Collection[Peer]) -> None:
        """Close lines until cancelled. Lines with requests `under_way` stay."""
        while True:
            await asyncio.sleep(PAUSE)
            if len(os.listdir("/proc/self/fd")) > min(self._most, FILLING * self._room):  # noqa: PTH208 of thousands, only their number
                await asyncio.to_thread(self.close_most_silent, under_way)

    def close_most_silent(self, under_way: Collection[Peer]) -> int:
        """Close the lines that a client has beyond its share; answers how many lines were closed."""
        by_client: dict[str, list[Line]] = defaultdict(list)
        closed = 0
        try:
            for line in _lines(self._port):
                by_client[network_of(line.peer[0])].append(line)
            number = sum(map(len, by_client.values()))
            silent = 0 if number > FULL * self._room else SILENT
            for lines, share in self._shares(list(by_client.values())):
                closed += _close_beyond(lines, share, silent, under_way)
        finally:
            for line in (line for lines in by_client.values() for line in lines):
                line.descriptor.close()
        return closed

    def _shares(self, clients: list[list[Line]]) -> list[tuple[list[Line], int]]:
        """The lines of each client, with the number that the client may have.

        More clients than there is room for share all lines: then the longest silent lines of all of them are closed.
        """
        wanted = int(FILLING * self._room)
        if len(clients) > wanted:
            return [([line for lines in clients for line in lines], wanted)]
        share = min(self._most, even_share([len(lines) for lines in clients], wanted))
        return [(lines, share) for lines in clients]


def even_share(numbers: Iterable[int], wanted: int) -> int:
    """The largest number such that all `numbers`, none of them counted beyond it, have the sum `wanted` at most.

    Whoever has less than others gives nothing up. Without need, the largest of the numbers.
    """
    left, rest = wanted, sorted(numbers)
    for place, number in enumerate(rest):
        if number * (len(rest) - place) > left:
            return left // (len(rest) - place)
        left -= number
    return max(rest, default=0)


def _close_beyond(lines: list[Line], most: int, silent: int, under_way: Collection[Peer]) -> int:
    closed, wanted = 0, len(lines) - most
    silent = silent if wanted <= most else 0
    for line in sorted(lines, key=lambda line: line.silence, reverse=True):
        if closed >= wanted or line.silence < silent:
            break
        if line.peer in under_way:
            continue
        try:
            line.descriptor.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue  # the client has closed the line meanwhile
        closed += 1
    return closed


def _lines(port: int) -> Iterator[Line]:
    copies = set[int]()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 of thousands, only their names
        if int(name) in copies:  # the number of the list itself, which has ended
            continue
        line = _line(int(name), port)
        if line is not None:
            copies.add(line.descriptor.fileno())
            yield line


def _line(descriptor: int, port: int) -> Line | None:
    """The connection with a client that the descriptor is, if it is one."""
    try:
        if not Path(f"/proc/self/fd/{descriptor}").is_socket():
            return None
        own = socket.socket(fileno=os.dup(descriptor))
    except OSError:
        return None
    try:
        if own.type == socket.SOCK_STREAM and own.family != socket.AF_UNIX and own.getsockname()[1] == port:
            address, number, *_ = own.getpeername()
            told = own.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, SILENCE.size)
            return Line(own, (address, number), min(SILENCE.unpack(told)))
    except OSError:
        pass  # the listening socket, or a connection that has just ended
    own.close()
    return None
