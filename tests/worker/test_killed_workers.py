"""A worker is killed while bringing children: the next attempt loses no child, and doubles none."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest

from kit.bank import CHIEF, Bank, Sample, eventually
from kit.children import links_of
from kit.relay import Relay
from samplebank.database import Database
from worker.made_containers import zipped
from worker.working import HERE, Names, working

OPENING = "staged_extract:Opening"
#: the request at which the worker is killed, and whether the request still arrives
POINTS = {
    "at the first child, which arrives": (r"path=0\.sh", True),
    "at a child in the middle, which is lost": (r"path=2\.sh", False),
    "at the result, which arrives": (r"/result", True),
}
END_LEASE = "UPDATE job_task SET lease_until = 1 WHERE job_id = $1 AND lease_token IS NOT NULL"


@contextmanager
def worker_process(url: str, key: str, names: Names) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker as people run workers, in a separate process."""
    command = ["worker", "run", OPENING, "--import-from", str(HERE), "--setting", f"suffix={names.suffix}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "samplebank.cli", *command],
        env={**os.environ, "SAMPLEBANK_URL": url, "SAMPLEBANK_KEY": key},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("point", POINTS)
async def test_a_worker_that_is_killed_loses_and_doubles_no_child(
    bank: Bank, database: Database, relay: Relay, point: str
) -> None:
    request, arrives = POINTS[point]
    names, children = Names(), [f"#!/bin/sh\n# {secrets.token_hex(20)}\n".encode() for _ in range(4)]
    worker = bank.worker(shortName=names["Opening"])["shortName"]
    sample = Sample(data=zipped({f"{number}.sh": data for number, data in enumerate(children)}))
    bank.submit(sample, metaData=bank.plan(worker))
    (job,) = bank.jobs_of(sample)

    relay.hold(request)
    with worker_process(relay.url, bank.keys[CHIEF], names):
        relay.wait_for(request)
    if arrives:
        relay.go_on()
    async with database.connection() as db:
        await db.execute(END_LEASE, UUID(job["id"]))
    with working(bank.url, bank.keys[CHIEF], names, paths=[OPENING]):
        assert eventually(
            lambda: bank.task(job["id"], bank.tasks_of(job["id"])[worker])["state"] == "success"
        )

    found = [Sample(data=data) for data in children]
    assert sorted(links_of(bank, sample, CHIEF)) == sorted(("child", one.sha256) for one in found)
    for one in found:
        assert links_of(bank, one, CHIEF) == [("parent", sample.sha256)]
        assert len(bank.data(bank.get(f"{one.path}/submission", limit=0))) == 1
