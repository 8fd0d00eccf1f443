"""Service and S3 server killed in turn under load: nothing is lost, no row lacks its object, and the sweep leaves no orphans."""

import asyncio
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import obstore
from bench.databases import connected
from bench.ports import free_port
from bench.seaweed import BUCKET, S3Server
from bench.service import Service

from drill.promises import broken
from drill.restarts import BETWEEN, SETTINGS
from drill.rows import Row, Toll
from samplebank import settings
from samplebank.assembly import open_bank
from samplebank.maintenance.service_tasks import orphan_sweep
from samplebank.rehearsal.load import Load, wholeness
from samplebank.rehearsal.processes import kill

#: parts that a whole sweep looks at, and seconds that the S3 server and the service may take to come back
PARTS, BACK = 512, 120.0
ROWS = (
    "SELECT encode(sha256, 'hex') || '.' || encode(blob_token, 'hex') FROM sample WHERE deleted_time IS NULL"
)
GOAL = "all come back; 0 lost, doubled, without bytes; no orphans after the sweep"


def run(folder: Path, rounds: int) -> Iterator[Row]:
    s3 = S3Server(folder / "s3", free_port).start()
    place = {**s3.environment(), "SAMPLEBANK_BLOB_URL": f"s3://{BUCKET}/drill"}
    try:
        with Service(folder, settings={**SETTINGS, **place}) as service:
            service.start()
            yield _blows(service, s3, place, rounds)
    finally:
        s3.kill()


def _blows(service: Service, s3: S3Server, place: Mapping[str, str], rounds: int) -> Row:
    with Load(service.url, service.key) as load:
        back = sum(_blow(service, s3, number) for number in range(rounds))
    lost, doubled = broken(service.url, service.key, load.promises)
    # kills that leave an orphan are rare: the sweep has to find one in any case
    obstore.put(s3.store("drill"), f"sample/00/{bytes(32).hex()}.{bytes(8).hex()}", b"orphan")
    bare, orphans = asyncio.run(_compare(service, s3))
    with _variables(place):
        asyncio.run(_sweep(service))
    bare_then, left = asyncio.run(_compare(service, s3))
    said = (
        f"{back} of {rounds} came back; {len(load.promises):,} promised, {lost} lost, {doubled} doubled; "
        f"{bare + bare_then} rows without bytes; {orphans} orphans, {left} after the sweep"
    )
    met = back == rounds and not lost + doubled + bare + bare_then + left
    toll = Toll(rounds, promised=len(load.promises), lost=lost, doubled=doubled)
    return Row("service and S3 server killed in turn", rounds, GOAL, said, met, toll)


def _blow(service: Service, s3: S3Server, number: int) -> bool:
    """Kill one of the two. Whether every process of the service is ready again."""
    time.sleep(BETWEEN)
    if number % 2:
        s3.kill()
        s3.start()
    else:
        kill([service.pid])
        service.stop()
        service.start()
    return wholeness(service.url, BACK) is not None


async def _compare(service: Service, s3: S3Server) -> tuple[int, int]:
    """The number of rows without an object, and of objects without a row."""
    async with connected(service.database_url) as db:
        rows = {row[0] for row in await db.fetch(ROWS)}
    objects = {key.rpartition("/")[2] for key in s3.keys("drill/sample")}
    return len(rows - objects), len(objects - rows)


async def _sweep(service: Service) -> None:
    """Sweep all parts, as if all objects were old."""
    given = {
        "SAMPLEBANK_DATA_DIR": str(service.data),
        "SAMPLEBANK_BLOB_URL": os.environ["SAMPLEBANK_BLOB_URL"],
    }
    async with open_bank(settings.load(given), service.database_url) as bank:
        sweep = orphan_sweep(older_than=-3600)
        for _ in range(PARTS):
            await sweep(bank)


@contextmanager
def _variables(some: Mapping[str, str]) -> Iterator[None]:
    """The variables of this process, for as long as the block lasts."""
    before = dict(os.environ)
    os.environ.update(some)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
