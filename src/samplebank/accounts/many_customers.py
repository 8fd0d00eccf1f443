"""What makes the rule of visibility fast for callers of many customers. The rule itself stands in `access`."""

from samplebank.accounts.caller import UPLOADERS, Caller, Scope, of_customer, of_uploader
from samplebank.accounts.model import Permission
from samplebank.database import Where

#: from so many customers on, a caller's numbers are looked up in a hash table: `&&` compares each with each, and
#: took 250 ms for 100,000 rows and 1,000 customers, where the hash table takes 10
MANY = 64


def see_nearly_all_samples(
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


def lacks_customer(caller: Caller, column: str, *permissions: Permission) -> str | None:
    """That a caller who holds nearly all customers lacks the one in `column`; None for every other caller.

    It is seldom true, so that what such a caller may see is counted best as everything but what it may not.
    """
    scope = caller.scope(*permissions)
    is_one_of_many = not scope.everywhere and len(scope.customers) >= MANY
    of_nearly_all = _of_nearly_all(caller, scope, column) if is_one_of_many else None
    return of_nearly_all and of_nearly_all[1]


def of_many(where: Where, caller: Caller, scope: Scope, column: str) -> tuple[str, str]:
    """That the customer in `column` is one of very many, and that it is not."""
    if of_nearly_all := _of_nearly_all(caller, scope, column):
        return of_nearly_all
    given = f"{where.value(sorted(scope.customers))}::bigint[]"
    # The part with NULL is never true. It keeps the other from becoming a join, which would sort every row.
    among = f"({column} IN (SELECT unnest({given})) OR {column} IS NULL)"
    return among, f"NOT {among}"


def _of_nearly_all(caller: Caller, scope: Scope, column: str) -> tuple[str, str] | None:
    """As `of_many`, for who holds nearly all customers: it is checked by the few that it lacks.

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


def shares_a_number(where: Where, table: str, numbers: list[int]) -> str:
    given = f"{where.value(numbers)}::bigint[]"
    if len(numbers) < MANY:
        return f"{table}.readers && {given}"
    # The last number is that of a customer in nearly every row, so the others are seldom looked at.
    among = f"IN (SELECT unnest({given}))"
    return (
        f"({table}.readers[cardinality({table}.readers)] {among}"
        f" OR (SELECT bool_or(r {among}) FROM unnest({table}.readers) r))"
    )
