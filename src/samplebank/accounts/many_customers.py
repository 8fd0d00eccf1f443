"""The rule of visibility, made fast for callers of many customers. The rule itself stands in `access`."""

from typing import NamedTuple

from samplebank.accounts.caller import UPLOADERS, Caller, Scope, of_customer, of_uploader
from samplebank.accounts.model import Permission
from samplebank.database import Sql, all_of, any_of

#: from so many customers on, a caller's numbers are looked up in a hash table: `&&` compares each with each, and
#: took 250 ms for 100,000 rows and 1,000 customers, where the hash table takes 10
MANY = 64


class Membership(NamedTuple):
    """Two conditions: the customer of a row is among a caller's customers, or is not."""

    held: Sql
    lacked: Sql


def is_row_of_many(caller: Caller, scope: Scope, table: str) -> Sql:
    """The rows of `table` (with readers) of very many customers, or shared with the caller."""
    held, lacked = is_of_many(caller, scope, f"{table}.customer_id")
    shared = all_of([lacked, Sql(f"{table}.readers && {{}}::bigint[]", caller.own_numbers)])
    return any_of([held, shared])


def sees_nearly_all(caller: Caller, table: str, scope: Scope, unrestricted: Scope) -> Sql:
    """The samples in sight of a caller who lacks only a few customers.

    As long as there is no newer customer, a sample is hidden only if nobody or a lacked customer submitted the sample.
    """
    readers, newest = f"{table}.readers", max(caller.customers)
    lacked = Sql("{}::bigint[]", [of_customer(id_) for id_ in caller.customers - scope.customers])
    submitted = Sql(f"{table}.unread_since IS NULL")
    none_lacked = Sql(f"NOT {readers} && {{}}", lacked)
    none_newer = Sql("(SELECT max(id) FROM customer) <= {}", newest)
    theirs = Sql("r BETWEEN 1 AND {} AND r % 2 = 0 AND r <> ALL ({})", of_customer(newest), lacked)
    if unrestricted:
        uploaders = [of_uploader(id_) for id_ in sorted(unrestricted.customers)]
        theirs = any_of([theirs, Sql("r < {} AND r = ANY ({}::bigint[])", UPLOADERS, uploaders)])
    shared = Sql(
        f"{readers} && {{}}::bigint[] OR EXISTS (SELECT FROM unnest({readers}) r WHERE {{}})",
        caller.own_numbers,
        theirs,
    )
    hides_none = "CASE WHEN {} AND {} AND {} THEN TRUE ELSE {} END"
    return Sql(hides_none, submitted, none_newer, none_lacked, shared)


def lacks_customer(caller: Caller, column: str, *permissions: Permission) -> Sql | None:
    """A caller who holds nearly all customers lacks the customer in `column`; None for every other caller.

    The condition is seldom true. So the visible rows are counted best as all rows but the invisible rows.
    """
    scope = caller.scope(*permissions)
    is_one_of_many = not scope.everywhere and len(scope.customers) >= MANY
    of_nearly_all = _of_nearly_all(caller, scope, column) if is_one_of_many else None
    return of_nearly_all and of_nearly_all.lacked


def lacks_in_parts(caller: Caller, column: str, *permissions: Permission) -> list[Sql]:
    """`lacks_customer` as two exclusive conditions; an index on the customer serves each. Else empty."""
    if lacks_customer(caller, column, *permissions) is None:
        return []
    lacked = sorted(caller.customers - caller.scope(*permissions).customers)
    newer = Sql(f"{column} > {{}}", max(caller.customers))
    return [newer, Sql(f"{column} = ANY ({{}}::bigint[])", lacked)]


def is_of_many(caller: Caller, scope: Scope, column: str) -> Membership:
    """Two conditions: the customer in `column` is one of very many, or is not."""
    if of_nearly_all := _of_nearly_all(caller, scope, column):
        return of_nearly_all
    # The part with NULL is never true. The part keeps the other from becoming a join, which would sort every row.
    among = Sql(f"({column} IN (SELECT unnest({{}}::bigint[])) OR {column} IS NULL)", sorted(scope.customers))
    return Membership(among, Sql("NOT {}", among))


def _of_nearly_all(caller: Caller, scope: Scope, column: str) -> Membership | None:
    """As `is_of_many`, for a caller who holds nearly all customers: checked by the few lacked customers.

    The few customers do not keep the database from using indexes, and cost next to nothing for each row.
    """
    lacked = sorted(caller.customers - scope.customers)
    if len(lacked) >= MANY or not caller.customers:
        return None
    # Numbers of our own, written out: compared one by one the numbers are faster than an array. The database sees that
    # the numbers exclude next to nothing, and keeps its plan instead of making a plan for each request.
    newest = max(caller.customers)
    held = " AND ".join([f"{column} <= {newest:d}", *(f"{column} <> {id_:d}" for id_ in lacked)])
    return Membership(
        Sql(held), Sql(" OR ".join([f"{column} > {newest:d}", *(f"{column} = {id_:d}" for id_ in lacked)]))
    )


def shares_a_number(table: str, numbers: list[int]) -> Sql:
    """The rows of `table` with one of the numbers among the readers."""
    given = Sql("{}::bigint[]", numbers)
    if len(numbers) < MANY:
        return Sql(f"{table}.readers && {{}}", given)
    # The last number is the number of a customer in nearly every row, so the others are seldom looked at.
    among = Sql("IN (SELECT unnest({}))", given)
    return Sql(
        f"({table}.readers[cardinality({table}.readers)] {{}}"
        f" OR (SELECT bool_or(r {{}}) FROM unnest({table}.readers) r))",
        among,
        among,
    )
