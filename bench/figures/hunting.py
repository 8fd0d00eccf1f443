"""Hunts through real files by the rules that come along: bytes a second of processor time, and the wait for the first hit."""

import asyncio
import hashlib
import time
import urllib.request
from pathlib import Path
from typing import Any

import msgspec

from bench import real_files
from bench.clients import EXTENSIONS, WrongAnswer
from bench.databases import connected
from bench.figure import Figure, Surroundings
from bench.service import Service
from samplebank.blobs import Area
from samplebank.worker.analysers.yara import SHIPPED_RULES

#: goals: MiB a second of processor time, and seconds
GOAL, FIRST_GOAL = 100.0, 5.0
MIB = 1024 * 1024
PATIENCE, POLL = 600.0, 0.05
ADD = """
    INSERT INTO sample (sha256, size, created_time, activity_time, classification_wanted) VALUES ($1, $2, $3, $3, false)
"""
#: matches every file: of the first hit, only the wait counts
EVERYTHING = "rule everything { condition: filesize > 0 }"


def measure(parent: Path, port: int | None, mebibytes: int, runs: int) -> list[Figure]:
    """Measure hunts on a service with its own workers, which have nothing else to do."""
    speed = Figure("hunt by the rules that come along", "MiB/s a core", [], GOAL)
    first = Figure("first hit of a hunt", "s", [], FIRST_GOAL, less=True)
    with Service(parent, port, with_workers=True) as service:
        service.start()
        contents = _some(mebibytes * MIB)
        asyncio.run(_store(service, contents))
        rules = "\n".join(path.read_text("utf-8") for path in sorted(SHIPPED_RULES.glob("*.yar")))
        with Surroundings(service.processes) as around:
            for _ in range(runs):
                first.values.append(_first_hit(service))
                speed.values.append(_speed(service, rules, len(contents)))
    size = sum(map(len, contents)) / MIB
    speed.note = f"{len(contents):,} files of packages, {size:.0f} MiB, service and worker together"
    return [around.mark(speed), around.mark(first)]


def _some(size: int) -> list[bytes]:
    """Files of packages, in an order that says nothing of their names, of so many bytes together."""
    found: list[bytes] = []
    for path in real_files.different(real_files.of_packages(), 1_000_000, lambda _: True):
        found.append(path.read_bytes())
        size -= len(found[-1])
        if size <= 0:
            break
    return found


async def _store(service: Service, contents: list[bytes]) -> None:
    """Store files as an upload does, but for their types: to find the types takes longer than the hunt."""
    now, rows = int(1000 * time.time()), []
    for content in contents:
        sha256 = hashlib.sha256(content).digest()
        path = service.data / "blobs" / Area.SAMPLE / f"{sha256[0]:02x}" / sha256.hex()
        path.write_bytes(content)
        rows.append((sha256, len(content), now))
    async with connected(service.database_url) as db:
        await db.executemany(ADD, rows)


def _speed(service: Service, rules: str, count: int) -> float:
    before = _seconds(service)
    hunt = _ended(service, _begun(service, rules), lambda hunt: hunt["state"] == "done")
    if hunt["scanned"] != count:
        raise WrongAnswer(f"{hunt['scanned']} of {count} files were scanned: {hunt['message']}")
    took = _seconds(service) - before
    return float(hunt["bytes"] / MIB / took)


def _first_hit(service: Service) -> float:
    began = time.perf_counter()
    id_ = _begun(service, EVERYTHING)
    _ended(service, id_, lambda hunt: bool(hunt.get("hits")))
    took = time.perf_counter() - began
    _ended(service, id_, lambda hunt: hunt["state"] == "done")
    return took


def _seconds(service: Service) -> float:
    """Processor time of the service and its worker, with that of processes of scans, which have ended."""
    return sum(seconds for _, seconds in service.processes().seconds_with_ended())


def _begun(service: Service, rules: str) -> str:
    return str(_asked(service, f"{EXTENSIONS}/hunt", {"rules": rules})["id"])


def _ended(service: Service, id_: str, is_wanted: Any) -> dict[str, Any]:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        hunt = _asked(service, f"{EXTENSIONS}/hunt/{id_}")
        if is_wanted(hunt):
            return hunt
        time.sleep(POLL)
    raise WrongAnswer(f"the hunt has not come so far: {hunt}")


def _asked(service: Service, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
    data = None if body is None else msgspec.json.encode(body)
    headers = {"Argus-API-Key": service.key, "Content-Type": "application/json"}
    request = urllib.request.Request(service.url + path, data=data, headers=headers)  # noqa: S310 our own service
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        told: dict[str, Any] = msgspec.json.decode(answer.read())["data"]
    return told
