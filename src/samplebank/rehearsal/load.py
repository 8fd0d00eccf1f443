"""Clients that upload and submit all the time, and write down every promise. A 2xx answer is a promise."""

import secrets
import threading
import time
from collections import Counter
from hashlib import sha256
from typing import Any, Self

import httpx
import msgspec

V2 = "/sampledb/v2"
AGENT = {"name": "drill", "version": "1"}
CLIENTS = 4
#: seconds between attempts while the service does not answer
PAUSE = 0.05
#: answers in a row, which are enough to have met each of a few processes
ENOUGH = 10


class Promise(msgspec.Struct, frozen=True):
    """A submission that the service has confirmed as stored."""

    sha256: str
    file_name: str


class Load:
    """Submits with a few clients until it is stopped, or has `most` promises; `size` bytes a file."""

    def __init__(
        self, url: str, key: str, size: int = 2000, most: int | None = None, agent: str = AGENT["name"]
    ) -> None:
        self._url, self._size, self._most = url, size, most
        self._headers = {"Argus-API-Key": key}
        self._agent = {**AGENT, "name": agent}
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self.promises: list[Promise] = []
        self.answers: Counter[str] = Counter()
        #: seconds of the answer that took longest
        self.slowest = 0.0

    def __enter__(self) -> Self:
        clients = CLIENTS if self._most is None else min(CLIENTS, self._most)
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    @property
    def later(self) -> int:
        """The number of requests that were put off with 503."""
        return self.answers["503"]

    @property
    def failed(self) -> int:
        """The number of requests with neither 2xx nor 503."""
        return (
            sum(number for answer, number in self.answers.items() if not answer.startswith("2")) - self.later
        )

    def wait(self) -> None:
        """Wait until there are `most` promises."""
        for thread in self._threads:
            thread.join()

    def _has_enough(self) -> bool:
        return self._stopping.is_set() or (self._most is not None and len(self.promises) >= self._most)

    def _work(self) -> None:
        # one client: the settings of TLS, which a new one reads, take 26 ms of a processor
        with httpx.Client(base_url=self._url, headers=self._headers, timeout=30) as client:
            while not self._has_enough():
                try:
                    self._submit(client)
                except httpx.HTTPError as error:
                    self._note(type(error).__name__)
                    self._stopping.wait(PAUSE)

    def _submit(self, client: httpx.Client) -> None:
        while not self._has_enough():
            content = b"drill\n" + secrets.token_bytes(self._size)
            uploaded = self._post(client, "/sample", content=content)
            if not uploaded.is_success:
                self._stopping.wait(PAUSE)
                continue
            digest, name = sha256(content).hexdigest(), secrets.token_hex(12)
            body = {
                "challengeToken": uploaded.json()["data"]["challenge"],
                "fileName": name,
                "userAgent": self._agent,
            }
            stored = self._post(client, f"/sample/{digest}/submission", json=body)
            if stored.is_success:
                self.promises.append(Promise(digest, name))

    def _post(self, client: httpx.Client, path: str, **body: Any) -> httpx.Response:
        began = time.monotonic()
        answer = client.post(V2 + path, **body)
        self._note(answer.status_code)
        self.slowest = max(self.slowest, time.monotonic() - began)
        return answer

    def _note(self, answer: object) -> None:
        with self._lock:
            self.answers[str(answer)] += 1


def wholeness(url: str, limit: float, *, is_whole: bool = True) -> float | None:
    """Seconds until every process is ready, or until none is; None after `limit` seconds."""
    began, in_a_row = time.monotonic(), 0
    # each request has a new connection, and a new connection goes to any of the processes
    with httpx.Client(base_url=url, timeout=5, limits=httpx.Limits(max_keepalive_connections=0)) as client:
        while time.monotonic() - began < limit:
            try:
                ready = client.get("/readyz").is_success
            except httpx.HTTPError:
                ready = False
            in_a_row = in_a_row + 1 if ready is is_whole else 0
            if in_a_row == ENOUGH:
                return time.monotonic() - began
            time.sleep(PAUSE)
    return None
