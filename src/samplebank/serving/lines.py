"""Connections of an address beyond the share of an address are closed, the longest silent first.

The HTTP server counts the connections of a process, not of an address, and tells nobody of the connections. Connections are
descriptors of the process, though, and the kernel knows how long each has been silent.
"""

import asyncio
import os
import socket
import struct
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from samplebank.serving.descriptors import most_connections

#: seconds between two looks
PAUSE = 1.0
#: milliseconds of silence after which a line is closed: on a busy machine, a request may wait to be looked at. An address with
#: twice the share loses any line, as each line of an address may bring a byte now and then
SILENT = 5_000
#: an address may have one in so many of a process's connections
SHARE = 2
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
    """The connections of a web process that listens at `port`; an address may have `most` of them."""

    def __init__(self, port: int, most: int) -> None:
        self._port = port
        self._most = min(most, most_connections() // SHARE)

    async def keep(self, under_way: Collection[Peer]) -> None:
        """Close lines until cancelled. Lines with requests `under_way` stay."""
        while True:
            await asyncio.sleep(PAUSE)
            if len(os.listdir("/proc/self/fd")) > self._most:  # noqa: PTH208 of thousands, only their number
                await asyncio.to_thread(self.close_most_silent, under_way)

    def close_most_silent(self, under_way: Collection[Peer]) -> int:
        """Close the lines that an address has beyond its share; answers how many lines were closed."""
        by_address: dict[str, list[Line]] = defaultdict(list)
        closed = 0
        try:
            for line in _lines(self._port):
                by_address[line.peer[0]].append(line)
            for lines in by_address.values():
                closed += _close_beyond(lines, self._most, under_way)
        finally:
            for line in (line for lines in by_address.values() for line in lines):
                line.descriptor.close()
        return closed


def _close_beyond(lines: list[Line], most: int, under_way: Collection[Peer]) -> int:
    closed, wanted = 0, len(lines) - most
    silent = SILENT if wanted <= most else 0
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
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 of thousands, only their names
        line = _line(int(name), port)
        if line is not None:
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
