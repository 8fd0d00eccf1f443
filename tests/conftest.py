"""One real service for the run, with tenants; and another database for tests of the concepts."""

import gc
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

from kit.bank import Bank
from kit.databases import rolled_back
from kit.policy_rules import AddRule, adding_rules
from kit.postgres import Postgres, own_postgres
from kit.service import PREPARED, Service, remove, running
from samplebank.database import Connection, Database, connect

# A busy machine makes an example slow, and no test asserts times.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")

#: folders with files that take longest
LONG = {
    "backups",
    "contracts",
    "hosts",
    "journeys",
    "karton",
    "maintenance",
    "rehearsal",
    "s3",
    "search",
    "serving",
    "two_worlds",
}
#: folders whose files share a database or a server of their own
TOGETHER = {"backups", "hosts", "karton", "s3", "search", "sign_in", "two_worlds"}


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Give the run an own folder: pytest closes the usual folder to other accounts, and so to the database.

    Programs under test feel Ctrl-C, even if the tests run in the background of a shell, deaf to Ctrl-C.
    Programs under test see no width of a terminal: a process that runs tests side by side with others gets a width.
    """
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if worker := getattr(config, "workerinput", None):
        folder = Path(os.environ[PREPARED]).parent / worker["workerid"]
        folder.mkdir(mode=0o700)
    else:
        folder = Path(tempfile.mkdtemp(prefix="samplebank-"))
    config.option.basetemp = str(folder / "run")
    if PREPARED not in os.environ:  # else another process of the run has made the folder, for all processes
        prepared = folder / "prepared"
        prepared.mkdir()
        os.environ[PREPARED] = str(prepared)
    config.add_cleanup(gc.unfreeze)  # else LIEF counts its classes at the end, and complains
    config.add_cleanup(lambda: remove(folder))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Keep the collector away from the thousands of tests: no test becomes garbage before the end of the run."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where tests run side by side, begin with the long files: at the end no process works while the others rest."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.path.parent.name not in LONG)


def room_of(test: str) -> str:
    """Name the group for one process: the file of a test. Files with a common database stay together.

    Each process with a file of the group makes and fills the database first: half a minute of a processor.
    """
    file = Path(test.split("::", 1)[0])
    return str(file.parent if file.parent.name in TOGETHER else file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    scheduling = LoadFileScheduling(config, log)
    scheduling._split_scope = room_of  # noqa: SLF001 -- the documented way is a subclass, which has no types
    return scheduling


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A running service, shared by the tests; every test makes new samples, workers and names."""
    with running(tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture(scope="session")
def bank(service: Service) -> Bank:
    """The shared service as users see the service."""
    return Bank(service.url, service.keys)


@pytest.fixture(scope="session")
async def database(service: Service) -> AsyncIterator[Database]:
    """The database of the shared service, for facts that cannot be seen from outside."""
    database = await connect(service.database_url, most=8)
    yield database
    await database.close()


@pytest.fixture(scope="session")
def postgres(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:  # noqa: ARG001 which makes the account
    """A server over TCP, to be stopped and killed; every test leaves the server running."""
    with own_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def add_rule(bank: Bank) -> Iterator[AddRule]:
    with adding_rules(bank) as add:
        yield add


@pytest.fixture
async def db(database: Database) -> AsyncIterator[Connection]:
    """A transaction, rolled back after the test."""
    async with rolled_back(database) as db:
        yield db


@pytest.fixture
async def no_retries(database: Database) -> None:
    """Retries of other tests are over: a user may have few retries under way, and jobs of retries may wait for ever."""
    async with database.connection() as db:
        await db.execute(
            "UPDATE service_task SET state = 'aborted', finished_time = created_time"
            " WHERE operation = 'reanalyse' AND finished_time IS NULL"
        )
