"""What two samples have in common, and what only one of them has. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from samplebank.web.results import leaves_of, text_of

#: values of a field that are shown in a column, and leaves of findings that are compared
MOST_SHOWN: Final = 100
MOST_LEAVES: Final = 2000
Facts = Mapping[str, Iterable[str]]


class Column(msgspec.Struct, frozen=True):
    """Values of a field. `more` is the number of values that are not shown."""

    shown: list[str]
    more: int

    @property
    def by_label(self) -> list[tuple[str, list[str]]]:
        """The values of lines that `told_in` writes, by what stands before the values, in the order of the lines."""
        found: dict[str, list[str]] = {}
        for line in self.shown:
            label, _, value = line.partition(": ")
            found.setdefault(label, []).append(value)
        return list(found.items())


class Difference(msgspec.Struct, frozen=True):
    """A field, with the values that only one has, that both have, and that only the other has."""

    name: str
    only_a: Column
    both: Column
    only_b: Column


def compare(a: Facts, b: Facts) -> list[Difference]:
    """Compare field by field, in the order of `a`. A field without any value is left out."""
    found = []
    for name in dict.fromkeys([*a, *b]):
        mine, theirs = dict.fromkeys(a.get(name, ())), dict.fromkeys(b.get(name, ()))
        if mine or theirs:
            found.append(
                Difference(
                    name=name,
                    only_a=_column([value for value in mine if value not in theirs]),
                    both=_column([value for value in mine if value in theirs]),
                    only_b=_column([value for value in theirs if value not in mine]),
                )
            )
    return found


def told_in(worker: str, result: Any, most: int = MOST_LEAVES) -> list[str]:
    """The values of a result with their paths, as lines. Empty lists and objects are left out: most results have many."""
    told = ((path, value) for path, value in leaves_of(result, most) if not isinstance(value, dict | list))
    return [f"{worker} {'.'.join(path)}: {text_of(value)}" for path, value in told]


def _column(values: Sequence[str]) -> Column:
    return Column(list(values[:MOST_SHOWN]), max(0, len(values) - MOST_SHOWN))
