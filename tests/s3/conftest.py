"""One S3 server and one service on it, for all tests of the folder: both take seconds to start."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store

from kit.bank import Bank
from kit.databases import rolled_back
from kit.s3 import BUCKET, S3Server, s3_server
from kit.service import Service, copy_prepared
from kit.wire import Wire, wire
from samplebank import settings
from samplebank.assembly import Bank as OpenBank
from samplebank.assembly import open_bank
from samplebank.database import Connection, Database, connect

PREFIX = "north/bank"
MARK = "samplebank-store"


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def line(s3: S3Server) -> Iterator[Wire]:
    """The wire between the service and the S3 server; every test leaves the wire whole."""
    with wire(s3.port) as between:
        yield between


@pytest.fixture(scope="session")
def objects(s3: S3Server) -> S3Store:
    """The objects of the service, as any client sees them."""
    return s3.store(PREFIX)


@pytest.fixture(scope="session")
def remote(
    s3: S3Server, line: Wire, objects: S3Store, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service with blobs in a bucket."""
    settings = {
        **s3.environment(),
        "AWS_ENDPOINT_URL": line.url,
        "SAMPLEBANK_BLOB_URL": f"s3://{BUCKET}/{PREFIX}",
    }
    service = Service(tmp_path_factory.mktemp("remote"), settings)
    service.keys.update(copy_prepared(service.folder / "data"))
    obstore.put(objects, MARK, (service.blobs / MARK).read_bytes())
    service.start()
    try:
        yield service
    finally:
        service.stop()


@pytest.fixture(scope="session")
def far(remote: Service) -> Bank:
    """The service as users see the service."""
    return Bank(remote.url, remote.keys)


@pytest.fixture
async def inside(remote: Service, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OpenBank]:
    """The objects of the service, in the process of the test."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_REGION"):
        monkeypatch.setenv(name, remote.environment[name])
    async with open_bank(settings.load(remote.environment, Path("/")), remote.database_url) as bank:
        yield bank


@pytest.fixture(scope="session")
async def rows(remote: Service) -> AsyncIterator[Database]:
    """The database of the service, for facts that cannot be seen from outside."""
    database = await connect(remote.database_url, most=4)
    yield database
    await database.close()


@pytest.fixture
async def db(rows: Database) -> AsyncIterator[Connection]:
    """A transaction, rolled back after the test."""
    async with rolled_back(rows) as db:
        yield db


def objects_of(objects: S3Store, sha256: str, area: str = "sample") -> list[str]:
    """The keys of the objects with the bytes."""
    listed = [one["path"] for some in obstore.list(objects, f"{area}/{sha256[:2]}") for one in some]
    return [key for key in listed if sha256 in key]
