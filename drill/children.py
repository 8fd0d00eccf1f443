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
from drill.rows import Row, Toll
from samplebank.cli.demo_files import make_files
from samplebank.rehearsal.processes import children, kill

CHILD = "samplebank.sandbox.child"
CLASSIFIER, WORKERS = "classifier's", "workers'"
#: seconds between two looks, and seconds until every submitted file must have ended
PAUSE, PATIENCE = 0.05, 300.0
#: waiting files, so that there is always a child at work
AHEAD = 8
#: attempts at a task: a task whose child is killed in each attempt fails, and rightly
ATTEMPTS = 12
OPEN = "SELECT count(*) FROM job WHERE state IN ('enqueued', 'executing')"
UNTYPED = "SELECT count(*) FROM sample WHERE classification_id IS NULL"
BUSY = f"SELECT ({OPEN}) + ({UNTYPED})"
UNKNOWN = "SELECT count(*) FROM sample s JOIN classification c ON c.id = s.classification_id WHERE c.type = 'unknown'"
KEPT = "SELECT count(*) FROM submission WHERE file_name = 'good'"
FAILED = "SELECT count(*) FROM job_task WHERE state NOT IN ('success', 'enqueued', 'executing')"


def run(folder: Path, rounds: int) -> Iterator[Row]:
    goods = [
        one.read_bytes() for one in make_files(folder / "goods") if one.suffix in {".pdf", ".sh", ".exe"}
    ]
    settings = {**SETTINGS, "SAMPLEBANK_TASK_MAX_ATTEMPTS": str(ATTEMPTS)}
    with installed(folder, settings, with_workers=True) as service:
        service.start()
        line, submitted, killed = Line(service), list[str](), {CLASSIFIER: 0, WORKERS: 0}
        while sum(killed.values()) < rounds:
            # at most so many files for a kill: a fast machine is done with each before the next one comes
            for _ in range(AHEAD):
                if asyncio.run(faults.count(service.database_url, BUSY)) < AHEAD:
                    submitted.append(_submit(line, goods[len(submitted) % len(goods)]))
            _kill_one(service, killed)
            time.sleep(PAUSE)
        _await_end(service)
        unknown, failed, left, kept = (
            asyncio.run(faults.count(service.database_url, query)) for query in (UNKNOWN, FAILED, OPEN, KEPT)
        )
    lost, doubled = max(0, len(submitted) - kept), max(0, kept - len(submitted))
    said = ", ".join(f"{number} of the {whose}" for whose, number in killed.items())
    seen = (
        f"{said} beside {len(submitted)} submissions: {unknown} unknown, {failed} failed, {left} left open, {lost} lost, "
        f"{doubled} doubled"
    )
    goal = "0 types unknown, 0 tasks failed, 0 open"
    toll = Toll(rounds, promised=len(submitted), lost=lost, doubled=doubled)
    yield Row("children killed", rounds, goal, seen, not unknown + failed + left + lost + doubled, toll)


def _kill_one(service: Service, killed: dict[str, int]) -> None:
    """One child, in turn of the classifier and of the workers."""
    whose, words = min(
        ((CLASSIFIER, "housekeeper_process"), (WORKERS, " worker run ")), key=lambda one: killed[one[0]]
    )
    parents = children(service.pid, words)
    found = [child for parent in parents for child in faults.children_of(parent, CHILD)]
    if found:
        killed[whose] += kill([random.choice(found)])  # noqa: S311 any of them


def _submit(line: Line, good: bytes) -> str:
    content = good + b"\n%" + secrets.token_hex(8).encode()
    return line.store(content, "good")[0]


def _await_end(service: Service) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and asyncio.run(faults.count(service.database_url, BUSY)):
        time.sleep(PAUSE)
