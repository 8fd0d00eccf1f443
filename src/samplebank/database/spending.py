"""On whose account connections are lent: whoever spends very much of the database in a minute has to wait for the next minute."""

import time
from collections.abc import Callable
from contextvars import ContextVar

#: told the seconds for which a connection was lent to the current task. None for work that nobody pays for
spender: ContextVar[Callable[[float], None] | None] = ContextVar("spender", default=None)


class Bill:
    """The time for which a connection is lent, from now on."""

    __slots__ = ("_since", "_spend")

    def __init__(self, spend: Callable[[float], None]) -> None:
        self._spend = spend
        self._since = time.monotonic()

    def settle(self) -> None:
        self._spend(time.monotonic() - self._since)


def open_bill() -> Bill | None:
    """A bill for the current task; None for work that nobody pays for."""
    spend = spender.get()
    return None if spend is None else Bill(spend)
