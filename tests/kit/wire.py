"""A wire between a service and a server: the wire can be cut, and can change bytes on their way."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from kit.service import free_port


class Wire:
    """Passes on what comes to `port`, to a server on this host."""

    def __init__(self, server: int) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        #: while set, nothing comes through
        self.is_cut = False
        #: bytes changed on the way to the server, and the changed bytes
        self.changes: dict[bytes, bytes] = {}
        self._flows = threading.Event()
        self._flows.set()
        self._server = server
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    @contextmanager
    def cut(self) -> Iterator[None]:
        self.is_cut = True
        for one in list(self._open):
            _shut(one)
        try:
            yield
        finally:
            self.is_cut = False

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """Connections are made and stay, and no byte comes through until the end of the block."""
        self._flows.clear()
        try:
            yield
        finally:
            self._flows.set()

    @contextmanager
    def changing(self, right: bytes, wrong: bytes) -> Iterator[None]:
        self.changes[right] = wrong
        try:
            yield
        finally:
            del self.changes[right]

    def close(self) -> None:
        self._flows.set()
        _shut(self._listening)
        for one in list(self._open):
            _shut(one)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                if self.is_cut:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._server))
                self._open |= {near, far}
                for pair, changes in (((near, far), self.changes), ((far, near), {})):
                    threading.Thread(target=self._pass, args=(*pair, changes), daemon=True).start()

    def _pass(self, giver: socket.socket, taker: socket.socket, changes: dict[bytes, bytes]) -> None:
        with suppress(OSError):
            while piece := giver.recv(65536):
                for right, wrong in list(changes.items()):
                    piece = piece.replace(right, wrong)
                self._flows.wait()
                taker.sendall(piece)
        for one in (giver, taker):
            _shut(one)
            self._open.discard(one)


def _shut(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextmanager
def wire(server: int) -> Iterator[Wire]:
    between = Wire(server)
    try:
        yield between
    finally:
        between.close()
