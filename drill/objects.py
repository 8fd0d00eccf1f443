"""What has to hold of a service with its blobs in a bucket, after any fault: nothing lost, no row without an object, no orphans left."""

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import obstore
from bench.databases import connected
from bench.seaweed import BUCKET, S3Server
from bench.service import Service

from samplebank import settings
from samplebank.assembly import open_bank
from samplebank.maintenance.service_tasks import orphan_sweep

#: parts that a whole sweep looks at
PARTS = 512
PREFIX = "drill"
ROWS = (
    "SELECT encode(sha256, 'hex') || '.' || encode(blob_token, 'hex') FROM sample WHERE deleted_time IS NULL"
)


class Agreement(NamedTuple):
    """How rows and objects agree: rows without bytes, orphans before the sweep, and orphans that the sweep has left."""

    bare: int
    orphans: int
    left: int

    @property
    def wrong(self) -> int:
        """How many rows and objects should not be so in the end."""
        return self.bare + self.left

    @property
    def said(self) -> str:
        return f"{self.bare} rows without bytes; {self.orphans} orphans, {self.left} after the sweep"


def place_of(s3: S3Server) -> dict[str, str]:
    """The settings of a service whose blobs lie in the bucket."""
    return {**s3.environment(), "SAMPLEBANK_BLOB_URL": f"s3://{BUCKET}/{PREFIX}"}


def swept(service: Service, s3: S3Server) -> Agreement:
    """Compare rows and objects, before and after a sweep of all orphans."""
    # faults that leave an orphan are rare: the sweep has to find one in any case
    obstore.put(s3.store(PREFIX), f"sample/00/{bytes(32).hex()}.{bytes(8).hex()}", b"orphan")
    bare, orphans = asyncio.run(_compare(service, s3))
    place = place_of(s3)
    with _variables(place):
        asyncio.run(_sweep(service, place))
    bare_then, left = asyncio.run(_compare(service, s3))
    return Agreement(bare + bare_then, orphans, left)


async def _compare(service: Service, s3: S3Server) -> tuple[int, int]:
    """The number of rows without an object, and of objects without a row."""
    async with connected(service.database_url) as db:
        rows = {row[0] for row in await db.fetch(ROWS)}
    objects = {key.rpartition("/")[2] for key in s3.keys(f"{PREFIX}/sample")}
    return len(rows - objects), len(objects - rows)


async def _sweep(service: Service, place: Mapping[str, str]) -> None:
    """Sweep all parts, as if all objects were old."""
    given = {**place, "SAMPLEBANK_DATA_DIR": str(service.data)}
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
