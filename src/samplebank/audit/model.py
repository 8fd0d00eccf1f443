"""An entry of the ledger: who did what, when, from where; and for which customers the entry is, too."""

from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec

from samplebank.accounts.caller import Caller, Scope
from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.timespec import Millis

#: the most characters of what was asked that an entry keeps
LONGEST: Final = 500
#: the most customers of an actor that an entry lists
FEW: Final = 100


class Kind(StrEnum):
    """What sort of act an entry tells of. `ACCESS` is about accounts, keys and sessions."""

    READ = "read"
    DOWNLOAD = "download"
    CHANGE = "change"
    DELETION = "deletion"
    ACCESS = "access"


class Actor(msgspec.Struct, frozen=True):
    """Who acted. Without a user, the `service` by itself, or the `operator` by a command on the machine of the service.

    `address` is the peer: a client, or the proxy before the service. `customer_id` is the customer of the user, or of the account
    that an operator acts on. `reach` are the customers for which the user holds anything; None for every customer, or more than
    `FEW`.
    """

    kind: str
    user_id: int | None = None
    customer_id: int | None = None
    key_id: UUID | None = None
    session_id: UUID | None = None
    reach: tuple[int, ...] | None = None
    address: str | None = None
    request_id: str | None = None


SERVICE: Final = Actor("service")
OPERATOR: Final = Actor("operator")


def reach_of(caller: Caller) -> tuple[int, ...] | None:
    """The customers for which the caller holds anything; None for every customer, or more than `FEW`."""
    customers: frozenset[int] = frozenset()
    for scope in caller.scopes.values():
        if scope.everywhere:
            return None
        if not scope.customers <= customers:
            customers |= scope.customers
    return tuple(sorted(customers)) if len(customers) <= FEW else None


class Owners(msgspec.Struct, frozen=True):
    """Which of the customers that have a sample may know of an act on the sample.

    A customer that is in `customers`, or whose submissions share a number of `numbers`: so a customer learns of acts that the
    customer's own submissions allowed, and of no other.
    """

    everywhere: bool = False
    customers: tuple[int, ...] = ()
    numbers: tuple[int, ...] = ()


NOBODY: Final = Owners()
EVERY_OWNER: Final = Owners(everywhere=True)


def opened_to(caller: Caller, *permissions: Permission) -> Owners:
    """The customers whose submissions open a sample to the caller, who holds any of `permissions`."""
    scope = caller.scope(*permissions, Permission.DOWNLOAD_UNRESTRICTED)
    return _owners(scope, tuple(caller.own_numbers))


def within(scope: Scope) -> Owners:
    """The customers for which the caller holds what a change needs. A submission shared with the caller does not count."""
    return _owners(scope, ())


def privately(caller: Caller, directory: Directory) -> Owners:
    """The customer of a caller who holds nothing elsewhere: what the caller changes is of this customer, or below."""
    own, reach = caller.user.customer.id, reach_of(caller)
    is_private = reach is not None and all(directory.is_within(id_, own) for id_ in reach)
    return Owners(customers=(own,)) if is_private else NOBODY


def _owners(scope: Scope, numbers: tuple[int, ...]) -> Owners:
    if scope.everywhere:
        return EVERY_OWNER
    return Owners(customers=tuple(sorted(scope.customers)), numbers=numbers)


class Entry(msgspec.Struct, frozen=True):
    """An act. `action` is the id of the operation of the interface, or the name of a command.

    `target` names what is no sample: a user, a key, a task. `count` are equal acts within a second or so. Only reads have
    more than 1.
    """

    time: Millis
    kind: Kind
    action: str
    actor: Actor
    sha256: bytes | None = None
    target: str | None = None
    details: dict[str, Any] | None = None
    is_refused: bool = False
    count: int = 1
