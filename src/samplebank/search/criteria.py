"""How the entries of a criteria list combine. Pure: what an entry looks for is the business of others.

Excluded ones must not match, required ones must, and of the rest, if there is any, at least one.
"""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import msgspec

C = TypeVar("C", bound="Criterion")
M = TypeVar("M")


class Criterion(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a criteria list. An entry that is both required and excluded is excluded."""

    required: bool | None = None
    exclude: bool | None = None


class Sorted(msgspec.Struct, Generic[C], frozen=True):
    """A criteria list by what its entries demand."""

    required: tuple[C, ...]
    excluded: tuple[C, ...]
    optional: tuple[C, ...]


def sort_out(criteria: Sequence[C] | None) -> Sorted[C]:
    listed = criteria or ()
    return Sorted(
        required=tuple(c for c in listed if c.required and not c.exclude),
        excluded=tuple(c for c in listed if c.exclude),
        optional=tuple(c for c in listed if not c.required and not c.exclude),
    )


def row_conditions(criteria: Sequence[C] | None, says: Callable[[C], str]) -> list[str]:
    """Conditions on one row, all of which must hold; `says` writes that of one entry."""
    found = sort_out(criteria)
    conditions = [says(c) for c in found.required]
    conditions.extend(f"({says(c)}) IS NOT TRUE" for c in found.excluded)
    if found.optional:
        conditions.append(any_of([says(c) for c in found.optional]))
    return conditions


def set_conditions(criteria: Sequence[C] | None, members: Callable[[C], str], id_: str) -> list[str]:
    """Conditions on the id in the column `id_`; `members` writes a query for the ids (as `id`) that match an entry."""
    demanded, excluded = set_demands(criteria, members)
    return [*(within(id_, sets) for sets in demanded), *(without(id_, one) for one in excluded)]


def set_demands(criteria: Sequence[C] | None, members: Callable[[C], M]) -> tuple[list[list[M]], list[M]]:
    """(lists of sets, of each of which one must hold the id; sets of which none may).

    Sets instead of conditions, because PostgreSQL then chooses from which side to join.
    """
    found = sort_out(criteria)
    demanded = [[members(c)] for c in found.required]
    excluded = [members(c) for c in found.excluded]
    if found.optional:
        demanded.append([members(c) for c in found.optional])
    return demanded, excluded


def within(id_: str, sets: Sequence[str]) -> str:
    """The id is in at least one of the sets; without any set it is in none."""
    return f"{id_} IN ({' UNION ALL '.join(sets)})" if sets else "FALSE"


def without(id_: str, one: str) -> str:
    """The id is not in the set."""
    return f"NOT EXISTS (SELECT FROM ({one}) excluded WHERE excluded.id = {id_})"


def all_of(conditions: Sequence[str]) -> str:
    return " AND ".join(f"({c})" for c in conditions) or "TRUE"


def any_of(conditions: Sequence[str]) -> str:
    """At least one holds; without any condition none does."""
    return " OR ".join(f"({c})" for c in conditions) or "FALSE"
