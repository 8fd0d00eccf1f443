"""Dot notation into JSON, as PostgreSQL judges it."""

from typing import Any

import pytest

from samplebank.database import Connection, Sql
from samplebank.search.paths import Document, PathCriterion, in_flat_map, in_json

DEEP: dict[str, Any] = {
    "report": {"name": "two", "lists": [{"k": "x"}, {"k": ["y", "z"]}]},
    "a.b": {"c": 1},
    "n": 3,
    "text": "3",
    "on": True,
    "none": None,
    "quote": 'say "hi" \\ now',
}


async def judged(db: Connection, document: dict[str, Any], criterion: PathCriterion) -> bool:
    condition = in_json(Document("analysis", "a", "result"), criterion)
    row = "SELECT result, lower(values_text(result)) AS search FROM (SELECT {}::jsonb AS result) r"
    found: bool = await Sql(f"SELECT {{}} FROM ({row}) a", condition, document).value(db)
    return found


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("report.name", ["two"]),
        ("report.name", ["one", "two"]),
        ("report.lists.k", ["x"]),
        ("report.lists.k", ["z"]),
        ("a.b", None),
        ("n", ["3"]),
        ("text", ["3"]),
        ("on", ["true"]),
        ("none", ["null"]),
        ("quote", ['say "hi" \\ now']),
        ("report", None),
    ],
)
async def test_a_path_finds_what_is_there(db: Connection, path: str, values: list[str] | None) -> None:
    assert await judged(db, DEEP, PathCriterion(path=path, value=values)) is True


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("report.nam", ["two"]),
        ("name", ["two"]),
        ("report.name", ["tw", "two "]),
        ("report.name", ['two" || "a" == "a']),
        ("n", ["3.5"]),
        ("text", ["true"]),
        ("missing", None),
        ("$", ["two"]),
        ("report.*", ["two"]),
    ],
)
async def test_a_path_finds_nothing_else(db: Connection, path: str, values: list[str] | None) -> None:
    assert await judged(db, DEEP, PathCriterion(path=path, value=values)) is False


@pytest.mark.parametrize(
    ("document", "value", "found"),
    [
        ({"k": {"in": ["two"]}}, "two", True),
        ({"k": {"in": ["twos"]}}, "two", False),
        ({"k": 123}, "123", True),
        ({"k": True}, "true", True),
        ({"k": "null"}, "null", True),
        ({"k": None}, "null", False),
        ({"k": None, "text": "nullified"}, "null", False),
    ],
)
async def test_a_value_without_a_path_is_found_where_the_text_of_the_row_has_the_value(
    db: Connection,
    document: dict[str, Any],
    value: str,
    found: bool,  # noqa: FBT001 a table
) -> None:
    assert await judged(db, document, PathCriterion(value=[value])) is found


@pytest.mark.parametrize("value", ["1e999999999", "9" * 5000, "NaN", "-", "truest", '"', "\\"])
async def test_a_value_that_is_hardly_a_number_is_a_text(db: Connection, value: str) -> None:
    assert await judged(db, {"k": value}, PathCriterion(path="k", value=[value])) is True


async def test_keys_of_metadata_may_hold_dots(db: Connection) -> None:
    criterion = PathCriterion(path="mail.from", value=["x@y"])
    condition = in_flat_map(Document("submission", "u", "meta_data"), criterion)

    found = await Sql(
        "SELECT {} FROM (SELECT {}::jsonb AS meta_data) u", condition, {"mail.from": "x@y"}
    ).value(db)

    assert found is True
