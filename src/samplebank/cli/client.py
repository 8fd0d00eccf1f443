"""A thin client of the SampleDB v2 API for the commands; safe to share between threads.

Every call may be repeated, so a call that a busy or restarting service refuses is tried again.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from types import TracebackType
from typing import Final, NamedTuple, Self, TypeVar
from urllib.parse import quote, urlencode
from uuid import uuid4

import httpx
import msgspec

from samplebank.cli import answers, causes
from samplebank.cli.answers import Envelope
from samplebank.cli.connection import Connection
from samplebank.cli.refusals import RETRIED, away, reason_of, refusal_of
from samplebank.cli.worker_answers import WorkerLine, Workload
from samplebank.errors import Invalid, Unavailable

Answer = TypeVar("Answer")
Chunks = Callable[[], Iterator[bytes]]

AGENT: Final = {"name": "samplebank-cli", "version": version("samplebank")}
API: Final = "/sampledb/v2"
EXTENSIONS: Final = "/samplebank/v1"
LONGEST_QUERY: Final = 4096  # bytes; proxies take lines of 8 KiB, as a rule
MOST_TASKS: Final = 1000  # of a job: as many as the workers of a policy
SIMILAR: Final = 220
UNCHALLENGEABLE: Final = 422
TOO_MANY: Final = 429
PAUSES: Final = (0.2, 0.8)  # seconds before the second and the third try
LONGEST_WAIT: Final = 30  # seconds; a 429 that asks for a longer wait is not tried again
TIMEOUT: Final = httpx.Timeout(120, connect=5, pool=None)


class Content(NamedTuple):
    """A body that can be sent more than once without being held in memory."""

    chunks: Chunks
    size: int


class Client:
    def __init__(
        self, connection: Connection, *, pauses: Sequence[float] = PAUSES, lane: str | None = None
    ) -> None:
        """`lane` is how urgent the analysis of what is submitted is, as in the header Samplebank-Lane."""
        self.url = connection.url
        self._pauses = pauses
        self._http = _open(connection)
        if lane is not None:
            self._http.headers["Samplebank-Lane"] = lane

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def upload(self, content: Content) -> answers.Upload:
        return _read(self._send("POST", "/sample", content=content), Envelope[answers.Upload])

    def send_file(self, content: Content, fields: Mapping[str, object], key: str) -> answers.SentFile:
        """Upload and submit a file in one request. `key` stands for this file: a repeat with the key stores nothing again.

        The fields have to fit into an address; see `fits`.
        """
        headers = {"Idempotency-Key": key}
        params = _as_parameters(fields)
        response = self._send(
            "POST", "/sample", api=EXTENSIONS, params=params, content=content, headers=headers
        )
        return _read(response, Envelope[answers.SentFile])

    def challenge(self, sha256: str) -> answers.Challenge | None:
        """Ask for a challenge. None when the bytes have to be sent.

        The bytes have to be sent when unknown to the service, when too small, or after too many wrong answers.
        """
        response = self._send(
            "POST", f"/sample/{sha256}/challenge", expected={404, UNCHALLENGEABLE, TOO_MANY}
        )
        return _read(response, Envelope[answers.Challenge]) if response.is_success else None

    def submit(
        self, sha256: str, token: answers.Token, fields: Mapping[str, object]
    ) -> answers.Submission | None:
        """Add a submission. None when the service has just seen a similar submission and stored nothing."""
        body = {"challengeToken": token, "userAgent": AGENT, **fields}
        response = self._send("POST", f"/sample/{sha256}/submission", body=body)
        return None if response.status_code == SIMILAR else _read(response, Envelope[answers.Submission])

    def samples(self, sha256: Sequence[str]) -> list[answers.Sample]:
        """Find samples by their digests, all in one request. Samples that the caller may not see are left out."""
        body = {"sha256": sha256, "limit": len(sha256)}
        return _read(self._send("POST", "/sample/search", body=body), Envelope[list[answers.Sample]])

    def verdicts(self, sha256: str, *, limit: int = 25) -> list[answers.Verdict]:
        """List the verdicts of a sample, newest first. A limit of 0 means all verdicts."""
        response = self._send("GET", f"/sample/{sha256}/verdict", params={"limit": limit})
        return _read(response, Envelope[list[answers.Verdict]])

    def jobs(self, **criteria: object) -> list[answers.Job]:
        """Search jobs, newest first. Criteria that are None are left out."""
        given = {name: value for name, value in criteria.items() if value is not None}
        response = self._send("POST", "/job/search", body={"sortBy": ["-enqueuedTimestamp"], **given})
        return _read(response, Envelope[list[answers.Job]])

    def job(self, job_id: str) -> answers.Job:
        return _read(self._send("GET", f"/job/{job_id}"), Envelope[answers.Job])

    def tasks(self, job_id: str) -> list[answers.Task]:
        # A page costs less than the whole list, which is sent as a stream.
        response = self._send("GET", f"/job/{job_id}/tasks", params={"limit": MOST_TASKS})
        return _read(response, Envelope[list[answers.Task]])

    def plan(self, job_id: str) -> answers.Plan:
        """Tell which rules gave the job its workers."""
        return _read(self._send("GET", f"/job/{job_id}/plan", api=EXTENSIONS), Envelope[answers.Plan])

    def add_note(self, sha256: str, fields: Mapping[str, object], key: str) -> answers.Note:
        """Add a note to a sample. `key` stands for this note: a repeat with the key stores nothing again."""
        headers = {"Idempotency-Key": key}
        response = self._send("POST", _notes(sha256), api=EXTENSIONS, body=fields, headers=headers)
        return _read(response, Envelope[answers.Note])

    def notes(self, sha256: str, *, limit: int) -> list[answers.Note]:
        response = self._send("GET", _notes(sha256), api=EXTENSIONS, params={"limit": limit})
        return _read(response, Envelope[list[answers.Note]])

    def withdraw_note(self, sha256: str, id_: str) -> answers.Note:
        path = f"{_notes(sha256)}/{quote(id_, safe='')}"
        return _read(self._send("DELETE", path, api=EXTENSIONS), Envelope[answers.Note])

    def why(self, job_id: str) -> causes.Why:
        """Tell why a job is not done."""
        return _read(self._send("GET", f"/job/{job_id}/why", api=EXTENSIONS), Envelope[causes.Why])

    def failures(self) -> causes.Failures:
        """Fold the failed tasks of the last days by their cause."""
        return _read(self._send("GET", "/failures", api=EXTENSIONS), Envelope[causes.Failures])

    def workers(self) -> list[Workload]:
        """List the workers, each with its processes."""
        loads = _read(self._send("GET", "/worker", api=EXTENSIONS), Envelope[list[Workload]])
        lines = _read(self._send("GET", "/workers", api=EXTENSIONS), Envelope[list[WorkerLine]])
        processes = {line.short_name: line.processes for line in lines}
        return [msgspec.structs.replace(load, processes=processes.get(load.short_name, ())) for load in loads]

    def ask(
        self,
        kind: type[Envelope[Answer]],
        path: str,
        *,
        api: str = API,
        params: Mapping[str, str | int] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Envelope[Answer]:
        """Get what is at a path, or post a body there. What is posted is done once, however often the call is repeated."""
        method, headers = ("GET", {}) if body is None else ("POST", {"Idempotency-Key": str(uuid4())})
        response = self._send(method, path, api=api, params=params, body=body, headers=headers)
        return _decoded(response, kind)

    def end(self, kind: type[Envelope[Answer]], path: str, *, api: str = API) -> Envelope[Answer]:
        """Delete, or end, what is at a path."""
        return _decoded(self._send("DELETE", path, api=api), kind)

    @contextmanager
    def bytes_at(self, path: str) -> Iterator[Iterator[bytes]]:
        """The bytes at a path, piece by piece. Raises `Away`, and `Unavailable` where the bytes break off."""
        try:
            with self._http.stream("GET", API + path) as response:
                if not response.is_success:
                    response.read()
                    raise refusal_of(response)
                yield response.iter_raw()
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise away(self.url, error) from error
        except httpx.RequestError as error:
            raise Unavailable(f"The download broke off: {reason_of(error)}.") from error

    def _send(
        self,
        method: str,
        path: str,
        *,
        api: str = API,
        params: Mapping[str, str | int] | None = None,
        body: Mapping[str, object] | None = None,
        content: Content | None = None,
        headers: Mapping[str, str] | None = None,
        expected: frozenset[int] | set[int] = frozenset(),
    ) -> httpx.Response:
        def once() -> httpx.Response:
            described, data = _payload(body, content)
            return self._http.request(
                method,
                api + path,
                params=params,
                headers={**described, **(headers or {})},
                content=data,
            )

        response = self._tried(once)
        if response.is_success or response.status_code in expected:
            return response
        raise refusal_of(response)

    def _tried(self, once: Callable[[], httpx.Response]) -> httpx.Response:
        for pause in self._pauses:
            try:
                response = once()
            except httpx.RequestError:
                time.sleep(pause)
                continue
            if response.status_code not in RETRIED and not _has_to_wait(response):
                return response
            time.sleep(max(pause, _seconds_to_wait(response)))
        try:
            return once()
        except httpx.RequestError as error:
            raise away(self.url, error) from error


def _notes(sha256: str) -> str:
    return f"/sample/{quote(sha256, safe='')}/notes"


def _has_to_wait(response: httpx.Response) -> bool:
    """Whether the service had too much to do for the user, and will have time soon."""
    return response.status_code == TOO_MANY and (0 < _seconds_to_wait(response) <= LONGEST_WAIT)


def _seconds_to_wait(response: httpx.Response) -> int:
    told = response.headers.get("Retry-After", "")
    return int(told) if response.status_code == TOO_MANY and told.isdecimal() else 0


def _open(connection: Connection) -> httpx.Client:
    try:
        return httpx.Client(
            base_url=connection.url,
            timeout=TIMEOUT,
            limits=httpx.Limits(max_connections=None),
            headers={"Argus-API-Key": connection.key, "User-Agent": "{name}/{version}".format(**AGENT)},
        )
    except (OSError, ValueError, ImportError, httpx.InvalidURL) as error:
        # httpx reads certificates and proxies from the environment.
        raise Invalid(
            f"No connection can be set up ({error}); look at SSL_CERT_FILE, SSL_CERT_DIR and the *_PROXY variables."
        ) from error


def fits(fields: Mapping[str, object]) -> bool:
    """Whether the fields of a submission fit into the address of a request, on the way through any proxy."""
    return len(urlencode(_as_parameters(fields))) <= LONGEST_QUERY


def _as_parameters(fields: Mapping[str, object]) -> dict[str, str]:
    named = {f"userAgent.{name}": value for name, value in AGENT.items()}
    for name, value in fields.items():
        if isinstance(value, Mapping):
            named.update({f"meta.{key}": entry for key, entry in value.items()})
        else:
            named[name] = str(value)
    return named


def _payload(
    body: Mapping[str, object] | None, content: Content | None
) -> tuple[dict[str, str], bytes | Iterator[bytes] | None]:
    if content is not None:
        # With the length told beforehand, a body too large is refused before the bytes travel.
        return (
            {"Content-Type": "application/octet-stream", "Content-Length": str(content.size)},
            content.chunks(),
        )
    if body is not None:
        return {"Content-Type": "application/json"}, msgspec.json.encode(body)
    return {}, None


def _read(response: httpx.Response, kind: type[Envelope[Answer]]) -> Answer:
    return _decoded(response, kind).data


def _decoded(response: httpx.Response, kind: type[Envelope[Answer]]) -> Envelope[Answer]:
    try:
        return msgspec.json.decode(response.content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unavailable(
            f"{response.request.url} does not answer like SampleDB v2 ({error}); check --url."
        ) from error
