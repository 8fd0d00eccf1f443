"""Who pays for a request: the key, the user of the key, and the customer of the user. Each may have a budget of its own."""

from collections.abc import Callable, Hashable, Iterator
from operator import attrgetter
from typing import Final

import msgspec

from samplebank.accounts.caller import Caller
from samplebank.settings import PREFIX


class Payer(msgspec.Struct, frozen=True):
    """Somebody who pays. `id_of` gives None for a caller without such a payer."""

    #: as in the names of settings
    name: str
    #: as in sentences
    whose: str
    id_of: Callable[[Caller], Hashable | None]

    def setting(self, budget: str) -> str:
        """The name of the setting for a kind of budget, such as `REQUESTS`."""
        return f"{PREFIX}{budget}_PER_{self.name.upper()}"


KEY: Final = Payer("key", "your key", attrgetter("key_id"))
USER: Final = Payer("user", "your user", attrgetter("user.id"))
CUSTOMER: Final = Payer("customer", "users of your customer", attrgetter("user.customer.id"))


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """The most that each payer may have; 0 for no bound."""

    key: int = 0
    user: int = 0
    customer: int = 0

    def each(self) -> Iterator[tuple[Payer, int]]:
        """The payers with a bound, the narrowest first."""
        for payer, most in ((KEY, self.key), (USER, self.user), (CUSTOMER, self.customer)):
            if most:
                yield payer, most
