"""The cost of a schema is known before a result is checked against the schema."""

from typing import Any

import pytest

from samplebank.policy.schema_cost import TooDear, price_of
from samplebank.worker.analysers.static.schema import SCHEMA

LEAF = {"type": "string"}
VARIANT = {"type": "object", "properties": {"kind": {"const": "a"}}, "required": ["kind"]}


@pytest.mark.parametrize(
    ("schema", "price"),
    [
        ({}, 1),
        (True, 1),
        ({"type": "object", "properties": {"a": LEAF, "b": {"items": LEAF}}}, 1),
        ({"allOf": [LEAF, {"if": LEAF, "then": LEAF}]}, 5),
        ({"items": {"oneOf": [VARIANT] * 40}}, 41),
        (
            {"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}, "more": {"items": {"$ref": "#"}}}},
            2,
        ),
        ({"$defs": {"a/b": LEAF}, "items": {"$ref": "#/$defs/a~1b"}}, 2),
        ({"$defs": {"a": {"$anchor": "leaf", "type": "string"}}, "items": {"$ref": "#leaf"}}, 2),
        ({"anyOf": 5, "properties": [1], "items": "x", "$ref": 3, "enum": 7}, 1),
    ],
)
def test_the_price_is_how_often_one_value_is_looked_at(schema: Any, price: int) -> None:
    assert price_of(schema) == price


def test_the_schemas_of_our_own_workers_are_cheap() -> None:
    assert price_of(SCHEMA) < 10


def doubled_by_references(levels: int) -> dict[str, Any]:
    definitions: dict[str, Any] = {
        f"d{level}": {"anyOf": [{"$ref": f"#/$defs/d{level + 1}"}] * 2} for level in range(levels)
    }
    return {"$ref": "#/$defs/d0", "$defs": {**definitions, f"d{levels}": LEAF}}


def nested(word: str, levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = LEAF
    for _ in range(levels):
        schema = {word: schema}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        doubled_by_references(30),
        nested("not", 300),
        {"additionalProperties": {"$ref": "#"}, "patternProperties": {"a": {"$ref": "#"}}},
        {"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}},
        {"$ref": "other.json"},
        {"items": {"$id": "other.json", "type": "string"}},
        {"items": {"enum": list(range(10_000))}},
        {"patternProperties": {f"a{number}": LEAF for number in range(300)}},
    ],
)
def test_what_may_cost_too_much_is_too_dear(schema: dict[str, Any]) -> None:
    with pytest.raises(TooDear):
        price_of(schema)
