"""A service of three tasks' length: it hands out what it is given and keeps what it is sent. It listens on a real port."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

JSON = dict[str, Any]


class StagedService:
    """`refusals`: statuses to answer, one for each call whose path ends so, before the service does as it should."""

    def __init__(self) -> None:
        self.samples: dict[str, bytes] = {}
        self.workers: set[str] = set()
        self.refusals: dict[str, list[int]] = {}
        self.calls: list[tuple[str, str, Any]] = []
        self._waiting: dict[str, list[JSON]] = {}
        self._changed = threading.Condition()

    def offer(self, worker: str, content: bytes, *, tlp: str = "green", **options: str) -> JSON:
        sha256 = hashlib.sha256(content).hexdigest()
        self.samples[sha256] = content
        assignment: JSON = {
            "task": {"id": str(uuid4()), "state": "executing"},
            "job": {"id": str(uuid4()), "state": "executing"},
            "sample": {"id": sha256, "size": len(content)},
            "classification": {"type": "txt"},
            "submission": {"sampleSha256": sha256, "tlp": tlp, "customer": {"shortName": "acme"}},
            "options": [{"key": key, "value": value} for key, value in options.items()],
            "leaseToken": str(uuid4()),
            "attempt": 1,
        }
        with self._changed:
            self._waiting.setdefault(worker, []).append(assignment)
        return assignment

    def called(self, end: str) -> list[Any]:
        with self._changed:
            return [body for _, path, body in self.calls if path.partition("?")[0].endswith(end)]

    def wait_for(self, end: str, times: int = 1) -> Any:
        """Wait for calls whose path ends so, and return the first."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.called(end)) >= times, timeout=20):
                raise AssertionError(
                    f"Not {times} calls ended in {end}; there were {[path for _, path, _ in self.calls]}."
                )
            return self.called(end)[0]

    def answer(self, method: str, path: str, content: bytes) -> tuple[int, bytes]:
        plain = path.partition("?")[0]
        is_json = content[:1] == b"{"
        with self._changed:
            self.calls.append((method, path, json.loads(content) if is_json else content))
            self._changed.notify_all()
            refusal = next(
                (left.pop(0) for end, left in self.refusals.items() if plain.endswith(end) and left), None
            )
        if refusal:
            return refusal, json.dumps({"messages": [{"message": "It was staged."}]}).encode()
        if plain.endswith("/raw"):
            return 200, self.samples[plain.split("/")[-2]]
        status, data = self._data(method, plain, json.loads(content) if is_json else {})
        return status, json.dumps({"responseCode": status, "data": data}).encode()

    def _data(self, method: str, path: str, body: JSON) -> tuple[int, Any]:
        parts = path.split("/")
        match method, parts[-1]:
            case "POST", "claim":
                return 200, self._claimed(parts[-2], body["max"])
            case "POST", "worker":
                self.workers.add(body["shortName"])
                return 201, body
            case "POST", "analysis":
                return 201, {"analysisID": str(uuid4())}
            case "GET", name if parts[-2] == "worker":
                return (200 if name in self.workers else 404), {}
        return 200, {}

    def _claimed(self, worker: str, most: int) -> list[JSON]:
        with self._changed:
            # A short wait instead of the one asked for, so that workers stop soon.
            self._changed.wait_for(lambda: self._waiting.get(worker), timeout=0.1)
            waiting = self._waiting.get(worker, [])
            self._waiting[worker] = waiting[most:]
            return waiting[:most]


@contextmanager
def listening(service: StagedService) -> Iterator[str]:
    """Answer at the yielded URL."""

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, body = service.answer(self.command, self.path, content)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = _answer  # noqa: N815 -- the names http.server calls

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
