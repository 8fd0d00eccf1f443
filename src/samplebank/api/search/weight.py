"""How much a search request asks for in all: each list has a bound of its own, and all lists together have another."""

from collections import Counter
from typing import Final, Literal

from samplebank.api.search.criteria import AnalysisTagCriteria
from samplebank.errors import Violations
from samplebank.http.shapes import Body

Kind = Literal["criteria", "values", "characters"]

#: the most of each kind, with what a request is told that has more. Each criterion becomes a query of its own. Each value
#: travels to the database with several statements: 150,000 values took 0.9 s of a process. Texts
#: beyond ASCII are brought into two spellings.
BOUNDS: Final[dict[Kind, tuple[int, str]]] = {
    "criteria": (300, "The request has more than 300 criteria in all."),
    "values": (50_000, "The request has more than 50,000 values in all."),
    "characters": (
        200_000,
        "The texts of the request that are not plain ASCII have more than 200,000 characters in all.",
    ),
}


def check_weight(wanted: Body, violations: Violations) -> None:
    """Refuse a request that asks for more than a process may spend on a search.

    The field with which the request gets too heavy gets the violation.
    """
    weight = Counter[Kind]()
    for name, shown in zip(wanted.__struct_fields__, wanted.__struct_encode_fields__, strict=True):
        value = getattr(wanted, name)
        if not isinstance(value, list | str | Body):
            continue
        _add(weight, value)
        said = next((said for kind, (most, said) in BOUNDS.items() if weight[kind] > most), None)
        if said is not None:
            violations.add(shown, said)
            return


def _add(weight: Counter[Kind], value: object) -> None:
    """Add what a field holds. Tags are values, not criteria."""
    if isinstance(value, str):
        weight["characters"] += 0 if value.isascii() else len(value)
    elif isinstance(value, Body):
        for name in value.__struct_fields__:
            _add(weight, getattr(value, name))
    elif isinstance(value, list):
        bodies = [one for one in value if isinstance(one, Body)]
        criteria = sum(not isinstance(one, AnalysisTagCriteria) for one in bodies)
        weight["criteria"] += criteria
        weight["values"] += len(value) - criteria
        weight["characters"] += sum(len(one) for one in value if isinstance(one, str) and not one.isascii())
        for one in bodies:
            _add(weight, one)
