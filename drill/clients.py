"""Plain clients: a connection for given questions, many connections at once, and accounts to ask with."""

import http.client
import json
import statistics
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from bench.ports import HOST
from bench.service import Service

from drill import faults
from samplebank.rehearsal.load import AGENT, V2

T = TypeVar("T")
TOO_MANY = 429
#: the most seconds for an answer
PATIENCE = 120.0
#: how many measurements of the same are made, of which the best counts: others may use the machine
TRIES = 8


class Line:
    """One kept-alive connection of one user; made again when the service has closed the connection."""

    def __init__(self, service: Service, key: str | None = None) -> None:
        self._port = service.port
        self._headers = {"Argus-API-Key": key or service.key, "Content-Type": "application/json"}
        self._connection = http.client.HTTPConnection(HOST, self._port, timeout=PATIENCE)

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str | None
    ) -> tuple[int, bytes]:
        """Send a request; answers (status, body). A header of None is left out."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        merged = {name: value for name, value in {**self._headers, **given}.items() if value is not None}
        for is_last in (False, True):
            try:
                self._connection.request(method, path, body, merged)
                answer = self._connection.getresponse()
                return answer.status, answer.read()
            except (http.client.HTTPException, OSError):
                self._connection.close()
                if is_last:
                    raise
        raise AssertionError

    def ask_json(self, method: str, path: str, value: Any = None) -> tuple[int, Any]:
        status, body = self.ask(method, path, None if value is None else json.dumps(value).encode())
        return status, json.loads(body) if body else None

    def upload(self, content: bytes) -> dict[str, Any]:
        """Upload a file; answers the solved challenge."""
        status, body = self.ask("POST", f"{V2}/sample", content, Content_Type=None)
        if status >= 300:  # noqa: PLR2004 an HTTP status
            raise RuntimeError(f"An upload was answered with {status}: {body[:200]!r}")
        return faults.challenge_in(body)

    def store(self, content: bytes, name: str) -> tuple[str, Any]:
        """Upload and submit a file; answers (SHA-256, the answer to the submission)."""
        challenge, sha256 = self.upload(content), faults.digest(content)
        body = {"challengeToken": challenge, "fileName": name, "userAgent": AGENT}
        return sha256, self.ask_json("POST", f"{V2}/sample/{sha256}/submission", body)[1]

    def close(self) -> None:
        self._connection.close()


def at_once(calls: Iterable[Callable[[], T]], most: int = 64) -> list[T]:
    """Make the calls, `most` at the same time; the results in order."""
    with ThreadPoolExecutor(most) as pool:
        return list(pool.map(lambda call: call(), calls))


def p95_of_lists(service: Service, key: str | None = None, number: int = 200) -> float:
    """Seconds within which 95 % of short lists of jobs are answered; the best of a few measurements."""
    return min(_p95(service, key, number) for _ in range(TRIES))


def _p95(service: Service, key: str | None, number: int) -> float:
    times = []
    for _ in range(10):
        line = Line(service, key)  # each connection goes to any of the processes
        for _ in range(number // 10):
            began = time.perf_counter()
            status, body = line.ask("GET", f"{V2}/job")
            if status >= 300:  # noqa: PLR2004 an HTTP status
                raise RuntimeError(f"A list was answered with {status}: {body[:200]!r}")
            times.append(time.perf_counter() - began)
        line.close()
    return statistics.quantiles(times, n=20)[-1]


def make_users(
    service: Service, users: dict[str, tuple[str, str]], customers: Iterable[str]
) -> dict[str, str]:
    """Make the customers, and the users (customer, role) by name; answers the keys."""
    entries = ['[[domain]]\nname = "drill"']
    entries += [
        f'[[customer]]\nshortName = "{name}"\nname = "{name}"\ndomain = "drill"' for name in customers
    ]
    for name, (customer, role) in users.items():
        entries.append(f'[[user]]\nshortName = "{name}"\ncustomer = "{customer}"\nkey = true')
        entries.append(f'[[grant]]\nsubject = "{name}"\nrole = "{role}"\ncustomer = "{customer}"')
    tenants = service.folder / "tenants.toml"
    tenants.write_text("\n\n".join(entries))
    keys: dict[str, str] = json.loads(service.command("apply", str(tenants), "--json"))["keys"]
    return keys
