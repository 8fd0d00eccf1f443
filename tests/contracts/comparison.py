"""The parts of a contract that a document lacks, one line for each part."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
SAME = ("format", "pattern", "minimum", "maximum", "minItems", "uniqueItems")


def lacks_of_operation(theirs: Schema, ours: Schema) -> Iterator[str]:
    for word in ("operationId", "x-required-permissions"):
        if ours.get(word) != theirs[word]:
            yield f"{word} is {ours.get(word)}, not {theirs[word]}"
    parameters = {(one["name"], one["in"]): one for one in ours["parameters"]}
    for one in theirs.get("parameters", ()):
        found = parameters.get((one["name"], one["in"]))
        if found is None:
            yield f"the {one['in']} parameter {one['name']} is missing"
            continue
        if found.get("required", False) != one.get("required", False):
            yield f"{one['name']}: required is {found.get('required')}"
        yield from lacks_of_schema(one["schema"], found["schema"], one["name"])
    yield from _lacks_of_body(theirs.get("requestBody"), ours.get("requestBody"))
    yield from _lacks_of_answers(theirs["responses"], ours["responses"])


def _lacks_of_body(theirs: Schema | None, ours: Schema | None) -> Iterator[str]:
    if theirs is None:
        return
    if ours is None:
        yield "the body is missing"
        return
    for media_type, content in theirs["content"].items():
        # The contract writes "any media type" in two ways, one of which is none.
        found = ours["content"].get("*/*" if media_type == "*" else media_type)
        if found is None:
            yield f"the body does not come as {media_type}"
        elif content["schema"]:
            yield from lacks_of_schema(content["schema"], found["schema"], "body")
            if ours["required"] != theirs.get("required", False):
                yield f"the body: required is {ours['required']}"


def _lacks_of_answers(theirs: Schema, ours: Schema) -> Iterator[str]:
    for status, answer in theirs.items():
        if status not in ours:
            yield f"the status {status} is missing"
            continue
        for media_type, content in answer["content"].items():
            found = ours[status]["content"].get(media_type)
            # Refusals are result sets here, also of downloads. `*/*` stands for any type.
            if found is None and status in ("default", "200", "201") and media_type != "*/*":
                yield f"the answer {status} does not come as {media_type}"
            if "schema" in content:
                yield from lacks_of_schema(content["schema"], (found or {}).get("schema", {}), f"{status}")


def lacks_of_schema(theirs: Schema, ours: Schema, where: str) -> Iterator[str]:
    if "$ref" in theirs:
        if theirs["$ref"] not in _references(ours):
            yield f"{where}: refers to {_references(ours)}, not {theirs['$ref']}"
        return
    yield from _lacks_of_words(theirs, ours, where)
    if "items" in theirs:
        yield from lacks_of_schema(theirs["items"], ours.get("items", {}), f"{where}[]")
    for name, inner in theirs.get("properties", {}).items():
        if name in ours.get("properties", {}):
            yield from lacks_of_schema(inner, ours["properties"][name], f"{where}.{name}")
        else:
            yield f"{where}.{name} is missing"


def _lacks_of_words(theirs: Schema, ours: Schema, where: str) -> Iterator[str]:
    if "type" in theirs and theirs["type"] not in _types(ours):
        yield f"{where}: is {ours.get('type')}, not {theirs['type']}"
    for word in SAME:
        if word in theirs and ours.get(word) != theirs[word]:
            yield f"{where}: {word} is {ours.get(word)}, not {theirs[word]}"
    # The contract allows the texts "true" and "false" for a boolean, which no value could be; and it writes the
    # values of some lists beside their items.
    values = [] if theirs.get("type") == "boolean" else theirs.get("enum", [])
    found = ours.get("items", {}).get("enum", ()) if theirs.get("type") == "array" else ours.get("enum", ())
    if set(values) - set(found):
        yield f"{where}: the values {sorted(set(values) - set(found))} are missing"
    if "default" in theirs and not _same_default(theirs["default"], ours.get("default")):
        yield f"{where}: the default is {ours.get('default')}, not {theirs['default']}"


def lacks_of_required(theirs: Schema, ours: Schema, name: str) -> Iterator[str]:
    """A request needs exactly the fields that the contract needs; an answer may promise more."""
    promised, found = set(theirs.get("required", ())), set(ours.get("required", ()))
    is_request = name.endswith(("Request", "Criteria"))
    wrong = promised ^ found if is_request else promised - found
    if wrong:
        yield f"{name}: whether they are required differs: {sorted(wrong)}"


def _references(schema: Schema) -> list[str]:
    return [one["$ref"] for one in (schema, *schema.get("anyOf", ())) if "$ref" in one]


def _types(schema: Schema) -> set[str]:
    types: set[str] = set()
    for one in (schema, *schema.get("anyOf", ())):
        said = one.get("type", [])
        types.update([said] if isinstance(said, str) else said)
    return types


def _same_default(theirs: Any, ours: Any) -> bool:
    """The contract writes some defaults as a text, and the default of a list as the only item."""
    if ours in (theirs, [theirs]):
        return True
    return isinstance(theirs, str) and isinstance(ours, dict) and json.loads(theirs) == ours
