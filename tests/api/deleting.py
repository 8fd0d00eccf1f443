"""Samples with rows of every kind, deletions, and what is left of the rows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import requests

from kit.bank import AGENT, ROBOT, V2, Bank, Sample, eventually
from samplebank.database import Connection, Database
from samplebank.samples.model import Sample as Row

TABLES = (
    "submission", "job", "analysis", "link", "static_fact", "classification", "verdict", "challenge", "job_task",
    "sample_note",
)  # fmt: skip
COUNT = " UNION ALL ".join(
    f"SELECT '{table}', count(*) FROM {table} JOIN sample s ON s.id = sample_id WHERE s.sha256 = $1"
    for table in TABLES
)


def full_sample(bank: Bank, evidence: bytes = b"evidence") -> Sample:
    """A sample with rows of every kind."""
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker)
    analysis = bank.analyse(sample, worker, 80)
    bank.call("POST", f"{sample.path}/analysis/{analysis}/evidence/e.txt", ROBOT, data=evidence)
    bank.update(job, tasks[worker], "success", analyses=[analysis])
    bank.post(f"{sample.path}/fact", {"key": "k", "value": "v", "userAgent": AGENT})
    link(bank, sample)
    bank.data(bank.post(f"/samplebank/v1/sample/{sample.sha256}/notes", {"text": "a note"}))
    return sample


def link(bank: Bank, sample: Sample) -> None:
    body = {"reference": Sample().sha256, "type": "child", "tlp": "amber", "userAgent": AGENT}
    bank.data(bank.post(f"{sample.path}/link", body, ROBOT))


def task_of(bank: Bank, correlation: str) -> dict[str, object]:
    (task,) = bank.data(bank.post(f"{V2}/servicetask/search", {"correlationID": [correlation]}))
    found: dict[str, object] = task
    return found


def wait_for(bank: Bank, response: requests.Response, state: str = "done") -> str:
    """Wait for the end of a deletion. Returns the correlation id."""
    correlation: str = bank.data(response)["correlationID"]
    assert eventually(lambda: task_of(bank, correlation)["state"] == state)
    return correlation


async def rows_of(db: Connection, sample: Sample) -> dict[str, int]:
    """Count the rows of the sample by table; tables without rows are left out."""
    rows = await db.fetch(COUNT, bytes.fromhex(sample.sha256))
    return {row[0]: row[1] for row in rows if row[1]}


async def row_of(db: Connection, sample: Sample) -> Row:
    row = await db.fetchrow(
        "SELECT id, sha256, size, created_time, deleted_time FROM sample WHERE sha256 = $1",
        bytes.fromhex(sample.sha256),
    )
    assert row is not None
    return Row(**row)


@asynccontextmanager
async def held(database: Database, query: str, sample: Sample) -> AsyncIterator[Connection]:
    """Hold the locks of the query while the block lasts."""
    async with database.transaction() as db:
        await db.execute(query, bytes.fromhex(sample.sha256))
        yield db
