"""How the entries of a criteria list combine. Pure: the meaning of an entry is the business of others.

Excluded entries must not match. Required entries must match, and at least one of the rest, if any.
"""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import msgspec

from samplebank.database import FALSE, Sql, all_of, any_of, joined

C = TypeVar("C", bound="Criterion")
M = TypeVar("M")


class Criterion(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a criteria list. An entry that is both required and excluded is excluded."""

    required: bool | None = None
    exclude: bool | None = None


class Sorted(msgspec.Struct, Generic[C], frozen=True):
    """A criteria list by the demands of the entries."""

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


def row_condition(criteria: Sequence[C] | None, says: Callable[[C], Sql]) -> Sql:
    """The condition on one row; `says` writes the condition of one entry."""
    found = sort_out(criteria)
    conditions = [says(c) for c in found.required]
    conditions.extend(Sql("({}) IS NOT TRUE", says(c)) for c in found.excluded)
    if found.optional:
        conditions.append(any_of([says(c) for c in found.optional]))
    return all_of(conditions)


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


def within(id_: str, sets: Sequence[Sql]) -> Sql:
    """The id is in at least one of the sets; without any set it is in none."""
    return Sql(f"{id_} IN ({{}})", joined(" UNION ALL ", sets)) if sets else FALSE


def without(id_: str, one: Sql) -> Sql:
    """The id is not in the set."""
    return Sql(f"NOT EXISTS (SELECT FROM ({{}}) excluded WHERE excluded.id = {id_})", one)
