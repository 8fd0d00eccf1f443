"""From settings to a database that is ready: embedded or given, migrated, with the first accounts and workers."""

import asyncio
import contextlib
import time
from collections.abc import Iterator

import asyncpg
import msgspec

from samplebank.accounts import first_accounts, provisioning
from samplebank.assembly import make_data_folder
from samplebank.backups.note import refuse_unfinished
from samplebank.database import Connection, budget, open_database
from samplebank.database.connection import connect_alone
from samplebank.database.embedded import START_SECONDS, EmbeddedServer
from samplebank.database.failures import GONE, LOST
from samplebank.database.migrations import upgrade
from samplebank.database.reaching import unreachable
from samplebank.errors import Unavailable
from samplebank.events import feed
from samplebank.jobs.waiting import CHILDREN
from samplebank.policy import rules, workers
from samplebank.policy.model import WorkerContent
from samplebank.serving.checking import check_database
from samplebank.serving.credentials import keep_credentials
from samplebank.settings import Settings
from samplebank.stores import database_folder
from samplebank.timespec import Millis
from samplebank.worker.analysers import Registration, registrations

#: seconds for which the start waits for an unreachable database, and seconds between looks
PATIENCE, POLL = 10.0, 0.25
#: connections kept by PostgreSQL for the superuser
SPECIAL = 3


@contextlib.contextmanager
def database_of(settings: Settings) -> Iterator[str]:
    """The URL of a PostgreSQL that runs for as long as the block lasts."""
    make_data_folder(settings)
    refuse_unfinished(settings.folder)
    if settings.database_url is not None:
        yield settings.database_url
        return
    connections = budget.wanted(settings.processes) + budget.RESERVE + SPECIAL
    with EmbeddedServer(database_folder(settings), connections).running() as url:
        yield url


@contextlib.contextmanager
def prepared_database(settings: Settings, *, issue_keys: bool = False) -> Iterator[str]:
    """As `database_of`, with the schema and the first accounts in place.

    Keys go to the data folder where the database is made or embedded, and elsewhere only with `issue_keys`.
    """
    with database_of(settings) as url:
        with _told_of_refusal():
            asyncio.run(await_database(url))
            asyncio.run(check_database(url))
            upgrade(url)
            asyncio.run(_provision(settings, url, issue_keys=issue_keys))
        yield url


def await_given_database(settings: Settings) -> None:
    """Wait for the database that the settings name, if any. Raises `Unavailable` when the database stays away.

    A start that comes to nothing leaves no folders then.
    """
    if settings.database_url is not None:
        with _told_of_refusal():
            asyncio.run(await_database(settings.database_url))


@contextlib.contextmanager
def _told_of_refusal() -> Iterator[None]:
    try:
        yield
    except (*LOST, asyncpg.PostgresError) as error:
        raise Unavailable(f"The database refused to be set up: {error}.") from error


def connections_of(settings: Settings, url: str) -> int:
    """The number of connections that the service may take: the operator's number, else as many as the database allows."""
    return settings.database_connections or asyncio.run(_affordable(settings.processes, url))


async def _affordable(processes: int, url: str) -> int:
    async with open_database(url, most=1) as database, database.connection() as db:
        return budget.affordable(processes, await budget.find_allowed(db))


async def await_database(url: str) -> None:
    """Be patient with a database that starts beside the service, and more so with one that recovers.

    Raises `Unavailable` when the database cannot be reached in time.
    """
    began = time.monotonic()
    while True:
        try:
            db = await connect_alone(url)
        except GONE as error:
            is_coming = isinstance(error, asyncpg.CannotConnectNowError)
            if time.monotonic() - began > (START_SECONDS if is_coming else PATIENCE):
                raise unreachable(url, error) from error
            await asyncio.sleep(POLL)
        else:
            await db.close()
            return


async def _provision(settings: Settings, url: str, *, issue_keys: bool) -> None:
    async with open_database(url, most=1) as database, database.transaction() as db:
        now = database.clock.now()
        await provisioning.lock(db)
        is_new = await first_accounts.provision_first(db, now=now)
        await _register_workers(db, now=now)
        await _register_children(db, now=now)
        is_wanted = issue_keys or is_new or settings.database_url is None
        await keep_credentials(db, settings, is_wanted=is_wanted, now=now)
        await feed.settle(db)


async def _register_workers(db: Connection, *, now: Millis) -> None:
    """Register the built-in workers that the database never knew, so that their process can start after an upgrade.

    A new database also runs all of them by default. Later the policy is the operator's.
    """
    is_new = not await workers.is_any_registered(db)
    missing = [
        _content(name, told)
        for name, told in registrations().items()
        if not await workers.was_ever_registered(db, name)
    ]
    user_id = await provisioning.get_user_id(db, first_accounts.ADMIN)
    made = [(await workers.add_worker(db, content, user_id=user_id, now=now))[0] for content in missing]
    if is_new:
        await rules.put_policy(db, tuple(worker.id for worker in made), (), user_id=user_id, now=now)


def _content(name: str, told: Registration) -> WorkerContent:
    return WorkerContent(
        short_name=name,
        names=told.names,
        descriptions=told.descriptions,
        schema=None if told.schema is None else msgspec.json.encode(told.schema),
    )


async def _register_children(db: Connection, *, now: Millis) -> None:
    """Make the worker known that judges parents by their children, once. An operator may delete the worker for good."""
    if await workers.was_ever_registered(db, CHILDREN):
        return
    content = WorkerContent(
        short_name=CHILDREN,
        names={"english": "Children", "norwegian": "Innhold"},
        descriptions={
            "english": "Judges a container by what came out of the container. The service itself does this work.",
            "norwegian": "Bedømmer en beholder etter innholdet. Tjenesten selv gjør dette arbeidet.",
        },
    )
    user_id = await provisioning.get_user_id(db, first_accounts.ADMIN)
    await workers.add_worker(db, content, user_id=user_id, now=now)
