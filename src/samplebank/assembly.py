"""The only place where settings become objects."""

import copy
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID

from samplebank.accounts.directory import Directory
from samplebank.accounts.keys import Callers
from samplebank.accounts.sessions import Lasting, Visitors
from samplebank.accounts.sign_in import NO_PROVIDER
from samplebank.audit.batches import Batches
from samplebank.blobs import Blobs
from samplebank.database import Database, budget, open_database
from samplebank.database.bound import Bound, HeldSignals
from samplebank.database.shared_statements import SharedStatements, all_or_none
from samplebank.database.signals import Signals
from samplebank.errors import Invalid, NotFound
from samplebank.events import feed
from samplebank.files import close_to_others, make_lasting_folder, refuse_shared
from samplebank.installation import store
from samplebank.jobs.claim_batches import Claiming
from samplebank.jobs.model import JobRules
from samplebank.policy.rules import PolicyBook
from samplebank.policy.sightings import Sightings
from samplebank.samples import objects
from samplebank.samples.objects import RowTokens
from samplebank.settings import Settings
from samplebank.stores import blob_store, closing_store
from samplebank.submissions import new_files, receiving
from samplebank.submissions.model import COLUMNS
from samplebank.timespec import Millis

if TYPE_CHECKING:
    from samplebank.accounts.provider import Provider

#: loaded only where people sign in by OpenID Connect, because HTTP and tokens take a tenth of a second of each process
PROVIDER: Final = "samplebank.accounts.provider"


def clock() -> Millis:
    """The time by the clock of this host, in milliseconds. What is stored has the time of the database, by `Bank.clock`."""
    return time.time_ns() // 1_000_000


class Bank:
    """The objects that the doors work with. Each process has one bank."""

    def __init__(self, settings: Settings, database: Database, blobs: Blobs) -> None:
        self.settings = settings
        self.job_rules = job_rules(settings)
        self.database: Database = database
        self.blobs = blobs
        self._identity: UUID | None = None
        self._secret: UUID | None = None
        self.directory = Directory(database)
        self.callers = Callers(database, self.directory)
        self.visitors = Visitors(
            database,
            self.directory,
            Lasting(idle=1000 * settings.session_idle, longest=1000 * settings.session_longest),
        )
        #: who says who people are, where people sign in by OpenID Connect; for processes that answer requests
        self.provider: Provider | None = None
        self.signals: Signals = Signals(database)
        self.policies = PolicyBook()
        #: the time of the database, the same on every host
        self.clock: Callable[[], Millis] = database.clock.now
        self.claiming = Claiming(database, self.clock, COLUMNS)
        self.ingesting = SharedStatements(database, all_or_none(new_files.store))
        self.receiving = SharedStatements(database, all_or_none(receiving.receive_new))
        self.looking = SharedStatements(database, objects.find_known)
        self.sightings = Sightings(database, self.clock)
        #: entries of the ledger that are written beside the requests
        self.acts = Batches(database)

    def get_provider(self) -> "Provider":
        """The provider of OpenID Connect. Raises `NotFound` where the settings name none."""
        if self.provider is None:
            raise NotFound(NO_PROVIDER)
        return self.provider

    async def identity(self) -> UUID | None:
        """The identity of the store that the database has, the same for every host. Read once."""
        if self._identity is None:
            async with self.database.connection() as db:
                self._identity = (await store.find(db)).identity
        return self._identity

    async def secret(self) -> UUID:
        """The secret of the feed, which hides from callers how much others do. The same for every host; read once."""
        if self._secret is None:
            async with self.database.connection() as db:
                self._secret = (await feed.look(db)).secret
        return self._secret

    def within(self, database: Bound, signals: HeldSignals) -> "Bank":
        """The same bank, with all of its changes in the transaction of `database`."""
        bank = copy.copy(self)
        bank.database, bank.signals = database, signals
        return bank


def provider(settings: Settings) -> "Provider | None":
    """The provider of OpenID Connect that the settings name; None where the settings name none."""
    if settings.oidc_issuer is None:
        return None
    module = import_module(PROVIDER)
    client = module.Client(
        settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret, settings.oidc_scopes
    )
    made: Provider = module.Provider(client)
    return made


def job_rules(settings: Settings) -> JobRules:
    return JobRules(
        max_attempts=settings.task_max_attempts,
        malicious_score=settings.malicious_score,
        longest_wait=1000 * settings.job_timeout_enqueued,
        longest_run=1000 * settings.job_timeout_executing,
    )


def make_data_folder(settings: Settings) -> Path:
    """Make the data folder if needed. Raises `Invalid` with one line when the folder cannot be made or written."""
    folder = settings.folder
    try:
        refuse_shared(folder)
        make_lasting_folder(folder)
        close_to_others(folder)
    except OSError as error:
        raise Invalid(f"The data folder {folder} cannot be made: {error.strerror}.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Invalid(f"The data folder {folder} cannot be written: SAMPLEBANK_DATA_DIR names another one.")
    return folder


@asynccontextmanager
async def open_bank(
    settings: Settings, database_url: str, *, keep_plans: bool = False
) -> AsyncIterator[Bank]:
    """Open a bank. `keep_plans` is for banks that answer requests. The database may be away, now and later."""
    given = settings.database_connections or budget.wanted(settings.processes)
    most = budget.share(given, settings.processes) if keep_plans else budget.HOUSEKEEPER_POOL
    async with (
        open_database(database_url, least=0, most=most, keep_plans=keep_plans) as database,
        closing_store(blob_store(settings, RowTokens(database), database_url)) as blobs,
    ):
        bank = Bank(settings, database, blobs)
        if keep_plans:
            bank.provider = provider(settings)
        yield bank
