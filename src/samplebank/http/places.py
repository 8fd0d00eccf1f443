"""Places for what is under way in a process, such as requests and long waits. Nobody queues for a place."""

from collections.abc import Hashable, Iterable

from samplebank.accounts.caller import Caller
from samplebank.errors import TooMany
from samplebank.http.payers import Bounds, Payer

FULL = "Too many requests of {whose} are under way at once; wait until some end, or ask the operator for more ({setting})."
#: seconds after which a refused request may come again
COME_AGAIN = 5


class Places:
    """Places for long waits: `most` for each key. Nobody queues for a place."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: dict[Hashable, int] = {}

    def enter(self, key: Hashable) -> bool:
        """Take a place, and tell whether there was a free place. `leave` gives the place back."""
        taken = self._taken.get(key, 0)
        if taken >= self._most:
            return False
        self._taken[key] = taken + 1
        return True

    def leave(self, key: Hashable) -> None:
        left = self._taken[key] - 1
        if left:
            self._taken[key] = left
        else:
            del self._taken[key]


class Crowd:
    """The requests under way in a process, by key, by user and by customer of the user. Nobody queues."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounded = [(payer, Places(most)) for payer, most in bounds.each()]

    def enter(self, caller: Caller) -> None:
        """Count a request. `leave` takes the request out. Raises `TooMany` where too many requests are under way."""
        for number, (payer, places) in enumerate(self._bounded):
            id_ = payer.id_of(caller)
            if id_ is not None and not places.enter(id_):
                _leave(caller, self._bounded[:number])
                raise TooMany(
                    FULL.format(whose=payer.whose, setting=payer.setting("REQUESTS")), wait=COME_AGAIN
                )

    def leave(self, caller: Caller) -> None:
        _leave(caller, self._bounded)


def _leave(caller: Caller, entered: Iterable[tuple[Payer, Places]]) -> None:
    for payer, places in entered:
        id_ = payer.id_of(caller)
        if id_ is not None:
            places.leave(id_)
