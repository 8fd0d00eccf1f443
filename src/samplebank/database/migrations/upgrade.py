"""Brings the schema to HEAD, under a lock, so that any number of processes may start at once."""

import asyncio
import os
import sys

from samplebank.database.connection import Connection, reach
from samplebank.errors import Conflict, Unavailable

#: the revision that the release works with
HEAD = "0051"
DATABASE = "SAMPLEBANK_MIGRATION_URL"
LOCK = 0x5A4B_0001


def upgrade(url: str) -> None:
    """Run the missing migrations. Raises `Unavailable` when the database cannot be reached."""
    asyncio.run(_upgrade(url))


async def current_revision(db: Connection) -> str | None:
    """Get the revision of the schema; None for an empty database."""
    if await db.fetchval("SELECT to_regclass('alembic_version') IS NULL"):
        return None
    revision: str | None = await db.fetchval("SELECT version_num FROM alembic_version")
    return revision


async def _upgrade(url: str) -> None:
    db = await reach(url)
    try:
        await db.execute("SELECT pg_advisory_lock($1)", LOCK)
        revision = await current_revision(db)
        if revision is not None and revision > HEAD:
            raise Conflict(
                f"The database has the schema {revision} of a newer release, and this release knows {HEAD} at most. "
                "Start the newer release again."
            )
        if revision != HEAD:
            await _run(url)
    finally:
        await db.close()


async def _run(url: str) -> None:
    # The URL may hold a password. So the URL travels in the environment, which only the same user can read.
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "samplebank.database.migrations",
        env={**os.environ, DATABASE: url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await process.communicate()
    finally:
        # Where the start was interrupted, nothing may be changed behind the operator's back.
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        last = said.decode(errors="replace").strip().splitlines()[-1:]
        raise Unavailable(f"The schema could not be brought up to date: {' '.join(last)}")
