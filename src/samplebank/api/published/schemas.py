"""The published schemas: the schemas of the structs, in the words of the contract.

The structs declare the checks. `x-` keywords on the fields of structs say more for the published schemas:

- `x-pattern`: the contract's text of a pattern, while the check takes the pattern for the whole string
- `x-set`: a list without repetitions
- `x-time`: a time
- `x-default`: the value that holds when the field is not given
- `x-required`: published as required, although the field may be left out
- `x-refused`: values that are never taken
"""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from samplebank.api.envelope import Envelope, ResultMessage

Schema = dict[str, Any]
Mode = Literal["request", "query", "response"]
PREFIX = "#/components/schemas/"
NULL: Schema = {"type": "null"}
UNPUBLISHED = {"title", "default", "anyOf", "x-pattern", "x-set", "x-time", "x-default", "x-required"}
TIME_SAID = (
    "Milliseconds since the epoch, as a number or a text; or ISO-8601 in UTC (`2024-05-01T12:00:00Z`); "
    "or relative (`now - 1 week`, `startOfDay + 6 hours`)."
)
MESSAGE_TYPES = ["FIELD_ERROR", "ACTION_ERROR", "WARNING", "NOTIFICATION", "INFO"]
ENTRY = "The value of KEY, which may be any name. May be given for several names."
REFUSAL = "Refusal"
JSON_NODE = "JsonNode"


def reference(name: str) -> Schema:
    return {"$ref": PREFIX + name}


def components_of(bodies: Iterable[Any], answers: Iterable[Any]) -> dict[str, Schema]:
    """The published schemas by name: the schemas of the structs, and an envelope around each answer."""
    answers = list(answers)
    shown = _published([*answers, ResultMessage, Envelope], "response")
    taken = _published(bodies, "request")
    envelope = _without_data(shown.pop("Envelope"))
    shown["ResultMessage"]["properties"]["type"] = {"type": "string", "enum": MESSAGE_TYPES}
    envelopes = {envelope_name(answer): _enveloped(envelope, _answered(answer)) for answer in answers}
    envelopes["ResultStash"] = _enveloped(envelope, {"type": "object"})
    envelopes[REFUSAL] = _enveloped(envelope, NULL)
    return dict(sorted({**_known_elsewhere(), **shown, **taken, **envelopes}.items()))


def parameters_of(query: type[Any]) -> list[Schema]:
    """The fields of a query struct as parameters. A map stands for any number of parameters `name.KEY`."""
    schema = _published([query], "query")[query.__name__]
    return [
        {
            "name": f"{name}.KEY",
            "in": "query",
            "required": False,
            "schema": {"type": "string"},
            "description": ENTRY,
        }
        if inner.get("type") == "object"
        else {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": inner}
        for name, inner in schema["properties"].items()
    ]


def envelope_name(answer: Any) -> str:
    """`Result_list_JobResponse` for a list of jobs, `Result_JobResponse` for a single job."""
    item = _item_of(answer)
    return f"Result_{answer.__name__}" if item is None else f"Result_list_{item.__name__}"


def _answered(answer: Any) -> Schema:
    item = _item_of(answer)
    return (
        reference(answer.__name__) if item is None else {"type": "array", "items": reference(item.__name__)}
    )


def _item_of(answer: Any) -> Any:
    """The type of the items, where the answer is a list; else None."""
    arguments = getattr(answer, "__args__", ())
    return arguments[0] if arguments else None


def _without_data(envelope: Schema) -> Schema:
    properties = {name: inner for name, inner in envelope["properties"].items() if name != "data"}
    wide = {name: {**properties[name], "format": "int64"} for name in ("limit", "offset", "count", "size")}
    wide["count"]["description"] = "The number of all matches; -1 when counting would take too long."
    wide["size"]["description"] = "The number of items in this answer."
    return {"type": "object", "properties": {**properties, **wide}}


def _enveloped(envelope: Schema, data: Schema) -> Schema:
    properties = {**envelope["properties"], "data": data}
    return {**envelope, "properties": properties, "required": list(properties)}


def _known_elsewhere() -> dict[str, Schema]:
    """Schemas that generated clients may know from the contract, although little or nothing here refers to the names."""
    parts: Schema = {name: reference(f"{name.title()}Info") for name in ("customer", "domain")}
    group = {"type": "object", "properties": {**parts, "type": {"type": "string", "enum": ["group"]}}}
    return {
        JSON_NODE: {"type": ["object", "array", "string", "number", "boolean", "null"]},
        "InputStream": {"type": "object"},
        "GroupInfo": {"allOf": [reference("SubjectInfo"), group], "required": ["type"]},
    }


def _published(types: Iterable[Any], mode: Mode) -> dict[str, Schema]:
    _, components = msgspec.json.schema_components(types, ref_template=PREFIX + "{name}")
    return {name: _reworded(schema, mode) for name, schema in components.items()}


def _reworded(schema: Schema, mode: Mode, name: str = "") -> Schema:
    """The published schema of the field `name`."""
    flat = _flattened(schema)
    words = {
        word: _reworded_word(word, value, mode) for word, value in flat.items() if word not in UNPUBLISHED
    }
    words.update(_extras(flat, mode, name))
    if isinstance(words.get("default"), list):
        # The contract writes the default of a list at the items of the list.
        words["items"] = {**words["items"], "default": words["default"][0]}
    if "required" in words:
        asked_for = [field for field, inner in flat.get("properties", {}).items() if "x-required" in inner]
        words["required"] += asked_for
    if not words.get("required", True):
        del words["required"]
    if mode == "request" and NULL in schema.get("anyOf", ()):
        return _nullable(words)
    return words if words or mode != "request" else reference(JSON_NODE)


def _flattened(schema: Schema) -> Schema:
    """Leave out null, and `anyOf` where a single schema or a list of types says the same."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice != NULL]
    if len(choices) == 1:
        return {**choices[0], **schema}
    if choices and all(choice.keys() == {"type"} for choice in choices):
        return {"type": [choice["type"] for choice in choices], **schema}
    return schema


def _reworded_word(word: str, value: Any, mode: Mode) -> Any:
    if word == "properties":
        return {name: _reworded(inner, mode, name) for name, inner in value.items()}
    if word in ("items", "additionalProperties") and isinstance(value, dict):
        return _reworded(value, "response" if mode == "response" else "query")
    return value


def _extras(flat: Schema, mode: Mode, name: str) -> Schema:
    """The published keywords that msgspec does not write."""
    extras: Schema = {}
    types = flat.get("type", ())
    if "enum" in flat:
        extras["type"] = "string"
    if types == "integer" and "format" not in flat:
        extras["format"] = "int64" if name.lower().endswith("timestamp") else "int32"
    if "x-time" in flat:
        extras.update(format="int64", description=TIME_SAID)
    if "x-pattern" in flat:
        extras["pattern"] = flat["x-pattern"]
    if "x-set" in flat:
        extras["uniqueItems"] = True
    default = flat.get("x-default", flat.get("default"))
    if default is not None and mode != "response":
        extras["default"] = default
    return extras


def _nullable(words: Schema) -> Schema:
    """Allow null besides the schema. The keyword for null depends on the keywords of the schema."""
    if "$ref" in words:
        return {"anyOf": [words, NULL]}
    if "type" not in words:
        return words
    types = words["type"] if isinstance(words["type"], list) else [words["type"]]
    enum = {"enum": [*words["enum"], None]} if "enum" in words else {}
    return {**words, "type": [*types, "null"], **enum}
