"""What the types of bodies and queries say of their fields, by their JSON schemas. Each type is looked at once."""

from collections.abc import Hashable, Mapping
from functools import cache
from typing import Any

import jsonschema_rs
import msgspec

from samplebank.http.excerpt import Shape


@cache
def validator_of(wanted: Hashable) -> tuple[jsonschema_rs.Validator, Shape]:
    """What judges a body of the type, and the names of its fields."""
    schema: dict[str, Any] = _without_null_types(msgspec.json.schema(wanted))
    return jsonschema_rs.validator_for(schema, validate_formats=True), _shape_of(schema)


def _shape_of(schema: Mapping[str, Any]) -> Shape:
    fields = [
        (name, inner)
        for definition in schema.get("$defs", {}).values()
        for name, inner in definition.get("properties", {}).items()
    ]
    most: dict[str, int] = {}
    for name, inner in fields:
        if "maxItems" in inner:
            most[name] = max(inner["maxItems"], most.get(name, 0))
    free = frozenset(name for name, inner in fields if not inner.keys() - {"description"})
    return Shape(frozenset(name for name, _ in fields), free, most)


def _without_null_types(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_null_types(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: _without_null_types(inner) for name, inner in schema.items() if name != "default"}
    choices = [choice for choice in kept.get("anyOf", []) if choice != {"type": "null"}]
    if len(choices) == 1:
        del kept["anyOf"]
        return {**choices[0], **kept}
    return {**kept, "anyOf": choices} if choices else kept


@cache
def list_fields(wanted: Hashable) -> frozenset[str]:
    """The names of the fields that hold lists."""
    properties = properties_of(wanted)
    return frozenset(name for name, inner in properties.items() if inner.get("type") == "array")


@cache
def map_fields(wanted: Hashable) -> frozenset[str]:
    """The names of the fields that hold objects."""
    properties = properties_of(wanted)
    return frozenset(name for name, inner in properties.items() if inner.get("type") == "object")


@cache
def time_fields(wanted: Hashable) -> frozenset[str]:
    """The names of the fields that hold times."""
    return frozenset(name for name, inner in properties_of(wanted).items() if inner.get("x-time"))


@cache
def whole_fields(wanted: Hashable) -> frozenset[str]:
    """The names of the fields that hold whole numbers."""
    return frozenset(name for name, inner in properties_of(wanted).items() if inner.get("type") == "integer")


def properties_of(wanted: Hashable) -> dict[str, dict[str, Any]]:
    """The schemas of the fields, by name."""
    schema = _without_null_types(msgspec.json.schema(wanted))
    name = schema["$ref"].rsplit("/", 1)[1]
    properties: dict[str, dict[str, Any]] = schema["$defs"][name]["properties"]
    return properties
