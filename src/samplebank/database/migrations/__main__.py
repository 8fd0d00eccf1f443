"""`python -m samplebank.database.migrations [REVISION]` runs Alembic in its own process, as Alembic is large to load."""

import ctypes
import os
import signal
import sys
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import DBAPIError

from samplebank.database.migrations.upgrade import DATABASE

PR_SET_PDEATHSIG = 1
REMEDY = (
    "Give the role of the service CREATE on the database (GRANT CREATE ON DATABASE) and on the schema (GRANT CREATE, USAGE ON "
    "SCHEMA public); tables that are there already have to belong to the role."
)


def _reason(error: DBAPIError) -> str:
    """The words of PostgreSQL in one line, with a remedy where a right is missing. SQLAlchemy ends with a link of its own."""
    cause = error.orig.__cause__ if error.orig else None
    said = " ".join(str(cause or error.orig).split()).rstrip(".")
    return f"{said}. {REMEDY}" if isinstance(cause, asyncpg.InsufficientPrivilegeError) else f"{said}."


# The lock on upgrades belongs to the process that began this process. So the kernel ends both together.
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
configuration = Config()
configuration.set_main_option("script_location", str(Path(__file__).parent))
configuration.attributes["url"] = os.environ[DATABASE]
try:
    command.upgrade(configuration, sys.argv[1] if len(sys.argv) > 1 else "head")
except DBAPIError as error:
    sys.exit(_reason(error))
