"""A database whose every connection is the connection of one open transaction: what is done there is done together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from uuid import UUID

from samplebank.database.connection import UNLIMITED, Connection, Database
from samplebank.database.signals import EVERYBODY, Signal, Signals


class Bound(Database):
    """The database as part of the open transaction of `db`. A transaction in the transaction is a savepoint.

    One task may use a bound database at a time, as a connection does one thing at a time.
    """

    def __init__(self, db: Connection) -> None:
        self._db = db

    @asynccontextmanager
    async def connection(
        self, limit: AbstractContextManager[object] = UNLIMITED
    ) -> AsyncIterator[Connection]:
        with limit:
            yield self._db

    @asynccontextmanager
    async def transaction(self, *, read_only: bool = False) -> AsyncIterator[Connection]:  # noqa: ARG002
        async with self._db.transaction():
            yield self._db


class HeldSignals(Signals):
    """Signals of an open transaction: sent on when the transaction has been committed."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._held: list[tuple[Signal, frozenset[str]]] = []
        self._changes: list[UUID] = []

    def send(self, signal: Signal, concerned: frozenset[str] = EVERYBODY) -> None:
        self._held.append((signal, concerned))

    def tell(self, *ids: UUID) -> None:
        self._changes += ids

    @asynccontextmanager
    async def listening(self, *signals: Signal, name: str | None = None) -> AsyncIterator[asyncio.Event]:
        async with self._signals.listening(*signals, name=name) as event:
            yield event

    def send_on(self) -> None:
        """Send the signals. The transaction has been committed."""
        for signal, concerned in dict.fromkeys(self._held):
            self._signals.send(signal, concerned)
        self._signals.tell(*self._changes)
