"""A queue that is served in rounds: of those with the same name, one has a turn in each round."""

from collections import OrderedDict, deque
from collections.abc import Hashable
from contextvars import ContextVar
from typing import Final, Generic, TypeVar

T = TypeVar("T")
#: who waits: a customer, and a user of the customer. Work that nobody asked for has no names
Names = tuple[Hashable, Hashable]
NOBODY: Final[Names] = (None, None)
#: on whose behalf the current task works
on_behalf: ContextVar[Names] = ContextVar("on_behalf", default=NOBODY)


class Rounds(Generic[T]):
    """Items of users of customers. Customers take turns, and the users of a customer take the turns of the customer in turn.

    So somebody with very many items delays others by one item. The items of a user keep their order.
    """

    def __init__(self) -> None:
        self._customers: OrderedDict[Hashable, OrderedDict[Hashable, deque[T]]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._customers)

    def add(self, names: Names, item: T) -> None:
        customer, user = names
        users = self._customers.setdefault(customer, OrderedDict())
        users.setdefault(user, deque()).append(item)

    def take(self) -> T:
        """Take the next item. Raises `KeyError` when there is none."""
        customer, users = self._customers.popitem(last=False)
        user, items = users.popitem(last=False)
        item = items.popleft()
        if items:
            users[user] = items
        if users:
            self._customers[customer] = users
        return item

    def items(self) -> list[T]:
        return [item for users in self._customers.values() for items in users.values() for item in items]
