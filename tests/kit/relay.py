"""A line between a client and the service that can be watched, cut and held up: real faults, and no fake service."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

HOST = "127.0.0.1"
PIECE = 64 * 1024
REQUEST = re.compile(rb"(GET|POST|PUT|DELETE) (\S+) HTTP/1\.1\r\n")
PATIENCE_SECONDS = 60.0
Pass = Callable[[socket.socket, socket.socket], None]


class Relay:
    """Passes bytes on to a port. Requests are named as in "POST /sampledb/v2/sample", and found by patterns."""

    def __init__(self, port: int) -> None:
        self.requests: list[str] = []
        self.bytes_sent = 0
        self._port = port
        self._door = socket.create_server((HOST, 0))
        self.own_port: int = self._door.getsockname()[1]
        self.url = f"http://{HOST}:{self.own_port}"
        self._changed = threading.Condition()
        self._cuts: list[tuple[str, int]] = []
        self._answers_to_lose = 0
        self._holds_answer = False
        self._answer_is_held = threading.Event()
        self._hold_at: str | None = None
        self._flowing = threading.Event()
        self._flowing.set()
        self._sockets: list[socket.socket] = []
        self._abandoned: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._shut = threading.Event()

    def cut(self, pattern: str, *, times: int = 1, after: int = 0) -> None:
        """Break the connection of the next requests, once `after` of their bytes have come."""
        self._cuts += [(pattern, after)] * times

    def lose_answer(self) -> None:
        """Break the connection of the next answer: the request has arrived, and the client does not learn so."""
        self._answers_to_lose += 1

    def hold_answer(self) -> None:
        """Hold the next answer back until `go_on`."""
        self._holds_answer = True

    def wait_for_held_answer(self) -> None:
        assert self._answer_is_held.wait(PATIENCE_SECONDS), f"no answer to any of {self.requests}"

    def hold(self, pattern: str) -> None:
        """From the next such request on, let no request through until `go_on`."""
        self._hold_at = pattern

    def abandon(self) -> None:
        """Swallow all bytes of the present lines, and leave both ends open, as a firewall that has forgotten the lines does."""
        self._abandoned.update(self._sockets)

    def go_on(self) -> None:
        self._flowing.set()

    def found(self, pattern: str) -> list[str]:
        return [request for request in self.requests if re.search(pattern, request)]

    def wait_for(self, pattern: str, times: int = 1) -> None:
        """Wait until `times` requests of the pattern have come, whether the relay let the requests through or not."""
        with self._changed:
            enough = self._changed.wait_for(
                lambda: len(self.found(pattern)) >= times, timeout=PATIENCE_SECONDS
            )
        assert enough, f"not {times} of {pattern} in {self.requests}"

    # -- the line

    def serve(self) -> None:
        with suppress(OSError):  # the door is shut at the end
            while True:
                client, _ = self._door.accept()
                service = socket.create_connection((HOST, self._port))
                self._sockets += [client, service]
                self._begin(self._pass_requests, client, service)
                self._begin(self._pass_answers, service, client)
        self._shut.set()

    def close(self) -> None:
        """End every line; `serve` has been called."""
        self._flowing.set()
        _break(self._door)
        self._shut.wait()
        for line in self._sockets:
            _break(line)
        for thread in self._threads:
            thread.join()

    def _begin(self, work: Pass, source: socket.socket, target: socket.socket) -> None:
        thread = threading.Thread(target=work, args=(source, target))
        self._threads.append(thread)
        thread.start()

    def _pass_requests(self, client: socket.socket, service: socket.socket) -> None:
        left: int | None = None
        with suppress(OSError):
            while data := client.recv(PIECE):
                if client in self._abandoned:
                    continue
                cut = self._note(data)
                left = cut if left is None else left
                if left is not None and len(data) >= left:
                    break
                left = None if left is None else left - len(data)
                self._flowing.wait()
                if not _sent(service, data):
                    return  # the service takes no more, but its answer may still be on the way
        _break(client)
        _break(service)

    def _pass_answers(self, service: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := service.recv(PIECE):
                if self._answers_to_lose:
                    self._answers_to_lose -= 1
                    break
                if self._holds_answer:
                    self._holds_answer = False
                    self._flowing.clear()
                    self._answer_is_held.set()
                    self._flowing.wait()
                if service not in self._abandoned:
                    client.sendall(data)
        _break(client)

    def _note(self, data: bytes) -> int | None:
        """Note the requests that begin in `data`; answers after how many bytes to cut, if at all."""
        begun = [f"{method.decode()} {path.decode()}" for method, path in REQUEST.findall(data)]
        with self._changed:
            self.bytes_sent += len(data)
            self.requests += begun
            self._changed.notify_all()
            if self._hold_at and any(re.search(self._hold_at, request) for request in begun):
                self._hold_at = None
                self._flowing.clear()
            fault = next((cut for cut in self._cuts if any(re.search(cut[0], one) for one in begun)), None)
            if fault is None:
                return None
            self._cuts.remove(fault)
            return fault[1]


def _sent(line: socket.socket, data: bytes) -> bool:
    try:
        line.sendall(data)
    except OSError:
        return False
    return True


def _break(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
    line.close()


@contextmanager
def relaying(port: int) -> Iterator[Relay]:
    relay = Relay(port)
    thread = threading.Thread(target=relay.serve)
    thread.start()
    try:
        yield relay
    finally:
        relay.close()
        thread.join()
