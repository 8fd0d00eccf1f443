"""Many clients at once: more than there are connections to the database, idle clients, slow and leaving clients."""

import asyncio
import contextlib
import os
import secrets
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.databases import connected
from bench.ports import HOST
from bench.service import Service
from bench.wire import Wire

from drill import faults
from drill.clients import Line, p95_of_lists
from drill.installations import installed
from drill.restarts import SETTINGS
from drill.rows import Row
from samplebank.rehearsal.load import AGENT, V2
from samplebank.rehearsal.processes import children

#: processes and clients of a machine with many cores, and seconds for which the clients ask
PROCESSES, SECONDS = 16, 10.0
#: idle connections for each slow sender, and bytes announced by a slow sender
IDLE_PER_SLOW, ANNOUNCED = 6, 100_000
#: how much longer others may wait, and seconds that nobody notices on a shared machine
TIMES, UNNOTICED = 2.0, 0.01
#: seconds until everything held for clients who left is back
BACK = 30.0
LARGE = 24 * 2**20
ROWS = 12_000
ADD_MANY = """
    INSERT INTO submission (id, sample_id, customer_id, user_id, tlp, acl, readers, file_name, mime_type, agent_name,
                            agent_version, meta_data, observed_time, submitted_time, trusted_agent)
    SELECT gen_random_uuid(), sample_id, customer_id, user_id, tlp, acl, readers, file_name, mime_type, agent_name,
           agent_version, jsonb_build_object('padding', repeat('x', 2000)), observed_time, submitted_time, trusted_agent
      FROM submission, generate_series(1, $2::int) WHERE sample_id = (SELECT id FROM sample WHERE sha256 = $1)
"""
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"
#: the state of established connections in the kernel's list
ESTABLISHED = "01"


def burst(folder: Path, rounds: int) -> Iterator[Row]:
    """`rounds` clients at once on a service with many processes and the embedded database."""
    with installed(folder, {**SETTINGS, "SAMPLEBANK_PROCESSES": str(PROCESSES)}) as service:
        service.start()
        answers = asyncio.run(_burst(service, rounds))
        lives = service.is_ready()
    refused = sum(number for status, number in answers.items() if status >= 500)  # noqa: PLR2004 an HTTP status
    told = ", ".join(f"{number:,} x {status}" for status, number in sorted(answers.items()))
    seen = f"{told}{'' if lives else '; the service has ended'}"
    fault = f"{PROCESSES} processes, {rounds} clients, embedded database"
    yield Row(fault, 1, "0 x 503", seen, lives and not refused)


async def _burst(service: Service, clients: int) -> Counter[int]:
    answers: Counter[int] = Counter()
    key, end = service.key, time.monotonic() + SECONDS
    await asyncio.gather(*(_client(service, key, end, answers) for _ in range(clients)))
    return answers


async def _client(service: Service, key: str, end: float, answers: Counter[int]) -> None:
    wire = await Wire.open(HOST, service.port, key)
    while time.monotonic() < end:
        content = secrets.token_bytes(2000)
        status, uploaded = await wire.ask("POST", f"{V2}/sample", content, kind="application/octet-stream")
        answers[status] += 1
        if status >= 300:  # noqa: PLR2004 an HTTP status
            continue
        body = {
            "challengeToken": faults.challenge_in(uploaded),
            "fileName": secrets.token_hex(8),
            "userAgent": AGENT,
        }
        path = f"{V2}/sample/{faults.digest(content)}/submission"
        answers[(await wire.ask_json("POST", path, body))[0]] += 1
        answers[(await wire.ask("GET", f"{V2}/job"))[0]] += 1
    wire.close()


def idle(folder: Path, rounds: int) -> Iterator[Row]:
    """`rounds` idle connections, and a sixth as many slow senders."""
    slow = rounds // IDLE_PER_SLOW
    with installed(folder, SETTINGS) as service:
        service.start()
        quiet = p95_of_lists(service)
        with faults.idle_connections(service.port, rounds), _slow_senders(service, slow):
            crowded = p95_of_lists(service)
    seen = f"p95 of a list {1000 * quiet:.1f} -> {1000 * crowded:.1f} ms"
    goal = f"<= {TIMES:g} times, or {1000 * UNNOTICED:g} ms"
    fault = f"{rounds:,} idle connections, {slow} slow senders"
    yield Row(fault, 1, goal, seen, crowded <= max(TIMES * quiet, UNNOTICED))


