"""What a caller may see: the one place where visibility is decided.

A caller sees a row with readers when the caller and the row share a number (`caller`). A sample's readers are those of
all its submissions. A job is seen with its customer.
"""

from collections.abc import Callable, Iterable, Sequence

from samplebank.accounts.caller import Caller, of_uploader
from samplebank.accounts.many_customers import (
    MANY,
    is_of_many,
    is_row_of_many,
    sees_nearly_all,
    shares_a_number,
)
from samplebank.accounts.model import VIEWS, Permission
from samplebank.database import TRUE, Sql, all_of, any_of, one_of_few

#: customers of a caller whose rows are looked for customer by customer
FEW = 16
See = Callable[[Sequence[Permission]], Sql]


def see_rows(caller: Caller, table: str, *permissions: Permission) -> Sql:
    """The rows of `table` (with readers) that the caller may see by any of `permissions`.

    By workOnClaimedTasks the caller sees the rows that the caller made.
    """
    if Permission.WORK_ON_CLAIMS in permissions:
        own = Sql(f"{table}.user_id = {{}}", caller.user.id)
        return _see_by_claims_too(caller, lambda others: see_rows(caller, table, *others), permissions, own)
    scope = caller.scope(*permissions)
    if scope.everywhere:
        return TRUE
    if len(scope.customers) >= MANY:
        return is_row_of_many(caller, scope, table)
    return Sql(f"{table}.readers && {{}}::bigint[]", caller.numbers(*permissions))


def parts_of_rows(caller: Caller, table: str, *permissions: Permission) -> list[Sql]:
    """`see_rows` for a caller of few customers, as conditions of which one at most holds of a row. Empty for any other caller.

    Each part but the last is about a single customer or a single first reader. So an index that begins with customer or
    first reader has the rows of the part in its order. A row that is not for everybody or for a domain begins with another
    reader than these.
    """
    scope = caller.scope(*permissions)
    if scope.everywhere or len(scope.customers) > FEW or Permission.WORK_ON_CLAIMS in permissions:
        return []
    customers = sorted(scope.customers)
    own = [Sql(f"{table}.customer_id = {{}}", id_) for id_ in customers]
    foreign = Sql(f"{table}.customer_id <> ALL ({{}}::bigint[])", customers)
    wide = [number for number in caller.own_numbers if number <= 0]
    # Written out: only for numbers in the text does the planner know that a partial index has the rows.
    public = [Sql(f"{table}.readers[1] = {number:d} AND {{}}", foreign) for number in wide]
    others = Sql(
        f"{table}.readers && {{}}::bigint[] AND {table}.readers[1] <> ALL ({{}}::bigint[]) AND {{}}",
        [number for number in caller.own_numbers if number > 0],
        wide,
        foreign,
    )
    return [*own, *public, others]


def numbers_of_parts(caller: Caller, *permissions: Permission) -> tuple[list[int], list[int]] | None:
    """The readers of all parts of `parts_of_rows` but the last, and the readers of the last. None without parts.

    A row that not everybody may read has one of the first readers at most, besides the domain.
    """
    if not parts_of_rows(caller, "", *permissions):
        return None
    shared = [number for number in caller.own_numbers if number > 0]
    return [number for number in caller.numbers(*permissions) if number not in shared], shared


def see_samples(caller: Caller, table: str, *permissions: Permission) -> Sql:
    """The samples that the caller may see by any of `permissions`.

    A sample without any submission is seen only with downloadSampleUnrestricted: for every customer, or for the customer of
    an uploader. The record of a deleted sample is seen by callers who may delete, among the readers that the sample had.
    By workOnClaimedTasks the samples of the caller's own claims are seen, and nothing else.
    """
    if Permission.WORK_ON_CLAIMS in permissions:
        by_claim = Sql(
            f"{table}.deleted_time IS NULL AND EXISTS (SELECT {{}})", claimed(caller, Sql(f"{table}.id"))
        )
        return _see_by_claims_too(
            caller, lambda others: see_samples(caller, table, *others), permissions, by_claim
        )
    unrestricted = caller.scope(Permission.DOWNLOAD_UNRESTRICTED)
    if unrestricted.everywhere:
        return TRUE
    undeleted = [] if caller.holds(Permission.DELETE_SAMPLE) else [Sql(f"{table}.deleted_time IS NULL")]
    scope = caller.scope(*permissions)
    numbers = [of_uploader(id_) for id_ in sorted(unrestricted.customers)]
    if scope.everywhere:
        readable = Sql(f"{table}.unread_since IS NULL OR {table}.readers && {{}}::bigint[]", numbers)
    elif len(scope.customers) >= MANY and len(caller.customers - scope.customers) < MANY:
        readable = sees_nearly_all(caller, table, scope, unrestricted)
    else:
        readable = shares_a_number(table, numbers + caller.numbers(*permissions))
    return all_of([readable, *undeleted])


