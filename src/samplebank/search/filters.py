"""The filters of a kind of row: each field of its criterion, and the condition that the field asks for."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from samplebank.database import Sql, all_of
from samplebank.search.criteria import Criterion

C = TypeVar("C", bound=Criterion)


class Filters(Generic[C]):
    """A condition for each field of a criterion.

    Raises `TypeError` at import when a field has no condition: the field would filter nothing.
    """

    def __init__(self, criterion: type[C], /, **conditions: Callable[[Any], Sql]) -> None:
        fields = set(criterion.__struct_fields__) - set(Criterion.__struct_fields__)
        if fields != conditions.keys():
            wrong = ", ".join(sorted(fields ^ conditions.keys()))
            raise TypeError(f"{criterion.__name__} and its filters differ in: {wrong}")
        self._conditions = conditions

    def condition(self, wanted: C) -> Sql:
        """All fields hold that ask for something. A field that is None or empty asks for nothing."""
        asked = ((says, getattr(wanted, name)) for name, says in self._conditions.items())
        return all_of([says(value) for says, value in asked if value is not None and value != []])
