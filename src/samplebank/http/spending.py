"""Seconds of the database that keys, users and customers spend in a minute in one process."""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from functools import partial
from typing import NamedTuple

from samplebank.accounts.caller import Caller
from samplebank.errors import TooMany
from samplebank.http.payers import Bounds, Payer

#: seconds of a window
WINDOW = 60
USED_UP = (
    "Requests of {whose} have used up the {most:g} seconds of the database that a minute has; "
    "ask for less at once, or ask the operator for more ({setting})."
)


class _Budget(NamedTuple):
    """The seconds of each payer of a kind."""

    payer: Payer
    most: int
    spent: defaultdict[Hashable, float]


class Spending:
    """What keys, users and customers have spent since the present window began. With the next window all begin anew.

    A bound is a number of seconds.
    """

    def __init__(self, bounds: Bounds, clock: Callable[[], float] = time.monotonic) -> None:
        self._budgets = [_Budget(payer, most, defaultdict(float)) for payer, most in bounds.each()]
        self._clock = clock
        self._end = 0.0

    def check(self, caller: Caller) -> None:
        """Raise `TooMany` where the key, the user or the customer of the caller has used up the window."""
        if not self._budgets:
            return
        self._turn()
        for budget in self._budgets:
            if budget.spent.get(budget.payer.id_of(caller), 0) >= budget.most:
                raise self._refusal(budget)

    def account(self, caller: Caller) -> Callable[[float], None] | None:
        """What is to be told the seconds that the caller spends. None without bounds, so that nobody reads the clock."""
        if not self._budgets:
            return None
        return partial(self._spend, [budget.payer.id_of(caller) for budget in self._budgets])

    def _spend(self, ids: Iterable[Hashable | None], seconds: float) -> None:
        self._turn()
        for budget, id_ in zip(self._budgets, ids, strict=True):
            if id_ is not None:
                budget.spent[id_] += seconds

    def _turn(self) -> None:
        """Forget what was spent in windows that have ended."""
        now = self._clock()
        if now >= self._end:
            self._end = now + WINDOW
            for budget in self._budgets:
                budget.spent.clear()

    def _refusal(self, budget: _Budget) -> TooMany:
        payer = budget.payer
        message = USED_UP.format(
            whose=payer.whose, most=budget.most, setting=payer.setting("DATABASE_SECONDS")
        )
        return TooMany(message, wait=math.ceil(self._end - self._clock()))
