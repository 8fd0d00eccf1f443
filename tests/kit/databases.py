"""Databases of a test's own, on the server of the shared service."""

import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.databases import connected

from kit.service import MIGRATED, Service
from samplebank.database import Connection, Database
from samplebank.database.migrations.upgrade import DATABASE

#: a template for databases that do not take every text
LATIN1 = "template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"


@asynccontextmanager
async def own_database(service: Service, like: str = "template1") -> AsyncIterator[str]:
    """The URL of an empty database, or a copy. The end of the block removes the database, and ends open connections."""
    name = f"own_{secrets.token_hex(4)}"
    async with connected(service.database_url) as admin:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {like}")
        try:
            yield service.database_url.replace("/postgres?", f"/{name}?")
        finally:
            await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@asynccontextmanager
async def migrated_database(service: Service) -> AsyncIterator[str]:
    """The URL of a database with all tables and no rows: migrating takes several times as long as a copy."""
    async with own_database(service, like=MIGRATED) as url:
        yield url


@asynccontextmanager
async def rolled_back(database: Database) -> AsyncIterator[Connection]:
    """A transaction that is rolled back at the end of the block."""
    async with database.connection() as db:
        transaction = db.transaction()
        await transaction.start()
        yield db
        await transaction.rollback()


def migrate(url: str, *revision: str) -> None:
    command = [sys.executable, "-m", "samplebank.database.migrations", *revision]
    subprocess.run(command, env={**os.environ, DATABASE: url}, check=True, capture_output=True)
