"""The rounds of the load clients. A client stops at the end of the work or of the time."""

import asyncio
import hashlib
import json
import math
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from bench.wire import Wire

V2 = "/sampledb/v2"
EXTENSIONS = "/samplebank/v1"
FILE = f"{EXTENSIONS}/sample"
CLAIM = f"{EXTENSIONS}/worker/{{}}/claim"
#: requests before the measured ones, so that each connection has planned; the most seconds for a question
UNMEASURED, LONGEST = 5, 2.0
#: statuses: of the answer, and of a question that the service gave up
OK, TOO_DEAR = 200, 503
RANDOM = random.Random(1).randbytes(1024 * 1024)  # noqa: S311 the same bytes in each run
AGENT = {"name": "bench", "version": "1"}


class WrongAnswer(Exception):
    """The service gave another answer than the figure measures."""


def expect(wanted: int, answer: tuple[int, bytes]) -> bytes:
    status, body = answer
    if status != wanted:
        raise WrongAnswer(f"{status} instead of {wanted}: {body[:300]!r}")
    return body


def sample_bytes(seed: int, size: int) -> bytes:
    """Bytes unlike the bytes of any other seed. Made fast, so that the figure measures the service and not the client."""
    return (f"bench sample {seed}\n".encode() + RANDOM * (size // len(RANDOM) + 1))[:size]


def body_of(upload: tuple[int, int]) -> bytes:
    """The bytes of (seed, size)."""
    return sample_bytes(*upload)


async def ask_again(wire: Wire, work: Sequence[Any], deadline: float) -> list[float]:
    """Repeat one request. `work` holds a single path for GET, or a single (method, path, body)."""
    method, path, body = work[0]
    latencies = []
    while (began := time.monotonic()) < deadline:
        expect(200, await wire.ask(method, path, body))
        latencies.append(time.monotonic() - began)
    return latencies


async def ask_once(wire: Wire, work: Sequence[Any], deadline: float) -> list[float]:  # noqa: ARG001 the work ends the client
    """Send each request of the work once."""
    latencies = []
    for method, path, body in work:
        began = time.monotonic()
        expect(200, await wire.ask(method, path, body))
        latencies.append(time.monotonic() - began)
    return latencies


async def ask_each(wire: Wire, work: Sequence[Any], deadline: float) -> list[float]:
    """Send the requests of the work in turn, round and round until the deadline."""
    latencies: list[float] = []
    while True:
        for method, path, body in work:
            began = time.monotonic()
            if began >= deadline:
                return latencies
            expect(200, await wire.ask(method, path, body))
            latencies.append(time.monotonic() - began)


async def p95_of_each(wire: Wire, work: Sequence[tuple[Any, int]], deadline: float) -> list[float]:
    """Send each request as many times as the work says, one question after the other. Returns the p95 of each question.

    A question that the service gave up counts with its time, which is longer than any goal. A question that failed counts as infinite.
    """
    found = []
    for request, rounds in work:
        latencies: list[float] = []
        end = min(deadline, time.monotonic() + LONGEST)
        for _ in range(UNMEASURED + rounds):
            began = time.monotonic()
            status, _ = await wire.ask(*request)
            latencies.append(time.monotonic() - began if status in {OK, TOO_DEAR} else math.inf)
            if len(latencies) > UNMEASURED and time.monotonic() > end:
                break
        found.append(p95(latencies[UNMEASURED:]))
    return found


def p95(latencies: Sequence[float]) -> float:
    return sorted(latencies)[len(latencies) * 95 // 100]


async def claim_all(wire: Wire, work: Sequence[tuple[str, int]], deadline: float) -> list[float]:
    """Claim until no task is left. Returns a time for each task."""
    ((worker, most),) = work
    body = json.dumps({"max": most, "waitSeconds": 0, "leaseSeconds": 3600}).encode()
    latencies: list[float] = []
    while (began := time.monotonic()) < deadline:
        claimed = json.loads(expect(200, await wire.ask("POST", CLAIM.format(worker), body)))["data"]
        if not claimed:
            break
        latencies += [(time.monotonic() - began) / len(claimed)] * len(claimed)
    return latencies


async def _one_by_one(
    bodies: Iterable[bytes], deadline: float, send: Callable[[int, bytes], Awaitable[None]]
) -> list[float]:
    """Send the bodies with their numbers until the deadline. Returns a time for each body."""
    latencies = []
    for number, body in enumerate(bodies):
        began = time.monotonic()
        if began >= deadline:
            break
        await send(number, body)
        latencies.append(time.monotonic() - began)
    return latencies


async def upload(wire: Wire, bodies: Iterable[bytes], deadline: float) -> list[float]:
    async def send(_: int, body: bytes) -> None:
        expect(201, await wire.ask("POST", f"{V2}/sample", body, kind="application/octet-stream"))

    return await _one_by_one(bodies, deadline, send)


async def ingest_in_two_calls(wire: Wire, bodies: Iterable[bytes], deadline: float) -> list[float]:
    """Upload each file, then submit the file with the solved challenge of the upload."""

    async def send(number: int, body: bytes) -> None:
        answer = expect(201, await wire.ask("POST", f"{V2}/sample", body, kind="application/octet-stream"))
        token = json.loads(answer)["data"]["challenge"]
        fields = {"fileName": f"invoice-{number}.exe", "userAgent": AGENT, "metaData": {"source": "mail"}}
        submission = json.dumps({"challengeToken": token, **fields}).encode()
        expect(201, await wire.ask("POST", f"{V2}/sample/{token['sha256']}/submission", submission))

    return await _one_by_one(bodies, deadline, send)


async def ingest_in_one_call(wire: Wire, bodies: Iterable[bytes], deadline: float) -> list[float]:
    """Send each file with its submission, and with a key against doubles."""

    async def send(number: int, body: bytes) -> None:
        path = (
            f"{FILE}?fileName=invoice-{number}.exe&userAgent.name=bench&userAgent.version=1&meta.source=mail"
        )
        key = f"Idempotency-Key: {secrets.token_hex(16)}\r\n"
        expect(201, await wire.ask("POST", path, body, key, "application/octet-stream"))

    return await _one_by_one(bodies, deadline, send)


async def cycle(wire: Wire, work: Iterable[Any], deadline: float) -> list[float]:
    """Run submission -> job -> claim -> success. With an analysis, the verdict is fetched, too."""
    latencies = []
    for worker, sha256, token, with_analysis in work:
        began = time.monotonic()
        if began >= deadline:
            break
        submission = {
            "challengeToken": {"id": token, "sha256": sha256},
            "fileName": f"invoice-{token[-12:]}.exe",
            "userAgent": AGENT,
            "metaData": {"source": "mail", "queue": "q1"},
        }
        expect(
            201, await wire.ask("POST", f"{V2}/sample/{sha256}/submission", json.dumps(submission).encode())
        )
        await _work_off(wire, worker, with_analysis=with_analysis)
        latencies.append(time.monotonic() - began)
    return latencies


async def _work_off(wire: Wire, worker: str, *, with_analysis: bool) -> None:
    """Claim one task, of any client, and finish the task."""
    claim = b'{"max":1,"waitSeconds":10,"leaseSeconds":300}'
    claimed = json.loads(expect(200, await wire.ask("POST", CLAIM.format(worker), claim)))["data"]
    if not claimed:
        raise WrongAnswer("no task within 10 seconds")
    task, update = claimed[0], {"state": "success", "analyses": []}
    sample = f"{V2}/sample/{task['sample']['id']}"
    if with_analysis:
        analysis = {
            "analysisResult": {"found": ["one", "two"], "seconds": 0.1},
            "analysisScore": 80,
            "tlp": "amber",
            "customer": task["job"]["customer"]["shortName"],
            "userAgent": {"name": worker, "version": "1"},
            "tags": [{"type": "family", "value": "emotet"}],
        }
        body = expect(201, await wire.ask("POST", f"{sample}/analysis", json.dumps(analysis).encode()))
        update["analyses"] = [json.loads(body)["data"]["analysisID"]]
    path = f"{V2}/job/{task['job']['id']}/task/{task['task']['id']}"
    lease = f"Samplebank-Lease: {task['leaseToken']}\r\n"
    expect(200, await wire.ask("PUT", path, json.dumps(update).encode(), more=lease))
    if with_analysis:
        verdicts = json.loads(expect(200, await wire.ask("GET", f"{sample}/verdict?limit=1")))["data"]
        if not verdicts or verdicts[0]["score"] != 80:  # noqa: PLR2004 the score of the analysis above
            raise WrongAnswer(f"the verdict does not follow from the analysis: {verdicts}")


async def prepare(wire: Wire, seeds: Sequence[int], size: int) -> list[tuple[str, str]]:
    """Upload a file for each seed. Returns (SHA-256, token of the solved challenge) for each file."""
    made = []
    for seed in seeds:
        body = sample_bytes(seed, size)
        answer = await wire.ask("POST", f"{V2}/sample", body, kind="application/octet-stream")
        if answer[0] not in (200, 201):
            expect(201, answer)
        data = json.loads(answer[1])["data"]
        assert data["challenge"]["sha256"] == hashlib.sha256(body).hexdigest()  # noqa: S101 a wrong digest makes the figure void
        made.append((data["challenge"]["sha256"], data["challenge"]["id"]))
    return made


async def prepare_all(
    host: str, port: int, key: str, seeds: Sequence[int], size: int
) -> list[tuple[str, str]]:
    """Do `prepare` over 16 connections."""
    wires = [await Wire.open(host, port, key) for _ in range(16)]
    made = await asyncio.gather(*(prepare(wire, seeds[n::16], size) for n, wire in enumerate(wires)))
    for wire in wires:
        wire.close()
    return [one for some in made for one in some]
