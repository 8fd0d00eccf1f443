"""Workers that open containers are killed while bringing children: nothing is lost, and nothing is there twice."""

import asyncio
import io
import json
import os
import secrets
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

from bench.databases import connected
from bench.service import Service

from drill import faults
from drill.clients import Line
from drill.installations import installed
from drill.restarts import SETTINGS
from drill.rows import Row, Toll
from samplebank.rehearsal.load import V2
from samplebank.rehearsal.processes import kill

#: workers at once, and children of a container
WORKERS, CHILDREN = 2, 12
#: waiting containers, so that children are brought all the time
AHEAD = 2
#: seconds between two looks, and in which all submissions must have ended
PAUSE, PATIENCE = 0.005, 240.0
BROUGHT = "SELECT count(*) FROM extracted"
WAITING = """
    SELECT count(*) FROM job_task t JOIN submission u ON u.sample_id = t.sample_id
     WHERE t.end_time IS NULL AND u.agent_name = 'drill'
"""
OPEN = "SELECT count(*) FROM job WHERE end_time IS NULL"
FAILED = "SELECT count(*) FROM job_task WHERE state IN ('failed', 'timeout')"
#: places, submissions and links of children that are there twice
DOUBLED = """
    SELECT (SELECT coalesce(sum(n - 1), 0)::bigint FROM (
                SELECT count(*) AS n FROM extracted GROUP BY parent_id, sample_id) places)
         + (SELECT coalesce(sum(n - 1), 0)::bigint FROM (
                SELECT count(*) AS n FROM submission WHERE agent_name = 'extract' GROUP BY sample_id) submissions)
         + (SELECT coalesce(sum(n - 1), 0)::bigint FROM (
                SELECT count(*) AS n FROM link GROUP BY sample_id, reference, type) links)
"""
#: the children that stand below their container with a submission, a job and both links
WHOLE = """
    SELECT p.sha256, c.sha256 FROM extracted e JOIN sample p ON p.id = e.parent_id JOIN sample c ON c.id = e.sample_id
     WHERE EXISTS (SELECT FROM submission u WHERE u.id = e.submission_id AND u.sample_id = c.id)
       AND EXISTS (SELECT FROM job j WHERE j.id = e.job_id AND j.sample_id = c.id)
       AND EXISTS (SELECT FROM link l WHERE l.sample_id = p.id AND l.reference = c.sha256 AND l.type = 'child')
       AND EXISTS (SELECT FROM link l WHERE l.sample_id = c.id AND l.reference = p.sha256 AND l.type = 'parent')
"""


def run(folder: Path, rounds: int) -> Iterator[Row]:
    # No task is given up: a task killed in each attempt would fail, and rightly.
    settings = {**SETTINGS, "SAMPLEBANK_TASK_MAX_ATTEMPTS": str(rounds + 3)}
    with installed(folder, settings) as service:
        service.start()
        killing = _Killing(service)
        try:
            killing.strike(rounds)
            killing.await_end()
        finally:
            killing.stop()
        yield killing.row(rounds)


class _Killing:
    """The workers, and the submitted containers, each with the digests of the children."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._line = Line(service)
        self._expected: set[tuple[str, str]] = set()
        self._workers = [self._worker() for _ in range(WORKERS)]
        _choose_extract(self._line)

    def strike(self, rounds: int) -> None:
        """Kill a worker whenever a child has been stored since the last kill."""
        seen = 0
        for round_ in range(rounds):
            while (stored := self._count(BROUGHT)) <= seen:
                if self._count(WAITING) < AHEAD:
                    self._submit()
                time.sleep(PAUSE)
            seen = stored
            place = round_ % WORKERS
            kill([self._workers[place].pid])
            self._workers[place].wait()
            self._workers[place] = self._worker()

    def await_end(self) -> None:
        end = time.monotonic() + PATIENCE
        while self._count(OPEN) and time.monotonic() < end:
            time.sleep(0.2)

    def stop(self) -> None:
        for worker in self._workers:
            worker.kill()
            worker.wait()

    def row(self, rounds: int) -> Row:
        found = asyncio.run(_whole(self._service.database_url))
        lost = len(self._expected - found)
        doubled, failed, left = (self._count(query) for query in (DOUBLED, FAILED, OPEN))
        seen = f"{len(self._expected):,} children: {lost} lost, {doubled} doubled; {failed} tasks failed, {left} left open"
        goal = "0 lost, 0 doubled children or links; 0 tasks failed, 0 open"
        return Row(
            "workers killed while children are stored",
            rounds,
            goal,
            seen,
            not lost + doubled + failed + left,
            Toll(rounds, promised=len(self._expected), lost=lost, doubled=doubled),
        )

    def _worker(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", "drill.bringer", self._service.url],
            env={**os.environ, "SAMPLEBANK_KEY": self._service.key},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _submit(self) -> None:
        contents = [f"#!/bin/sh\n# {secrets.token_hex(40)}\n".encode() for _ in range(CHILDREN)]
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as container:
            for number, content in enumerate(contents):
                container.writestr(f"{number}.sh", content)
        sha256, _ = self._line.store(target.getvalue(), "container.zip")
        self._expected |= {(sha256, faults.digest(content)) for content in contents}

    def _count(self, query: str) -> int:
        return asyncio.run(faults.count(self._service.database_url, query))


def _choose_extract(line: Line) -> None:
    """Let `extract` be the only worker of the policy."""
    status, body = line.ask("PUT", f"{V2}/policy/default", json.dumps({"workers": ["extract"]}).encode())
    if status >= 300:  # noqa: PLR2004 an HTTP status
        raise RuntimeError(f"The policy was answered with {status}: {body[:200]!r}")


async def _whole(url: str) -> set[tuple[str, str]]:
    async with connected(url) as db:
        return {(row[0].hex(), row[1].hex()) for row in await db.fetch(WHOLE)}
