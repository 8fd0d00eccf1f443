"""Who is calling and what they may see: the one place where visibility is decided.

A row that has readers (a submission, an analysis, a link) stores them as numbers; a caller holds numbers, too, and
sees the row when they share one. A sample's readers are those of all its submissions.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from uuid import UUID

import msgspec

from samplebank.accounts.model import VIEWS, Customer, Permission, Subject
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

    def __ge__(self, other: "Scope") -> bool:
        return self.everywhere or (not other.everywhere and self.customers >= other.customers)

    def __or__(self, other: "Scope") -> "Scope":
        if not self or not other:
            return self or other
        return Scope(self.everywhere or other.everywhere, self.customers | other.customers)


NOWHERE = Scope()
See = Callable[[Where, "Caller", Sequence[Permission]], None]


class Caller(msgspec.Struct, frozen=True):
    """An authenticated user with the permissions that its key brings.

    `customers` are all that there were when it was looked up. There may be newer ones by now, which its scopes do not
    name; their ids are greater, as customers are added one transaction after the other.
    """

    user: Subject
    groups: tuple[int, ...]
    scopes: Mapping[Permission, Scope]
    customers: frozenset[int] = frozenset()
    key_id: UUID | None = None

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
            # the name is not told: whoever guesses numbers would learn it
            raise Forbidden(f"You do not hold the permission {permission} for this customer.")

    def may_move(self, customer_id: int, claimed_by: int | None) -> bool:
        """Whether a task of the customer may be moved: any with updateAnalysisJob, an own claim with workOnClaimedTasks."""
        may_work = claimed_by == self.user.id and self.may(Permission.WORK_ON_CLAIMS, customer_id)
        return may_work or self.may(Permission.UPDATE_JOB, customer_id)

    @property
    def own_numbers(self) -> list[int]:
        """The reader numbers that this caller has without any permission: everybody's, its domain's, its own."""
        own = [EVERYBODY, of_domain(self.user.customer.domain.id), of_subject(self.user.id)]
        return [*own, *map(of_subject, self.groups)]

    def numbers(self, *permissions: Permission) -> list[int]:
        """The reader numbers of this caller, where any of `permissions` is asked for."""
        return [*self.own_numbers, *map(of_customer, sorted(self.scope(*permissions).customers))]


def claimed(where: Where, caller: Caller, sample: str) -> str:
    """That there is a task `t` of the sample whose id is `sample` that the caller has claimed and works on.

    It is the FROM and the WHERE of a query, to which conditions may be added.
    """
    scope = caller.scope(Permission.WORK_ON_CLAIMS)
    of_customers = (
        "TRUE"
        if scope.everywhere
        else f"t.customer_id = ANY({where.value(sorted(scope.customers))}::bigint[])"
    )
    user = where.value(caller.user.id)
    return (
        f"FROM job_task t WHERE t.sample_id = {sample} AND t.claimed_by = {user}"
        f" AND t.lease_token IS NOT NULL AND {of_customers}"
    )


def see_rows(where: Where, caller: Caller, table: str, *permissions: Permission) -> None:
    """Limit `where` to the rows of `table` (with readers) that the caller may see by any of `permissions`.

    By workOnClaimedTasks it sees those that it made itself.
    """
    if Permission.WORK_ON_CLAIMS in permissions:
        _see_by_claims_too(
            where,
            caller,
            lambda where, caller, others: see_rows(where, caller, table, *others),
            permissions,
            lambda: f"{table}.user_id = {where.value(caller.user.id)}",
        )
        return
    scope = caller.scope(*permissions)
    if scope.everywhere:
        return
    if len(scope.customers) < MANY:
        where.add(f"{table}.readers && {{}}::bigint[]", caller.numbers(*permissions))
        return
    held, lacked = _of_many(where, caller, scope, f"{table}.customer_id")
    own = where.value(caller.own_numbers)
    shared = f"({lacked}) AND {table}.readers && {own}::bigint[]"
    where.add_counted(f"({held}) OR ({shared})", "({0} + {1})", held, shared)


def numbers_to_see(caller: Caller, *permissions: Permission) -> list[int] | None:
    """The reader numbers that show the caller a row by any of `permissions`; None where every row is shown."""
    if caller.scope(*permissions).everywhere:
        return None
    return caller.numbers(*permissions) if caller.holds(*permissions) else []


def sees_row(where: Where, caller: Caller, table: str, *permissions: Permission) -> str:
    """That the caller may see a row of `table` that is found already; it sees those that it made itself.

    For many rows there is `see_rows`, which finds them as well.
    """
    numbers = numbers_to_see(caller, *permissions)
    if numbers is None:
        return "TRUE"
    return f"({table}.readers && {where.value(numbers)}::bigint[] OR {table}.user_id = {where.value(caller.user.id)})"


def sees_internal(caller: Caller, customer_id: int) -> bool:
    """Whether evidence that is flagged internal is for the caller: it works on analyses of the customer."""
    return caller.scope(Permission.UPDATE_JOB, Permission.ADD_EVIDENCE).covers(customer_id)


def see_samples(where: Where, caller: Caller, table: str, *permissions: Permission) -> None:
    """Limit `where` to the samples that the caller may see by any of `permissions`.

    A sample without any submission is seen only with downloadSampleUnrestricted: for every customer, or for that of
    an uploader. The record of a deleted one is seen by those who may delete, among the readers that it had.
    By workOnClaimedTasks the samples of the caller's own claims are seen, and nothing else.
    """
    if Permission.WORK_ON_CLAIMS in permissions:
        _see_by_claims_too(
            where,
            caller,
            lambda where, caller, others: see_samples(where, caller, table, *others),
            permissions,
            lambda: (
                f"{table}.deleted_time IS NULL AND EXISTS (SELECT {claimed(where, caller, f'{table}.id')})"
            ),
        )
        return
    unrestricted = caller.scope(Permission.DOWNLOAD_UNRESTRICTED)
    if unrestricted.everywhere:
        return
    scope = caller.scope(*permissions)
    if scope.everywhere:
        numbers = [of_uploader(id_) for id_ in sorted(unrestricted.customers)]
        where.add(f"{table}.unread_since IS NULL OR {table}.readers && {{}}::bigint[]", numbers)
    elif len(scope.customers) >= MANY and len(caller.customers - scope.customers) < MANY:
        _see_nearly_all_samples(where, caller, table, scope, unrestricted)
    else:
        numbers = [of_uploader(id_) for id_ in sorted(unrestricted.customers)]
        where.conditions.append(_shares_a_number(where, table, numbers + caller.numbers(*permissions)))
    if not caller.holds(Permission.DELETE_SAMPLE):
        where.add(f"{table}.deleted_time IS NULL")


def _see_by_claims_too(
    where: Where, caller: Caller, see: See, permissions: Iterable[Permission], by_claim: Callable[[], str]
) -> None:
    """Limit `where` to what the caller sees by the other permissions, or by its claims."""
    others = [permission for permission in permissions if permission != Permission.WORK_ON_CLAIMS]
    since = len(where.conditions)
    if caller.holds(*others):
        see(where, caller, others)
        if caller.holds(Permission.WORK_ON_CLAIMS):
            where.widen(since, by_claim())
    else:
        where.conditions.append(by_claim())


def submissions_open_samples(caller: Caller) -> bool:
    """Whether the caller may see the sample of each submission that it sees in searches.

    It follows from the rule for samples: their readers are those of all their submissions, and what was submitted is
    not without submission. So it holds for whoever may see samples wherever it may see submissions.
    """
    return caller.scope(Permission.VIEW_SAMPLES) >= caller.scope(Permission.VIEW_SUBMISSION)


def _see_nearly_all_samples(
    where: Where, caller: Caller, table: str, scope: Scope, unrestricted: Scope
) -> None:
    """As `see_samples`, for a caller who lacks only a few customers.

    As long as there is no newer customer, a sample is hidden only if nobody submitted it, or if one of those few did.
    """
    readers, newest = f"{table}.readers", max(caller.customers)
    lacked = where.value([of_customer(id_) for id_ in caller.customers - scope.customers])
    submitted, none_lacked = f"{table}.unread_since IS NULL", f"NOT {readers} && {lacked}::bigint[]"
    none_newer = f"(SELECT max(id) FROM customer) <= {where.value(newest)}"
    theirs = (
        f"r BETWEEN 1 AND {where.value(of_customer(newest))} AND r % 2 = 0 AND r <> ALL ({lacked}::bigint[])"
    )
    if unrestricted:
        uploaders = [of_uploader(id_) for id_ in sorted(unrestricted.customers)]
        theirs = (
            f"({theirs}) OR (r < {where.value(UPLOADERS)} AND r = ANY ({where.value(uploaders)}::bigint[]))"
        )
    shared = (
        f"{readers} && {where.value(caller.own_numbers)}::bigint[] OR EXISTS"
        f" (SELECT FROM unnest({readers}) r WHERE {theirs})"
    )
    where.add_counted(
        f"CASE WHEN {submitted} AND {none_newer} AND {none_lacked} THEN TRUE ELSE {shared} END",
        f"(CASE WHEN {none_newer} THEN {{0}} - {{1}} + {{2}} ELSE {{3}} END)",
        submitted,
        f"{submitted} AND {readers} && {lacked}::bigint[] AND NOT ({shared})",
        f"NOT {submitted} AND ({shared})",
        shared,
    )


def see_customers(where: Where, caller: Caller, column: str, *permissions: Permission) -> None:
    """Limit `where` to rows whose customer the caller holds any of `permissions` for (jobs, tasks)."""
    scope = caller.scope(*permissions)
    if scope.everywhere:
        return
    if len(scope.customers) < MANY:
        where.add_one_of(column, sorted(scope.customers))
    else:
        held, _ = _of_many(where, caller, scope, column)
        where.conditions.append(held)


def sees_judgement(where: Where, caller: Caller, column: str) -> str:
    """That the caller may read who judged by hand, and why.

    `column` lists the customers for which the author could judge, NULL for every customer. Whoever holds a view
    permission for one of these customers may read.
    """
    scope = caller.scope(*VIEWS)
    if scope.everywhere:
        return "TRUE"
    return f"({column} IS NULL OR {column} && {where.value(sorted(scope.customers))}::bigint[])"


def lacks_customer(caller: Caller, column: str, *permissions: Permission) -> str | None:
    """That a caller who holds nearly all customers lacks the one in `column`; None for every other caller.

    It is seldom true, so that what such a caller may see is counted best as everything but what it may not.
    """
    scope = caller.scope(*permissions)
    is_one_of_many = not scope.everywhere and len(scope.customers) >= MANY
    of_nearly_all = _of_nearly_all(caller, scope, column) if is_one_of_many else None
    return of_nearly_all and of_nearly_all[1]


def _of_many(where: Where, caller: Caller, scope: Scope, column: str) -> tuple[str, str]:
    """That the customer in `column` is one of very many, and that it is not."""
    if of_nearly_all := _of_nearly_all(caller, scope, column):
        return of_nearly_all
    given = f"{where.value(sorted(scope.customers))}::bigint[]"
    # The part with NULL is never true. It keeps the other from becoming a join, which would sort every row.
    among = f"({column} IN (SELECT unnest({given})) OR {column} IS NULL)"
    return among, f"NOT {among}"


def _of_nearly_all(caller: Caller, scope: Scope, column: str) -> tuple[str, str] | None:
    """As `_of_many`, for who holds nearly all customers: it is checked by the few that it lacks.

    Those do not keep the database from its indexes, and cost next to nothing for each row.
    """
    lacked = sorted(caller.customers - scope.customers)
    if len(lacked) >= MANY or not caller.customers:
        return None
    # Numbers of our own, written out: compared one by one they are faster than as an array, and the database,
    # which sees that they exclude next to nothing, keeps its plan instead of making one for each request.
    newest = max(caller.customers)
    held = " AND ".join([f"{column} <= {newest:d}", *(f"{column} <> {id_:d}" for id_ in lacked)])
    return held, " OR ".join([f"{column} > {newest:d}", *(f"{column} = {id_:d}" for id_ in lacked)])


def _shares_a_number(where: Where, table: str, numbers: list[int]) -> str:
    given = f"{where.value(numbers)}::bigint[]"
    if len(numbers) < MANY:
        return f"{table}.readers && {given}"
    # The last number is that of a customer in nearly every row, so the others are seldom looked at.
    among = f"IN (SELECT unnest({given}))"
    return (
        f"({table}.readers[cardinality({table}.readers)] {among}"
        f" OR (SELECT bool_or(r {among}) FROM unnest({table}.readers) r))"
    )


def forbidden(permissions: Iterable[Permission]) -> Forbidden:
    """The refusal of a caller who holds none of `permissions` anywhere."""
    needed = " or ".join(permissions)
    return Forbidden(
        Violation(f"This needs the permission {needed}, which you do not hold for any customer.")
    )


def sees_customer(caller: Caller, customer: Customer, *permissions: Permission) -> bool:
    """Whether the caller may know of the customer: it is its own, or one it holds any of `permissions` for."""
    return customer.id == caller.user.customer.id or caller.scope(*permissions).covers(customer.id)
