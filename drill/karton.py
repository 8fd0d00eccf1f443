"""Services of Karton, its router, its Redis and the bridge are killed over real analyses: nothing is lost, nothing is doubled."""

import asyncio
import base64
import io
import random
import secrets
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import redis
from bench.databases import connected
from bench.karton import Bridge, Karton
from bench.ports import free_port
from bench.seaweed import S3Server
from bench.service import Service

from drill import faults
from drill.clients import Line
from drill.installations import installed
from drill.restarts import SETTINGS
from drill.rows import Row, Toll
from samplebank.karton.tasks import PREFIX, Task, root_of
from samplebank.rehearsal.load import V2

SERVICES: Final = ("classifier", "archive-extractor", "yaramatcher", "asciimagic")
#: who is killed in turn: most blows meet a service at work
TURN: Final = (*SERVICES, "system", *SERVICES, "bridge", "redis")
#: open analyses, seconds between two blows, seconds for a service to begin work, and seconds until all must have ended
AHEAD, BETWEEN, BEGIN, PATIENCE = 10, 0.7, 3.0, 300.0
#: seconds between two looks for a service at work, so that the looks do not slow the services down
BREATH: Final = 0.02
#: analyses without a blow in each pass, after which the end of Karton and the end of the job are compared
CALM: Final = 10
#: blows to one Karton
IN_A_PASS: Final = 150
OPEN: Final = "SELECT count(*) FROM job WHERE end_time IS NULL"
ANALYSES: Final = """
    SELECT encode(s.sha256, 'hex'), a.agent_name, count(*) FROM analysis a JOIN sample s ON s.id = a.sample_id GROUP BY 1, 2
"""
LINKS: Final = """
    SELECT encode(s.sha256, 'hex'), l.type || ' ' || encode(l.reference, 'hex'), count(*)
      FROM link l JOIN sample s ON s.id = l.sample_id GROUP BY 1, 2
"""
SUBMISSIONS: Final = """
    SELECT encode(s.sha256, 'hex'), count(*) FROM submission u JOIN sample s ON s.id = u.sample_id GROUP BY 1
"""
ENDED: Final = """
    SELECT t.id, t.end_time, j.end_time, t.state, t.message FROM job_task t JOIN job j ON j.id = t.job_id
      JOIN sample s ON s.id = j.sample_id
     WHERE t.worker = 'karton' AND encode(s.sha256, 'hex') = $1
"""
ATTEMPTS: Final = "SELECT max(attempt) FROM job_task WHERE worker = 'karton'"


class Package(NamedTuple):
    """An archive with a program, a text that hides another, and an archive with a third: digests by what the files are."""

    data: bytes
    files: dict[str, str]


class Pass(NamedTuple):
    """What happened to one Karton. `busy` blows met a service at work."""

    packages: list[Package]
    kills: Counter[str]
    busy: int
    open_jobs: int
    #: seconds from the end of Karton's last task to the end of the job, of each analysis without a blow
    late: list[float]


def run(folder: Path, rounds: int) -> Iterator[Row]:
    s3 = S3Server(folder / "s3", free_port).start()
    try:
        with installed(folder, SETTINGS) as service:
            service.start()
            yield from _drill(folder, service, s3, rounds)
    finally:
        s3.kill()


def _drill(folder: Path, service: Service, s3: S3Server, rounds: int) -> Iterator[Row]:
    """Blows in passes, and the end of analyses that nobody disturbs.

    Each pass has a Karton of its own. The collector of a Karton whose router is killed so often never comes to its turn.
    """
    passes = list[Pass]()
    for start in range(0, rounds, IN_A_PASS):
        place = folder / f"karton-{start}"
        place.mkdir()
        karton = Karton(place, free_port, s3)
        try:
            karton.start()
            bridge = Bridge(place, service, karton)
            try:
                passes.append(_pass(service, karton, bridge, range(start, min(start + IN_A_PASS, rounds))))
            finally:
                bridge.kill()
        finally:
            karton.stop()
    yield _row(service, rounds, passes)
    late = sorted(seconds for one in passes for seconds in one.late)
    yield Row(
        "end of a job after Karton's own end",
        len(late),
        "within 1 s",
        f"{late[0]:.2f} to {late[-1]:.2f} s",
        late[-1] <= 1,
    )


def _pass(service: Service, karton: Karton, bridge: Bridge, blows: range) -> Pass:
    line = Line(service)
    line.ask_json("PUT", f"{V2}/policy/default", {"workers": ["karton"]})
    calm = [_calm(service, line, karton) for _ in range(CALM)]
    packages, kills, busy = [package for package, _ in calm], Counter[str](), 0
    for number in blows:
        while asyncio.run(faults.count(service.database_url, OPEN)) < AHEAD:
            packages.append(_submit(line))
        victim = TURN[number % len(TURN)]
        busy += _blow(karton, bridge, victim)
        kills[victim] += 1
        time.sleep(random.uniform(0, BETWEEN))  # noqa: S311 a moment
        karton.keep_alive()
    return Pass(packages, kills, busy, _await_end(service, karton), [seconds for _, seconds in calm])


