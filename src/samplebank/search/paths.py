"""Criteria on metadata and results: dot notation into JSON, written so that GIN indexes of jsonb_path_ops serve it."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from samplebank.database import Sql, all_of
from samplebank.search.criteria import Criterion
from samplebank.search.keywords import FEW, among, mentions, read_keyword

#: a text that is also a number, boolean or null of JSON; PostgreSQL refuses numbers beyond all measure
SCALAR = re.compile(r"true|false|null|-?(0|[1-9][0-9]{0,99})(\.[0-9]{1,99})?([eE][+-]?[0-9]{1,2})?")
#: one look into the index for so many; the planner expects a long list of tests to match all rows
VALUES_OF_A_TEST = 500


class PathCriterion(Criterion, frozen=True, kw_only=True):
    """At `path` there is one of the values; without values there is anything, without a path they are anywhere."""

    path: str | None = None
    value: list[str] | None = None


class Document(NamedTuple):
    """A column of JSON in the rows `alias` of a table."""

    table: str
    alias: str
    column: str


def in_flat_map(document: Document, criterion: PathCriterion) -> Sql:
    """On submission metadata: a map of texts, whose keys may hold dots."""
    path, values = criterion.path, criterion.value or []
    tests = _tests(values, _same)
    if path is None:
        return _anywhere(document, values, tests)
    if not values:
        return Sql(f"{document.alias}.{document.column} ? {{}}", path)
    found = [f"$.{_quoted(path)}{test}" for test in tests]
    return _any_path(document, found, few=len(values) <= FEW)


def in_json(document: Document, criterion: PathCriterion) -> Sql:
    """On any JSON; lists on the way are looked into."""
    path, values = criterion.path, criterion.value or []
    if path is None:
        return _anywhere(document, values, _tests(values, _literals_in_texts))
    tests = _tests(values, _literals)
    found = [f"{steps}{test}" for steps in _steps(path) for test in tests]
    return _any_path(document, found, few=len(values) <= FEW)


def _any_path(document: Document, paths: list[str], *, few: bool) -> Sql:
    table, alias, column = document
    found = Sql("@? ANY ({}::text[]::jsonpath[])", paths)
    if few:
        return Sql(f"{alias}.{column} {{}}", found)
    return among(alias, Sql(f"SELECT k.id FROM {table} k WHERE k.{column} {{}}", found))


def _anywhere(document: Document, values: list[str], tests: list[str]) -> Sql:
    """No index knows values without their paths; the text of the row narrows the rows down."""
    words = [read_keyword(value) for value in values]
    found = _any_path(document, [f"$.**{test}" for test in tests], few=True)
    return all_of([mentions(document.table, document.alias, words), found])


def _steps(path: str) -> list[str]:
    """The path as steps into objects, and as one key that holds dots."""
    steps = ["$" + "".join(f".{_quoted(step)}" for step in path.split("."))]
    return [*steps, f"$.{_quoted(path)}"] if "." in path else steps


def _tests(values: Sequence[str], literals: Callable[[str], str]) -> list[str]:
    """Tests that together hold for any of the values; one that always does for none."""
    parts = [values[start : start + VALUES_OF_A_TEST] for start in range(0, len(values), VALUES_OF_A_TEST)]
    return [f" ? ({' || '.join(literals(value) for value in part)})" for part in parts] or [""]


def _literals(value: str) -> str:
    """The same text, or the number, boolean or null that the text writes."""
    return f"{_same(value)} || @ == {value}" if SCALAR.fullmatch(value) else _same(value)


def _literals_in_texts(value: str) -> str:
    """As `_literals`, of what the text of a row has. A null is in no text, so `null` finds the text alone."""
    return _same(value) if value == "null" else _literals(value)


def _same(value: str) -> str:
    return f"@ == {_quoted(value)}"


def _quoted(text: str) -> str:
    # A JSON text is a jsonpath text, so nothing from the caller is read as an expression.
    return msgspec.json.encode(text).decode()