@contextmanager
def _slow_senders(service: Service, number: int) -> Iterator[None]:
    """Half of the slow senders send a head, half a body, a byte a second each."""
    key, stopping = service.key, threading.Event()
    head = f"POST {V2}/sample HTTP/1.1\r\nHost: drill\r\nArgus-API-Key: {key}\r\n"
    starts = (f"{head}Content-Length: {ANNOUNCED}\r\n\r\n", f"{head}X-Slow: ")
    lines = [_begun(service, starts[n % 2]) for n in range(number)]

    def send() -> None:
        while not stopping.wait(1):
            for n, line in enumerate(lines):
                try:
                    line.send(b"x", socket.MSG_DONTWAIT)
                except OSError:  # the connection was given up
                    line.close()
                    lines[n] = _begun(service, starts[n % 2])

    sending = threading.Thread(target=send, daemon=True)
    sending.start()
    try:
        yield
    finally:
        stopping.set()
        sending.join()
        for line in lines:
            line.close()


def _begun(service: Service, start: str) -> socket.socket:
    line = socket.create_connection((HOST, service.port))
    line.sendall(start.encode())
    return line


def streams(folder: Path, rounds: int) -> Iterator[Row]:
    """`rounds` lists and downloads whose clients read the beginning, pause and leave."""
    with installed(folder, SETTINGS) as service:
        service.start()
        digest = _long_list(service)
        paths = ["submission?limit=0", "raw", "safe"]
        lines = [_paused(service, f"{V2}/sample/{digest}/{paths[n % len(paths)]}") for n in range(rounds)]
        time.sleep(2)
        others = Counter(Line(service).ask("GET", f"{V2}/job")[0] for _ in range(50))
        paused = _held(service, digest)
        for line in lines:
            line.close()
        left = time.monotonic()
        held = _held(service, digest)
        while any(held) and time.monotonic() - left < BACK:
            time.sleep(0.2)
            held = _held(service, digest)
        took = time.monotonic() - left
    said = "{} transactions, {} descriptors of the file, {} connections"
    told = ", ".join(f"{number} x {status}" for status, number in others.items())
    seen = f"{said.format(*paused)}: {said.format(*held)} left after {took:.1f} s; others {told}"
    goal = f"all back <= {BACK:.0f} s, others 200"
    met = all(paused) and not any(held) and set(others) == {200}
    yield Row("lists and downloads paused and left", rounds, goal, seen, met)


def _long_list(service: Service) -> str:
    """A large file with very many submissions; its SHA-256."""
    line, content = Line(service), secrets.token_bytes(LARGE)
    digest, _ = line.store(content, "long")
    line.close()
    asyncio.run(_add_many(service.database_url, bytes.fromhex(digest)))
    return digest


async def _add_many(url: str, digest: bytes) -> None:
    async with connected(url) as db:
        await db.execute(ADD_MANY, digest, ROWS)


def _paused(service: Service, path: str) -> socket.socket:
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.connect((HOST, service.port))
    line.sendall(f"GET {path} HTTP/1.1\r\nHost: drill\r\nArgus-API-Key: {service.key}\r\n\r\n".encode())
    return line


def _held(service: Service, digest: str) -> tuple[int, int, int]:
    """What is held for clients: transactions, descriptors of the file, connections."""
    waiting = asyncio.run(faults.count(service.database_url, WAITING))
    return waiting, _descriptors(service, digest), _connections(service.port)


def _descriptors(service: Service, name: str) -> int:
    found = 0
    for pid in children(service.pid, " serve "):
        with contextlib.suppress(OSError):
            found += sum(name in _target(link) for link in Path(f"/proc/{pid}/fd").iterdir())
    return found


def _target(link: Path) -> str:
    with contextlib.suppress(OSError):
        return os.readlink(link)  # noqa: PTH115 a name to look at, not a file to follow
    return ""


def _connections(port: int) -> int:
    """Connections of the service with clients."""
    local = f"{struct.unpack('=I', socket.inet_aton(HOST))[0]:08X}:{port:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(fields[1] == local and fields[3] == ESTABLISHED for fields in map(str.split, lines))