def _row(service: Service, rounds: int, passes: list[Pass]) -> Row:
    packages = [package for one in passes for package in one.packages]
    seen = asyncio.run(_seen(service, packages))
    lost, doubled = _differences(packages, seen)
    kills, open_jobs = (
        sum((one.kills for one in passes), Counter[str]()),
        sum(one.open_jobs for one in passes),
    )
    attempts = asyncio.run(faults.count(service.database_url, ATTEMPTS))
    told = ", ".join(f"{count} {name}" for name, count in sorted(kills.items()))
    said = (
        f"{told}; {sum(one.busy for one in passes)} at work; {len(packages)} archives of {seen[0].total()} facts: "
        f"{lost.total()} lost {dict(lost)}, {doubled.total()} doubled {dict(doubled)}; {open_jobs} jobs open; {attempts} attempts at most"
    )
    met = not (lost.total() + doubled.total() + open_jobs)
    toll = Toll(kills.total(), promised=len(packages), lost=lost.total(), doubled=doubled.total())
    fault = "services, router, Redis of Karton and bridge killed"
    return Row(fault, rounds, "0 lost, 0 doubled, 0 open", said, met, toll)


def _differences(packages: list[Package], seen: list[Counter[str]]) -> tuple[Counter[str], Counter[str]]:
    """What packages lack of the first one, and what packages have beside, by kinds of facts."""
    expected, lost, doubled = seen[0], Counter[str](), Counter[str]()
    for package, found in zip(packages, seen, strict=True):
        if found != expected:
            print(package.files["archive"], expected - found, found - expected, file=sys.stderr)
        lost.update(_kinds(expected - found))
        doubled.update(_kinds(found - expected))
    return lost, doubled


def _kinds(facts: Counter[str]) -> Counter[str]:
    kinds = Counter[str]()
    for name, count in facts.items():
        kinds[name.partition(":")[0]] += count
    return kinds


def _submit(line: Line) -> Package:
    package = _package()
    line.store(package.data, "package.zip")
    return package


def _package() -> Package:
    first, second, third = _program(), _program(), _program()
    text = base64.b64encode(third)
    inner = _packed({"program": second})
    outer = _packed({"program": first, "text": text, "inner.zip": inner})
    found = {
        "program": first,
        "text": text,
        "inner": inner,
        "inner program": second,
        "program in text": third,
    }
    files = {"archive": outer, **found}
    return Package(outer, {name: faults.digest(data) for name, data in files.items()})


def _packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _program() -> bytes:
    """The head of an ELF program, and a text of its own.

    Random bytes in base64 have `H+` or `HX` at offset 1024 once in 1,700 files. libmagic takes such a text for a volume of
    Apple's, and the classifier sends the text to nobody.
    """
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\x3e\x00\x01\x00\x00\x00" + bytes(40)
    return head + secrets.token_hex(1000).encode()


def _blow(karton: Karton, bridge: Bridge, victim: str) -> bool:
    """Kill somebody, and start the killed again. Whether a service was at work."""
    if victim == "redis":
        karton.redis.kill()
        karton.redis.start()
        return False
    if victim == "bridge":
        bridge.kill()
        bridge.start()
        return False
    was_busy = victim in SERVICES and _await_work(karton, f"karton.{victim}")
    karton.kill(victim)
    karton.launch(victim)
    return was_busy


def _await_work(karton: Karton, identity: str) -> bool:
    """Wait until the service is at work, for a while."""
    end = time.monotonic() + BEGIN
    while time.monotonic() < end:
        if any(task.receiver == identity and task.state == "Started" for task in _tasks(karton)):
            return True
        time.sleep(BREATH)
    return False


def _tasks(karton: Karton) -> list[Task]:
    client = redis.Redis(port=karton.redis.port, decode_responses=True)
    try:
        keys = list(client.scan_iter(f"{PREFIX}*", count=1000))
        return [Task.of(text) for text in client.mget(keys) if text] if keys else []
    except redis.RedisError:
        return []
    finally:
        client.close()


def _calm(service: Service, line: Line, karton: Karton) -> tuple[Package, float]:
    """An analysis without a blow: the package, and the seconds from the end of the last task of Karton to that of the job."""
    while True:
        package = _submit(line)
        _await_end(service, karton)
        ((id_, ended, *_),) = asyncio.run(_ended(service, package))
        root = root_of(str(id_))
        times = [
            task.last_update
            for task in _tasks(karton)
            if task.root == root and "samplebank" not in task.receiver
        ]
        if times:  # the collector of Karton may have been there before
            return package, ended / 1000 - max(times)


async def _ended(service: Service, package: Package) -> list[tuple[object, ...]]:
    async with connected(service.database_url) as db:
        return [tuple(row) for row in await db.fetch(ENDED, package.files["archive"])]


def _await_end(service: Service, karton: Karton) -> int:
    """Wait until all jobs have ended; the jobs that have not."""
    end = time.monotonic() + PATIENCE
    while (left := asyncio.run(faults.count(service.database_url, OPEN))) and time.monotonic() < end:
        karton.keep_alive()
        time.sleep(0.05)
    return left


async def _seen(service: Service, packages: list[Package]) -> list[Counter[str]]:
    """What the service has of each package, in words that are the same for each."""
    names = {
        sha256: (number, name) for number, one in enumerate(packages) for name, sha256 in one.files.items()
    }
    found = [Counter[str]() for _ in packages]
    async with connected(service.database_url) as db:
        for sha256, agent, count in await db.fetch(ANALYSES):
            number, name = names[sha256]
            found[number][f"analysis: {name} {agent}"] += count
        for sha256, link, count in await db.fetch(LINKS):
            number, name = names[sha256]
            kind, _, other = link.partition(" ")
            found[number][f"link: {name} {kind} {names[other][1]}"] += count
        for sha256, count in await db.fetch(SUBMISSIONS):
            number, name = names[sha256]
            found[number][f"child: {name}"] += count
    for number, package in enumerate(packages):
        for _, _, _, state, message in await _ended(service, package):
            found[number][f"state: {state} {message or ''}"] += 1
    return found