def has_brought_or_sees(caller: Caller, table: str) -> Sql:
    """The samples whose bytes the caller's customer has brought, and those of which the caller may see anything.

    What a caller is told as known, where a site tells nothing of the files of others.
    """
    if caller.scope(*VIEWS).everywhere:
        return TRUE
    numbers = {of_uploader(caller.user.customer.id), *caller.numbers(*VIEWS, Permission.ADD_SUBMISSION)}
    return shares_a_number(table, sorted(numbers))


def numbers_of_samples(caller: Caller, *permissions: Permission) -> list[int] | None:
    """The readers whose lists (`sample_reader`) together have the samples that `see_samples` shows, and nobody deleted.

    What nobody submitted is in no list. None for a caller whose samples no few lists have.
    """
    scope, unrestricted = caller.scope(*permissions), caller.scope(Permission.DOWNLOAD_UNRESTRICTED)
    if scope.everywhere or Permission.WORK_ON_CLAIMS in permissions or not scope >= unrestricted:
        return None
    numbers = [*caller.numbers(*permissions), *map(of_uploader, sorted(unrestricted.customers))]
    return numbers if len(numbers) < MANY else None


def see_customers(caller: Caller, column: str, *permissions: Permission) -> Sql:
    """The rows whose customer the caller holds any of `permissions` for (jobs, tasks)."""
    scope = caller.scope(*permissions)
    if scope.everywhere:
        return TRUE
    if len(scope.customers) >= MANY:
        return is_of_many(caller, scope, column).held
    return one_of_few(column, sorted(scope.customers))


def sees_row(caller: Caller, table: str, *permissions: Permission) -> Sql:
    """That the caller may see a row of `table` that is found already. The caller sees the rows that the caller made.

    For many rows there is `see_rows`, which finds the rows as well.
    """
    numbers = numbers_to_see(caller, *permissions)
    if numbers is None:
        return TRUE
    return Sql(f"({table}.readers && {{}}::bigint[] OR {table}.user_id = {{}})", numbers, caller.user.id)


def numbers_to_see(caller: Caller, *permissions: Permission) -> list[int] | None:
    """The reader numbers that show the caller a row by any of `permissions`; None where every row is shown."""
    if caller.scope(*permissions).everywhere:
        return None
    return caller.numbers(*permissions) if caller.holds(*permissions) else []


def sees_internal(caller: Caller, customer_id: int) -> bool:
    """Whether evidence that is flagged internal is for the caller: it works on analyses of the customer."""
    return caller.scope(Permission.UPDATE_JOB, Permission.ADD_EVIDENCE).covers(customer_id)


def sees_judgement(caller: Caller, column: str) -> Sql:
    """That the caller may read who judged by hand, and why.

    `column` lists the customers for which the author could judge, NULL for every customer. Whoever holds a view
    permission for one of these customers may read.
    """
    scope = caller.scope(*VIEWS)
    if scope.everywhere:
        return TRUE
    return Sql(f"({column} IS NULL OR {column} && {{}}::bigint[])", sorted(scope.customers))


def submissions_open_samples(caller: Caller) -> bool:
    """Whether the caller may see the sample of each submission found in searches.

    The rule for samples says so: the readers of a sample are the readers of all submissions of the sample, and no submitted
    sample is without a submission. So the answer is yes for a caller who may see samples wherever the caller may see
    submissions.
    """
    return caller.scope(Permission.VIEW_SAMPLES) >= caller.scope(Permission.VIEW_SUBMISSION)


def claimed(caller: Caller, sample: Sql) -> Sql:
    """That there is a task `t` of the sample whose id is `sample` that the caller has claimed and works on.

    The piece is the FROM and the WHERE of a query, to which conditions may be added.
    """
    scope = caller.scope(Permission.WORK_ON_CLAIMS)
    of_customers = (
        TRUE if scope.everywhere else Sql("t.customer_id = ANY({}::bigint[])", sorted(scope.customers))
    )
    return Sql(
        "FROM job_task t WHERE t.sample_id = {} AND t.claimed_by = {} AND t.lease_token IS NOT NULL AND {}",
        sample,
        caller.user.id,
        of_customers,
    )


def _see_by_claims_too(caller: Caller, see: See, permissions: Iterable[Permission], by_claim: Sql) -> Sql:
    """What the caller sees by the other permissions, or by its claims."""
    others = [permission for permission in permissions if permission != Permission.WORK_ON_CLAIMS]
    if not caller.holds(*others):
        return by_claim
    seen = see(others)
    return any_of([seen, by_claim]) if caller.holds(Permission.WORK_ON_CLAIMS) and seen is not TRUE else seen
