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
UNSEEN = (
    "The extension pg_trgm is in a schema that the search_path of the role does not name: add the schema "
    "(ALTER ROLE … SET search_path = public, …)."
)
OCCUPIED = (
    "The schema has tables of another program: name an empty database in SAMPLEBANK_DATABASE_URL, or give the role a schema of "
    "its own (CREATE SCHEMA, ALTER ROLE … SET search_path)."
)
REMEDIES: dict[type, str] = {
    asyncpg.InsufficientPrivilegeError: REMEDY,
    asyncpg.UndefinedObjectError: UNSEEN,
    asyncpg.DuplicateTableError: OCCUPIED,
}


def _reason(error: DBAPIError) -> str:
    """The words of PostgreSQL in one line, with a remedy where one is known. SQLAlchemy ends with a link of its own."""
    cause = error.orig.__cause__ if error.orig else None
    said = " ".join(str(cause or error.orig).split()).rstrip(".")
    remedy = REMEDIES.get(type(cause))
    return f"{said}. {remedy}" if remedy else f"{said}."


# The lock on upgrades belongs to the process that began this process. So the kernel ends both together.
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
configuration = Config()
configuration.set_main_option("script_location", str(Path(__file__).parent))
configuration.attributes["url"] = os.environ[DATABASE]
try:
    command.upgrade(configuration, sys.argv[1] if len(sys.argv) > 1 else "head")
except DBAPIError as error:
    sys.exit(_reason(error))
