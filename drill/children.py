"""Children of the classifier and of the workers are killed over good files: no file pays for a kill."""

import asyncio
import random
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from bench.service import Service

from drill import faults
from drill.clients import Line
from drill.installations import installed
from drill.restarts import SETTINGS
from drill.rows import Row
from samplebank.cli.demo_files import make_files

CHILD = "samplebank.sandbox.child"
#: seconds between two kills, and seconds until every submitted file must have ended
PAUSE, PATIENCE = 0.2, 300.0
#: waiting files, so that there is always a child at work
AHEAD = 8
#: files submitted for each kill: a file whose child is killed in each attempt fails, and rightly
FILES_PER_KILL = 2
OPEN = "SELECT count(*) FROM job WHERE state IN ('enqueued', 'executing')"
UNTYPED = "SELECT count(*) FROM sample WHERE classification_id IS NULL"
BUSY = f"SELECT ({OPEN}) + ({UNTYPED})"
UNKNOWN = "SELECT count(*) FROM sample s JOIN classification c ON c.id = s.classification_id WHERE c.type = 'unknown'"
FAILED = "SELECT count(*) FROM job_task WHERE state NOT IN ('success', 'enqueued', 'executing')"


def run(folder: Path, rounds: int) -> Iterator[Row]:
    goods = [
        one.read_bytes() for one in make_files(folder / "goods") if one.suffix in {".pdf", ".sh", ".exe"}
    ]
    with installed(folder, SETTINGS, with_workers=True) as service:
        service.start()
        line, submitted, killed = Line(service), 0, {"classifier's": 0, "workers'": 0}
        while sum(killed.values()) < rounds:
            while asyncio.run(faults.count(service.database_url, BUSY)) < AHEAD:
                _submit(line, goods[submitted % len(goods)])
                submitted += 1
            if submitted >= FILES_PER_KILL * sum(killed.values()):
                _kill_one(service, killed)
            time.sleep(PAUSE)
        _await_end(service)
        unknown = asyncio.run(faults.count(service.database_url, UNKNOWN))
        failed = asyncio.run(faults.count(service.database_url, FAILED))
        left = asyncio.run(faults.count(service.database_url, OPEN))
    said = ", ".join(f"{number} of the {whose}" for whose, number in killed.items())
    seen = f"{said} beside {submitted} submissions: {unknown} unknown, {failed} failed, {left} left open"
    goal = "0 types unknown, 0 tasks failed, 0 open"
    yield Row("children killed", rounds, goal, seen, not unknown + failed + left)


def _kill_one(service: Service, killed: dict[str, int]) -> None:
    """One child, in turn of the classifier and of the workers."""
    (whose, words) = min(
        (("classifier's", "housekeeper_process"), ("workers'", " worker run ")),
        key=lambda one: killed[one[0]],
    )
    parents = faults.children(service.pid, words)
    found = [child for parent in parents for child in faults.children_of(parent, CHILD)]
    if found:
        killed[whose] += faults.kill([random.choice(found)])  # noqa: S311 any of them


def _submit(line: Line, good: bytes) -> None:
    content = good + b"\n%" + secrets.token_hex(8).encode()
    line.store(content, "good")


def _await_end(service: Service) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if not asyncio.run(faults.count(service.database_url, OPEN)) + asyncio.run(
            faults.count(service.database_url, UNTYPED)
        ):
            return
        time.sleep(0.5)
