"""Examples for people: requests to paste into a shell once the variables are set."""

import json
import re
from typing import Any

from samplebank.api.published.schemas import PREFIX, Schema

SHA256 = "2" * 64
SOME_ID = "0192f0c1-7e3a-7c55-9d0b-3f6b8a1c2d4e"


def curl_of(method: str, path: str, operation: Schema, components: Schema) -> str:
    """Write a call as a `curl` command. Path parameters are shell variables, the body has the needed fields."""
    lines = ['curl -H "Argus-API-Key: $SAMPLEBANK_KEY"']
    if method != "GET":
        lines[0] += f" -X {method}"
    body = operation.get("requestBody")
    if body is not None:
        ((_, content),) = body["content"].items()
        if "$ref" in content["schema"]:
            example = json.dumps(example_of(content["schema"], components), indent=2)
            lines.append(f"-H 'Content-Type: application/json' -d '{example}'")
        else:
            lines.append("--data-binary @sample.bin")
    (media_type,) = operation["responses"]["default"]["content"]
    if media_type != "application/json":
        lines.append("-o sample.bin")
    url = re.sub(r"{(\w+)}", lambda found: "$" + _variable(found[1]), path)
    return " \\\n  ".join([*lines, f'"$SAMPLEBANK_URL{url}"'])


def _variable(name: str) -> str:
    """`jobID` as `JOB_ID`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()


def example_of(schema: Schema, components: Schema, name: str = "") -> Any:
    """Make a value that fits the schema.

    An object gets the required fields. Where no field is required, the object gets the fields with a default.
    """
    if "$ref" in schema:
        return example_of(components[schema["$ref"].removeprefix(PREFIX)], components, name)
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], components, name)
    if "default" in schema or "enum" in schema:
        return schema.get("default", schema.get("enum", [None])[0])
    if "items" in schema:
        return [example_of(schema["items"], components, name)]
    if "properties" in schema:
        fields = schema["properties"]
        shown = schema.get("required") or [name for name, inner in fields.items() if "default" in inner]
        return {name: example_of(fields[name], components, name) for name in shown}
    return _plain_example(schema, name)


def _plain_example(schema: Schema, name: str) -> Any:
    types = schema.get("type", "object")
    if "object" in types:
        return {}
    if "string" in types:
        special = {"uuid": SOME_ID}.get(schema.get("format", ""), SHA256 if name.endswith("sha256") else None)
        return special or re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower() or "text"
    return max(1, schema.get("minimum", 1)) if "integer" in types else True
