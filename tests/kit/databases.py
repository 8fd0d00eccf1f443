"""Databases of a test's own, on the server of the shared service."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.databases import connected

from kit.service import Service


@asynccontextmanager
async def own_database(service: Service) -> AsyncIterator[str]:
    """The URL of an empty database. The end of the block removes the database, and ends open connections."""
    name = f"own_{secrets.token_hex(4)}"
    async with connected(service.database_url) as admin:
        await admin.execute(f"CREATE DATABASE {name}")
        try:
            yield service.database_url.replace("/postgres?", f"/{name}?")
        finally:
            await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
