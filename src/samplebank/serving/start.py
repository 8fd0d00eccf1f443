"""From settings to a database that is ready: embedded or given, migrated, with the first accounts and workers."""

import asyncio
import contextlib
import os
import secrets
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import msgspec

from samplebank.accounts import provisioning
from samplebank.accounts.keys import digest, issue
from samplebank.assembly import clock, database_folder, make_data_folder
from samplebank.database import Connection, budget, open_database
from samplebank.database.connection import connect_alone
from samplebank.database.embedded import START_SECONDS, EmbeddedServer
from samplebank.database.failures import GONE, LOST
from samplebank.database.migrations import upgrade
from samplebank.errors import Invalid, Unavailable
from samplebank.files import sync
from samplebank.policy import rules, workers
from samplebank.settings import Settings
from samplebank.worker.analysers import BUILT_IN
from samplebank.worker.sandboxed import SandboxedAnalyser

#: seconds that the start waits for a database that cannot be reached, and between looks
PATIENCE, POLL = 10.0, 0.25
#: connections that PostgreSQL keeps for its superuser
SPECIAL = 3
CREDENTIALS = "credentials.toml"
ACCOUNTS = {"admin": provisioning.ADMIN, "workers": provisioning.WORKERS}
IS_GOOD = """
    SELECT EXISTS (SELECT FROM api_key WHERE digest = $1 AND revoked_time IS NULL
                      AND (expiry_time IS NULL OR expiry_time > $2))
"""


@contextlib.contextmanager
def database_of(settings: Settings) -> Iterator[str]:
    """The URL of a PostgreSQL that runs for as long as the block lasts."""
    make_data_folder(settings)
    if settings.database_url is not None:
        yield settings.database_url
        return
    connections = budget.wanted(settings.processes) + budget.RESERVE + SPECIAL
    with EmbeddedServer(database_folder(settings), connections).running() as url:
        yield url


@contextlib.contextmanager
def prepared_database(settings: Settings) -> Iterator[str]:
    """As `database_of`, with the schema and the first accounts in place."""
    with database_of(settings) as url:
        try:
            asyncio.run(await_database(url))
            upgrade(url)
            asyncio.run(_provision(settings, url))
        except (*LOST, asyncpg.PostgresError) as error:
            raise Unavailable(f"The database refused to be set up: {error}.") from error
        yield url


def connections_of(settings: Settings, url: str) -> int:
    """How many connections the service may take: what its operator says, else what the database allows."""
    return settings.database_connections or asyncio.run(_affordable(settings.processes, url))


async def _affordable(processes: int, url: str) -> int:
    async with open_database(url, most=1) as database, database.connection() as db:
        return budget.affordable(processes, await db.fetchval(budget.ALLOWED))


async def await_database(url: str) -> None:
    """Be patient with a database that starts beside the service, and more so with one that recovers.

    Raises `Unavailable` when it cannot be reached in time.
    """
    began = time.monotonic()
    while True:
        try:
            db = await connect_alone(url)
        except GONE as error:
            is_coming = isinstance(error, asyncpg.CannotConnectNowError)
            if time.monotonic() - began > (START_SECONDS if is_coming else PATIENCE):
                raise Unavailable(f"The database cannot be reached: {error}") from error
            await asyncio.sleep(POLL)
        else:
            await db.close()
            return


async def _provision(settings: Settings, url: str) -> None:
    async with open_database(url, most=1) as database, database.transaction() as db:
        await db.execute("SELECT pg_advisory_xact_lock($1)", provisioning.LOCK)
        await provisioning.provision_first(db, now=clock())
        await _register_workers(db, settings)
        await keep_credentials(db, settings)


async def _register_workers(db: Connection, settings: Settings) -> None:
    """A new database runs the built-in workers by default; later the policy is the operator's."""
    if await db.fetchval("SELECT EXISTS (SELECT FROM worker)"):
        return
    user_id, now = await provisioning.get_user_id(db, provisioning.ADMIN), clock()
    made = []
    for import_path in BUILT_IN.values():
        async with await SandboxedAnalyser.open(
            import_path, sandbox_required=settings.sandbox_required
        ) as analyser:
            told = analyser.description
        schema = None if told.schema is None else msgspec.json.encode(told.schema)
        worker, _ = await workers.add_worker(
            db,
            told.short_name,
            dict(told.names),
            dict(told.descriptions),
            schema,
            user_id=user_id,
            now=now,
        )
        made.append(worker)
    await rules.put_policy(db, tuple(worker.id for worker in made), (), user_id=user_id, now=now)


async def keep_credentials(db: Connection, settings: Settings) -> None:
    """Write `credentials.toml` with keys that work; those that it holds and that work stay."""
    path = settings.folder / CREDENTIALS
    kept = read_keys(path)
    keys, now = {}, clock()
    for account, user in ACCOUNTS.items():
        key = kept.get(account, "")
        if not await db.fetchval(IS_GOOD, digest(key), now):
            user_id = await provisioning.get_user_id(db, user)
            _, key = await issue(db, user_id, now=now, label=f"{CREDENTIALS} of the first start")
        keys[account] = key
    lines = [f'url = "{url_of(settings)}"', ""]
    for account, user in ACCOUNTS.items():
        lines += [f"[{account}]", f'user = "{user}"', f'key = "{keys[account]}"', ""]
    _write_secret(path, "\n".join(lines))


def url_of(settings: Settings) -> str:
    """Where local clients reach the service."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 compared, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def read_keys(path: Path) -> dict[str, str]:
    try:
        read = tomllib.loads(path.read_text("utf-8"))
        return {account: str(read[account]["key"]) for account in ACCOUNTS}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _write_secret(path: Path, text: str) -> None:
    """Replace a file that only its owner may read, all at once."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.rename(path)
        sync(path.parent)
    except OSError as error:
        raise Invalid(f"{path} cannot be written: {error.strerror}.") from error
