"""A page that takes too long is given up, and a page that nobody waits for as well."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from bench.databases import connected

from kit.bank import CHIEF, V2, Bank
from kit.locks import line_before
from kit.service import Service, running

#: seconds: more than any page of these tests may take
NEVER = "600"
EXTENSIONS = "/samplebank/v1"
WEEK = {"startTimestamp": "now - 1 week", "timeFieldStrategy": ["startTimestamp", "endTimestamp"]}
#: requests whose pages read jobs, and who asks
PAGES = {
    "a list": ("mia", "GET", f"{V2}/job?sortBy=-endTimestamp", None),
    "a list with cursors": ("mia", "GET", f"{EXTENSIONS}/job?sortBy=-endTimestamp", None),
    "a search": (CHIEF, "POST", f"{V2}/job/search", WEEK),
    "a search with cursors": (CHIEF, "POST", f"{EXTENSIONS}/job/search", WEEK),
}


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that gives nothing up by itself."""
    settings = {"SAMPLEBANK_QUERY_BUDGET": NEVER, "SAMPLEBANK_SWEEP_INTERVAL": NEVER}
    folder: Path = tmp_path_factory.mktemp("patient")
    with running(folder, settings) as service:
        yield service


@asynccontextmanager
async def locked(service: Service, table: str) -> AsyncIterator[None]:
    """Nobody else reads the table until the end of the block."""
    async with connected(service.database_url) as db, db.transaction():
        await db.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


def ask(service: Service, user: str, method: str, path: str, body: dict[str, Any] | None) -> socket.socket:
    """Send the request, and do not wait for the answer."""
    address = urlsplit(service.url)
    line = socket.create_connection((address.hostname, address.port))
    sent = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {address.netloc}\r\nArgus-API-Key: {service.keys[user]}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n"
    )
    line.sendall(head.encode() + sent)
    return line


@pytest.mark.parametrize("page", PAGES)
async def test_the_statement_of_a_client_that_left_ends_in_the_database(patient: Service, page: str) -> None:
    async with line_before(patient, "job") as line:
        with await asyncio.to_thread(ask, patient, *PAGES[page]):
            await line.reaches(1)

        await line.reaches(0)


@pytest.mark.parametrize(
    ("table", "path"), [("job", f"{V2}/job/search"), ("submission", f"{V2}/submission/search")]
)
async def test_a_page_that_takes_too_long_is_refused_and_says_what_to_narrow(
    service: Service, bank: Bank, table: str, path: str
) -> None:
    async with locked(service, table):
        refused = await asyncio.to_thread(bank.post, path, {})

    said = refused.json()["messages"][0]["message"]
    assert refused.status_code == 503
    assert "took longer than 2 s" in said
    assert "further criteria or a shorter time" in said
