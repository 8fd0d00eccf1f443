"""A receiver of events: a real HTTP server that keeps what comes, and refuses when told to."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from kit.bank import Sample

SECRET = "a secret for tests"


class Receiver(ThreadingHTTPServer):
    """A real HTTP server that keeps each message once. `answers` are the next statuses; later statuses are 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[int] = []
        self.got: list[dict[str, Any]] = []
        self.refused: list[dict[str, Any]] = []
        self.unsigned: list[dict[str, Any]] = []
        self.ids: set[str] = set()
        #: messages that came again
        self.repeats = 0
        #: samples whose messages get an answer that ends within its body
        self.cut: set[str] = set()
        self.held: str | None = None
        self.hold_all = False
        self.holding, self.let_go = threading.Event(), threading.Event()

    def hold(self, sample: Sample) -> None:
        """Answer messages about the sample only when `let_go` is set."""
        self.held = sample.sha256

    def keep(self, status: int, id_: str, message: dict[str, Any]) -> None:
        """Keep a message. A message comes again after a broken line or a lost patience, with the same id."""
        if status != 200:
            self.refused.append(message)
        elif id_ in self.ids:
            self.repeats += 1
        else:
            self.ids.add(id_)
            self.got.append(message)

    def about(self, sample: Sample) -> list[dict[str, Any]]:
        return [message for message in self.got if message["sampleSha256"] == sample.sha256]

    def kinds(self, sample: Sample) -> list[str]:
        return [message["kind"] for message in self.about(sample)]


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        message = json.loads(body)
        if not is_signed(self.headers["Samplebank-Signature"], body):
            self.server.unsigned.append(message)
        if self.server.hold_all or message["sampleSha256"] == self.server.held:
            self.server.holding.set()
            self.server.let_go.wait()
        status = self.server.answers.pop(0) if self.server.answers else 200
        self.server.keep(status, self.headers["Samplebank-Event-Id"], message)
        with suppress(ConnectionError):  # the sender may have lost patience, and sends the message again
            self.send_response(status)
            if message["sampleSha256"] in self.server.cut:
                self.send_header("Content-Length", "1000")
            self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def is_signed(signature: str, body: bytes) -> bool:
    time, digest = (part.split("=")[1] for part in signature.split(","))
    expected = hmac.new(SECRET.encode(), f"{time}.".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(digest, expected)


@contextmanager
def receiving() -> Iterator[Receiver]:
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield receiver
        receiver.shutdown()
        thread.join()
