"""The caller, and the numbers that rows and callers share.

A row with readers (a submission, an analysis, a link) stores the readers as numbers. A caller holds numbers, too.
"""

from collections.abc import Iterable, Mapping
from uuid import UUID

import msgspec

from samplebank.accounts.model import Customer, Permission, Subject
from samplebank.errors import Forbidden, Violation

EVERYBODY = 0
#: numbers below `UPLOADERS` are numbers of uploaders
UPLOADERS = -(1 << 40)


def of_domain(domain_id: int) -> int:
    return -domain_id


def of_customer(customer_id: int) -> int:
    return 2 * customer_id


def of_subject(subject_id: int) -> int:
    return 2 * subject_id + 1


def of_uploader(customer_id: int) -> int:
    """The number in a sample's readers for the customer of a user who uploaded the bytes.

    The number opens the sample to holders of downloadSampleUnrestricted for the customer, and to nobody else.
    """
    return UPLOADERS - customer_id


def readers(customer: Customer, tlp: str, acl: Iterable[int]) -> list[int]:
    """The numbers of the readers of a row of `customer`: the customer, the subjects of the ACL, and readers by the TLP."""
    numbers = {of_customer(customer.id), *map(of_subject, acl)}
    if tlp == "green":
        numbers.add(of_domain(customer.domain.id))
    if tlp == "clear":
        numbers.add(EVERYBODY)
    return sorted(numbers)


class Scope(msgspec.Struct, frozen=True):
    """The customers for which a permission is held: every customer, or the listed customers (including all below)."""

    everywhere: bool = False
    customers: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return self.everywhere or bool(self.customers)

    def covers(self, customer_id: int) -> bool:
        return self.everywhere or customer_id in self.customers

    def __ge__(self, other: "Scope") -> bool:
        return self.everywhere or (not other.everywhere and self.customers >= other.customers)

    def __or__(self, other: "Scope") -> "Scope":
        if not self or not other:
            return self or other
        return Scope(self.everywhere or other.everywhere, self.customers | other.customers)


NOWHERE = Scope()


class Caller(msgspec.Struct, frozen=True):
    """An authenticated user with the permissions of the key.

    `customers` are all customers at the time of the look-up. There may be newer customers by now, which the scopes do not
    name. The ids of newer customers are greater, as customers are added one transaction after the other.
    """

    user: Subject
    groups: tuple[int, ...]
    scopes: Mapping[Permission, Scope]
    customers: frozenset[int] = frozenset()
    key_id: UUID | None = None

    def scope(self, *permissions: Permission) -> Scope:
        """The customers for which any of `permissions` is held."""
        if len(permissions) == 1:
            return self.scopes.get(permissions[0], NOWHERE)
        found = NOWHERE
        for permission in permissions:
            found |= self.scopes.get(permission, NOWHERE)
        return found

    def holds(self, *permissions: Permission) -> bool:
        """Whether any of `permissions` is held for any customer."""
        return any(self.scopes.get(permission, NOWHERE) for permission in permissions)

    def may(self, permission: Permission, customer_id: int) -> bool:
        return self.scope(permission).covers(customer_id)

    def require(self, permission: Permission, customer: Customer) -> None:
        """Raise `Forbidden` unless the permission is held for the customer."""
        if not self.may(permission, customer.id):
            # the name of the customer is not told: a caller who guesses ids would learn names
            raise Forbidden(f"You do not hold the permission {permission} for this customer.")

    def may_move(self, customer_id: int, claimed_by: int | None) -> bool:
        """Whether the caller may move a task: any task with updateAnalysisJob, an own claim with workOnClaimedTasks."""
        may_work = claimed_by == self.user.id and self.may(Permission.WORK_ON_CLAIMS, customer_id)
        return may_work or self.may(Permission.UPDATE_JOB, customer_id)

    @property
    def own_numbers(self) -> list[int]:
        """The reader numbers that need no permission: of everybody, the domain, the user, the groups."""
        own = [EVERYBODY, of_domain(self.user.customer.domain.id), of_subject(self.user.id)]
        return [*own, *map(of_subject, self.groups)]

    def numbers(self, *permissions: Permission) -> list[int]:
        """The reader numbers of the caller, where any of `permissions` is asked for."""
        return [*self.own_numbers, *map(of_customer, sorted(self.scope(*permissions).customers))]


def forbidden(permissions: Iterable[Permission]) -> Forbidden:
    """The refusal of a caller who holds none of `permissions` anywhere."""
    needed = " or ".join(permissions)
    return Forbidden(
        Violation(f"This needs the permission {needed}, which you do not hold for any customer.")
    )


def sees_customer(caller: Caller, customer: Customer, *permissions: Permission) -> bool:
    """Whether the caller may know of the customer: the caller's own customer, or by any of `permissions`."""
    return customer.id == caller.user.customer.id or caller.scope(*permissions).covers(customer.id)


def unseen(kind: str, reference: object) -> str:
    """What a filter says of a customer or user, by the `kind`, who is not there or whom the caller may not see: the same words."""
    return f"There is no {kind} {str(reference)[:100]!r} that you may see."


def knows_customer(caller: Caller, customer: Customer) -> bool:
    """Whether the caller may know of the customer by any permission at all."""
    return sees_customer(caller, customer, *caller.scopes)
