"""Criteria on metadata and results: dot notation into JSON, written so that GIN indexes of jsonb_path_ops serve it."""

import re

import msgspec

from samplebank.database import Where
from samplebank.search.criteria import Criterion
from samplebank.search.keywords import contains_any, read_keyword

#: what is a number, boolean or null of JSON as well as a text; PostgreSQL refuses numbers beyond all measure
SCALAR = re.compile(r"true|false|null|-?(0|[1-9][0-9]{0,99})(\.[0-9]{1,99})?([eE][+-]?[0-9]{1,2})?")


class PathCriterion(Criterion, frozen=True, kw_only=True):
    """At `path` there is one of the values; without values there is anything, without a path they are anywhere."""

    path: str | None = None
    value: list[str] | None = None


def in_flat_map(where: Where, alias: str, criterion: PathCriterion) -> str:
    """On submission metadata: a map of texts, whose keys may hold dots."""
    path, values = criterion.path, criterion.value
    if path is None:
        return _anywhere(where, f"{alias}.meta_data", alias, values or [])
    if not values:
        return f"{alias}.meta_data ? {where.value(path)}"
    return f"{alias}.meta_data @> ANY ({where.value([{path: value} for value in values])}::jsonb[])"


def in_json(where: Where, alias: str, column: str, criterion: PathCriterion) -> str:
    """On any JSON; lists on the way are looked into."""
    path, values = criterion.path, criterion.value
    if path is None:
        return _anywhere(where, f"{alias}.{column}", alias, values or [])
    found = [f"{steps}{test}" for steps in _steps(path) for test in _tests(values)]
    return f"{alias}.{column} @? ANY ({where.value(found)}::text[]::jsonpath[])"


def _anywhere(where: Where, column: str, alias: str, values: list[str]) -> str:
    """No index knows values without their paths; the text of the row narrows the rows down."""
    exact = f"{column} @? ANY ({where.value([f'$.**{test}' for test in _tests(values)])}::text[]::jsonpath[])"
    long_enough = [read_keyword(value) for value in values]
    return f"{contains_any(where, f'{alias}.search', long_enough)} AND {exact}"


def _steps(path: str) -> list[str]:
    """The path as steps into objects, and as one key that holds dots."""
    steps = ["$" + "".join(f".{_quoted(step)}" for step in path.split("."))]
    return [*steps, f"$.{_quoted(path)}"] if "." in path else steps


def _tests(values: list[str] | None) -> list[str]:
    """A test for each value: the same text, or the number, boolean or null that the text writes."""
    return [
        f" ? ({' || '.join(f'@ == {literal}' for literal in _literals(value))})" for value in values or ()
    ] or [""]


def _literals(value: str) -> list[str]:
    return [_quoted(value), value] if SCALAR.fullmatch(value) else [_quoted(value)]


def _quoted(text: str) -> str:
    # A JSON text is a jsonpath text, so nothing of what a caller writes is read as an expression.
    return msgspec.json.encode(text).decode()
