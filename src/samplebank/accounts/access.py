"""Who is calling and what they may see: the one place where visibility is decided.

A row that has readers (a submission, an analysis, a link) stores them as numbers; a caller holds numbers, too, and
sees the row when they share one. A sample's readers are those of all its submissions.
"""

from collections.abc import Iterable, Mapping

import msgspec

from samplebank.accounts.model import Customer, Permission, Subject
from samplebank.database import Where
from samplebank.errors import Forbidden, Violation

EVERYBODY = 0
#: numbers below this are those of uploaders
UPLOADERS = -(1 << 40)
#: from so many customers on, a caller's numbers are looked up in a hash table: `&&` compares each with each, and
#: took 250 ms for 100,000 rows and 1,000 customers, where the hash table takes 10
MANY = 64


def of_domain(domain_id: int) -> int:
    return -domain_id


def of_customer(customer_id: int) -> int:
    return 2 * customer_id


def of_subject(subject_id: int) -> int:
    return 2 * subject_id + 1


def of_uploader(customer_id: int) -> int:
    """Stands in a sample's readers for the customer of a user who uploaded the bytes.

    It opens the sample to holders of downloadSampleUnrestricted for that customer, and to nobody else.
    """
    return UPLOADERS - customer_id


def readers(customer: Customer, tlp: str, acl: Iterable[int]) -> list[int]:
    """Who may read a row of `customer`: its own, the subjects of the ACL, and whom the TLP adds."""
    numbers = {of_customer(customer.id), *map(of_subject, acl)}
    if tlp == "green":
        numbers.add(of_domain(customer.domain.id))
    if tlp == "clear":
        numbers.add(EVERYBODY)
    return sorted(numbers)


class Scope(msgspec.Struct, frozen=True):
    """The customers for which a permission is held: all of them, or the listed ones (with those below them)."""

    everywhere: bool = False
    customers: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return self.everywhere or bool(self.customers)

    def covers(self, customer_id: int) -> bool:
        return self.everywhere or customer_id in self.customers

    def __or__(self, other: "Scope") -> "Scope":
        return Scope(self.everywhere or other.everywhere, self.customers | other.customers)


NOWHERE = Scope()


class Caller(msgspec.Struct, frozen=True):
    """An authenticated user with the permissions that its key brings."""

    user: Subject
    groups: tuple[int, ...]
    scopes: Mapping[Permission, Scope]

    def scope(self, *permissions: Permission) -> Scope:
        """Where any of `permissions` is held."""
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
            raise Forbidden(
                f"You do not hold the permission {permission} for the customer {customer.short_name}."
            )

    @property
    def own_numbers(self) -> list[int]:
        """The reader numbers that this caller has without any permission: everybody's, its domain's, its own."""
        own = [EVERYBODY, of_domain(self.user.customer.domain.id), of_subject(self.user.id)]
        return [*own, *map(of_subject, self.groups)]

    def numbers(self, *permissions: Permission) -> list[int]:
        """The reader numbers of this caller, where any of `permissions` is asked for."""
        return [*self.own_numbers, *map(of_customer, sorted(self.scope(*permissions).customers))]


def see_rows(where: Where, caller: Caller, table: str, *permissions: Permission) -> None:
    """Limit `where` to the rows of `table` (with readers) that the caller may see by any of `permissions`."""
    scope = caller.scope(*permissions)
    if scope.everywhere:
        return
    if len(scope.customers) < MANY:
        where.add(f"{table}.readers && {{}}::bigint[]", caller.numbers(*permissions))
        return
    where.add(
        f"{table}.customer_id IN (SELECT unnest({{}}::bigint[])) OR {table}.readers && {{}}::bigint[]",
        sorted(scope.customers),
        caller.own_numbers,
    )


def see_samples(where: Where, caller: Caller, table: str, *permissions: Permission) -> None:
    """Limit `where` to the samples that the caller may see by any of `permissions`.

    A sample without any submission is seen only with downloadSampleUnrestricted: for every customer, or for that of
    an uploader. The record of a deleted one is seen by those who may delete, among the readers that it had.
    """
    unrestricted = caller.scope(Permission.DOWNLOAD_UNRESTRICTED)
    if unrestricted.everywhere:
        return
    numbers = [of_uploader(id_) for id_ in sorted(unrestricted.customers)]
    if caller.scope(*permissions).everywhere:
        where.add(f"{table}.unread_since IS NULL OR {table}.readers && {{}}::bigint[]", numbers)
    else:
        _share_a_number(where, table, numbers + caller.numbers(*permissions))
    if not caller.holds(Permission.DELETE_SAMPLE):
        where.add(f"{table}.deleted_time IS NULL")


def see_customers(where: Where, caller: Caller, column: str, *permissions: Permission) -> None:
    """Limit `where` to rows whose customer the caller holds any of `permissions` for (jobs, tasks)."""
    scope = caller.scope(*permissions)
    if scope.everywhere:
        return
    if len(scope.customers) < MANY:
        where.add(f"{column} = ANY({{}}::bigint[])", sorted(scope.customers))
    else:
        # The second half is never true. It keeps the first from becoming a join, which would sort every row.
        where.add(f"{column} IN (SELECT unnest({{}}::bigint[])) OR {column} IS NULL", sorted(scope.customers))


def _share_a_number(where: Where, table: str, numbers: list[int]) -> None:
    if len(numbers) < MANY:
        where.add(f"{table}.readers && {{}}::bigint[]", numbers)
        return
    # The last number is that of a customer in nearly every row, so the others are seldom looked at.
    given = where.value(numbers)
    among = f"IN (SELECT unnest({given}::bigint[]))"
    where.conditions.append(
        f"{table}.readers[cardinality({table}.readers)] {among}"
        f" OR (SELECT bool_or(r {among}) FROM unnest({table}.readers) r)"
    )


def forbidden(permissions: Iterable[Permission]) -> Forbidden:
    """The refusal of a caller who holds none of `permissions` anywhere."""
    needed = " or ".join(permissions)
    return Forbidden(
        Violation(f"This needs the permission {needed}, which you do not hold for any customer.")
    )
