"""What a caller may see: the one place where visibility is decided.

A caller sees a row with readers when the caller and the row share a number (`caller`). A sample's readers are those of
all its submissions. A job is seen with its customer.
"""

from collections.abc import Callable, Iterable, Sequence

from samplebank.accounts.caller import Caller, of_uploader
from samplebank.accounts.many_customers import MANY, of_many, see_nearly_all_samples, shares_a_number
from samplebank.accounts.model import VIEWS, Permission
from samplebank.database import Where

See = Callable[[Where, "Caller", Sequence[Permission]], None]


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
    held, lacked = of_many(where, caller, scope, f"{table}.customer_id")
    own = where.value(caller.own_numbers)
    shared = f"({lacked}) AND {table}.readers && {own}::bigint[]"
    where.add_counted(f"({held}) OR ({shared})", "({0} + {1})", held, shared)


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
        see_nearly_all_samples(where, caller, table, scope, unrestricted)
    else:
        numbers = [of_uploader(id_) for id_ in sorted(unrestricted.customers)]
        where.conditions.append(shares_a_number(where, table, numbers + caller.numbers(*permissions)))
    if not caller.holds(Permission.DELETE_SAMPLE):
        where.add(f"{table}.deleted_time IS NULL")


def see_customers(where: Where, caller: Caller, column: str, *permissions: Permission) -> None:
    """Limit `where` to rows whose customer the caller holds any of `permissions` for (jobs, tasks)."""
    scope = caller.scope(*permissions)
    if scope.everywhere:
        return
    if len(scope.customers) < MANY:
        where.add_one_of(column, sorted(scope.customers))
    else:
        held, _ = of_many(where, caller, scope, column)
        where.conditions.append(held)


def sees_row(where: Where, caller: Caller, table: str, *permissions: Permission) -> str:
    """That the caller may see a row of `table` that is found already; it sees those that it made itself.

    For many rows there is `see_rows`, which finds them as well.
    """
    numbers = numbers_to_see(caller, *permissions)
    if numbers is None:
        return "TRUE"
    return f"({table}.readers && {where.value(numbers)}::bigint[] OR {table}.user_id = {where.value(caller.user.id)})"


def numbers_to_see(caller: Caller, *permissions: Permission) -> list[int] | None:
    """The reader numbers that show the caller a row by any of `permissions`; None where every row is shown."""
    if caller.scope(*permissions).everywhere:
        return None
    return caller.numbers(*permissions) if caller.holds(*permissions) else []


def sees_internal(caller: Caller, customer_id: int) -> bool:
    """Whether evidence that is flagged internal is for the caller: it works on analyses of the customer."""
    return caller.scope(Permission.UPDATE_JOB, Permission.ADD_EVIDENCE).covers(customer_id)


def sees_judgement(where: Where, caller: Caller, column: str) -> str:
    """That the caller may read who judged by hand, and why.

    `column` lists the customers for which the author could judge, NULL for every customer. Whoever holds a view
    permission for one of these customers may read.
    """
    scope = caller.scope(*VIEWS)
    if scope.everywhere:
        return "TRUE"
    return f"({column} IS NULL OR {column} && {where.value(sorted(scope.customers))}::bigint[])"


def submissions_open_samples(caller: Caller) -> bool:
    """Whether the caller may see the sample of each submission that it sees in searches.

    It follows from the rule for samples: their readers are those of all their submissions, and what was submitted is
    not without submission. So it holds for whoever may see samples wherever it may see submissions.
    """
    return caller.scope(Permission.VIEW_SAMPLES) >= caller.scope(Permission.VIEW_SUBMISSION)


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
