"""Seconds of the database that users and customers spend in a minute in one process."""

import math
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial

from samplebank.accounts.caller import Caller
from samplebank.errors import TooMany

#: seconds of a window
WINDOW = 60
USED_UP = (
    "Requests of {whose} have used up the {most:g} seconds of the database that a minute has; "
    "ask for less at once, or ask the operator for more ({setting})."
)
OF_USER = ("your user", "SAMPLEBANK_DATABASE_SECONDS_PER_USER")
OF_CUSTOMER = ("users of your customer", "SAMPLEBANK_DATABASE_SECONDS_PER_CUSTOMER")


class Spending:
    """What users and customers have spent since the present window began. With the next window all begin anew.

    A bound is a number of seconds; 0 for no bound.
    """

    def __init__(
        self,
        per_user: int,
        per_customer: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_user = per_user
        self._per_customer = per_customer
        self._is_bounded = bool(per_user or per_customer)
        self._clock = clock
        self._end = 0.0
        self._users: defaultdict[int, float] = defaultdict(float)
        self._customers: defaultdict[int, float] = defaultdict(float)

    def check(self, caller: Caller) -> None:
        """Raise `TooMany` where the caller's user or customer has used up the window."""
        if not self._is_bounded:
            return
        user = caller.user
        self._turn()
        if self._per_user and self._users.get(user.id, 0) >= self._per_user:
            raise self._refusal(*OF_USER, self._per_user)
        if self._per_customer and self._customers.get(user.customer.id, 0) >= self._per_customer:
            raise self._refusal(*OF_CUSTOMER, self._per_customer)

    def account(self, caller: Caller) -> Callable[[float], None] | None:
        """What is to be told the seconds that the caller spends. None without bounds, so that nobody reads the clock."""
        if not self._is_bounded:
            return None
        return partial(self._spend, caller.user.id, caller.user.customer.id)

    def _spend(self, user_id: int, customer_id: int, seconds: float) -> None:
        self._turn()
        self._users[user_id] += seconds
        self._customers[customer_id] += seconds

    def _turn(self) -> None:
        """Forget what was spent in windows that have ended."""
        now = self._clock()
        if now >= self._end:
            self._end = now + WINDOW
            self._users.clear()
            self._customers.clear()

    def _refusal(self, whose: str, setting: str, most: int) -> TooMany:
        message = USED_UP.format(whose=whose, most=most, setting=setting)
        return TooMany(message, wait=math.ceil(self._end - self._clock()))
