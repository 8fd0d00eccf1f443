"""Places for what is under way in a process, such as requests and long waits. Nobody queues for a place."""

from collections.abc import Hashable

from samplebank.accounts.caller import Caller
from samplebank.errors import TooMany

OF_USER = "Too many requests of your user are under way at once; wait until some end."
OF_CUSTOMER = "Too many requests of users of your customer are under way at once; wait until some end."
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
    """The requests under way in a process, by user and by customer of the user. Nobody queues."""

    def __init__(self, per_user: int, per_customer: int) -> None:
        self._users = Places(per_user)
        self._customers = Places(per_customer)

    def enter(self, caller: Caller) -> None:
        """Count a request. `leave` takes the request out. Raises `TooMany` where too many requests are under way."""
        user = caller.user
        if not self._users.enter(user.id):
            raise TooMany(OF_USER, wait=COME_AGAIN)
        if not self._customers.enter(user.customer.id):
            self._users.leave(user.id)
            raise TooMany(OF_CUSTOMER, wait=COME_AGAIN)

    def leave(self, caller: Caller) -> None:
        self._users.leave(caller.user.id)
        self._customers.leave(caller.user.customer.id)
