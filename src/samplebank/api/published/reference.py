"""The OpenAPI document as one page of HTML for people: readable without scripts, filtered by a small script."""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from html import escape
from importlib.resources import files
from typing import Any

from samplebank.api.published.examples import curl_of
from samplebank.api.published.schemas import PREFIX, Schema

STYLE = (files("samplebank.api.published") / "reference.css").read_text()
SCRIPT = (files("samplebank.api.published") / "reference.js").read_text()
#: bounds that need no word, because the format says the same
WIDEST = {-(2**31), 2**31 - 1}
LIMITS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} of them",
    "pattern": "matches <code>{}</code>",
}
CALLING = """
<section id="calling" data-find="calling key envelope errors time">
<h2>Calling it</h2>
<p>Every call brings an API key in the header <code>Argus-API-Key</code>. JSON answers are a result set:
<code>data</code> holds the object or the list, <code>count</code> says how many there are in all, and
<code>messages</code> say what is wrong when a request is refused. Times go out as milliseconds since the epoch, and come
in as that, as ISO-8601 in UTC, or relative to now: <code>now - 1 week</code>. A <code>-</code> before a name in
<code>sortBy</code> descends. Parameters and fields that do not exist are refused.</p>
<p>The same as a document for programs: <a href="openapi.json">openapi.json</a>.</p>
</section>
"""


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


#: the page may run its own script and nothing else
POLICY = (
    f"default-src 'none'; style-src '{_digest(STYLE)}'; script-src '{_digest(SCRIPT)}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page_of(document: Schema) -> str:
    """Make the page, complete in itself."""
    info = document["info"]
    components = document["components"]["schemas"]
    groups = {
        tag["name"]: (tag["description"], list(_operations_of(document, tag["name"])))
        for tag in document["tags"]
    }
    sections = "".join(_section(name, about, found, components) for name, (about, found) in groups.items())
    schemas = "".join(_schema_entry(name, schema) for name, schema in components.items())
    links = "".join(_links(name, found) for name, (_, found) in groups.items())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])} API</title><style>{STYLE}</style></head><body>"
        f'<nav><header><a class="name" href="#top">{escape(info["title"])}</a> '
        f'<span class="version">{escape(info["version"])}</span></header>'
        '<input id="filter" type="search" placeholder="Filter (press /)" aria-label="Filter">'
        f'<div class="links">{links}<h3><a href="#schemas">schemas</a></h3></div></nav>'
        f'<main id="top"><h1>{escape(info["title"])} API</h1><p class="lead">{_prose(info["description"])}</p>'
        f'{CALLING}{sections}<section id="schemas"><h2>Schemas</h2>{schemas}</section>'
        f'<p id="nothing" hidden>Nothing here matches the filter.</p></main><script>{SCRIPT}</script></body></html>'
    )


def _operations_of(document: Schema, tag: str) -> Iterator[tuple[str, str, Schema]]:
    """The operations of a resource as (method, path, operation)."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if tag in operation["tags"]:
                yield method.upper(), path, operation


def _links(name: str, found: Iterable[tuple[str, str, Schema]]) -> str:
    items = "".join(
        f'<li data-find="{_findable(method, path, operation)}"><a href="#{operation["operationId"]}">'
        f"{_badge(method)}{escape(operation['operationId'])}</a></li>"
        for method, path, operation in found
    )
    return f"<h3>{escape(name)}</h3><ul>{items}</ul>"


def _section(name: str, about: str, found: Iterable[tuple[str, str, Schema]], components: Schema) -> str:
    entries = "".join(
        _operation_entry(method, path, operation, components) for method, path, operation in found
    )
    return f"<section><h2>{escape(name.capitalize())}</h2><p>{_prose(about)}</p>{entries}</section>"


def _operation_entry(method: str, path: str, operation: Schema, components: Schema) -> str:
    parts = [
        _permissions(operation["x-required-permissions"]),
        _parameters(operation["parameters"]),
        _body(operation.get("requestBody"), components),
        _answers(operation["responses"]),
        f"<h4>Example</h4><pre>{escape(curl_of(method, path, operation, components))}</pre>",
    ]
    marked = re.sub(r"{\w+}", r"<i>\g<0></i>", escape(path))
    return (
        f'<details class="entry" id="{operation["operationId"]}" data-find="{_findable(method, path, operation)}">'
        f"<summary>{_badge(method)}<code>{marked}</code><span>{_prose(operation['summary'])}</span></summary>"
        f'<div class="inside"><p class="id">{escape(operation["operationId"])}</p>{"".join(parts)}</div></details>'
    )


def _schema_entry(name: str, schema: Schema) -> str:
    fields = schema.get("properties")
    inside = _fields(fields, schema.get("required", ())) if fields else f"<p>{_type(schema)}</p>"
    said = f"<p>{_prose(schema['description'])}</p>" if "description" in schema else ""
    return (
        f'<details class="entry schema" id="schema-{name}" data-find="{escape(name.lower())}">'
        f'<summary><code>{escape(name)}</code></summary><div class="inside">{said}{inside}</div></details>'
    )


def _permissions(names: list[str]) -> str:
    if not names:
        return "<p>Any good key will do.</p>"
    return (
        "<p>Needs "
        + " or ".join(f'<span class="permission">{escape(name)}</span>' for name in names)
        + "</p>"
    )


def _parameters(parameters: list[Schema]) -> str:
    rows = "".join(
        _row(
            one["name"],
            one["schema"],
            f"<td>{one['in']}</td>",
            one.get("description"),
            is_needed=one["required"],
        )
        for one in parameters
    )
    return f"<h4>Parameters</h4><table>{rows}</table>" if rows else ""


def _body(body: Schema | None, components: Schema) -> str:
    if body is None:
        return ""
    ((_, content),) = body["content"].items()
    if "$ref" not in content["schema"]:
        return "<h4>Body</h4><p>The bytes themselves, whatever their media type.</p>"
    name = content["schema"]["$ref"].removeprefix(PREFIX)
    schema = components[name]
    fields = _fields(schema["properties"], schema.get("required", ()))
    return f"<h4>Body</h4><p>{_link(name)}{'' if body['required'] else ', may be left out'}</p>{fields}"


def _answers(responses: Schema) -> str:
    rows = "".join(
        f"<tr><th>{status}</th><td>{_answer(answer['content'])}</td><td>{_prose(answer['description'])}</td></tr>"
        for status, answer in responses.items()
        if status != "default"
    )
    return f"<h4>Answers</h4><table>{rows}</table>"


def _answer(content: Schema) -> str:
    if not content:
        return "nothing"
    ((media_type, inner),) = content.items()
    return _type(inner["schema"]) if "schema" in inner else f"<code>{media_type}</code>"


def _fields(properties: Schema, required: Iterable[str]) -> str:
    needed = set(required)
    rows = (_row(name, schema, "", None, is_needed=name in needed) for name, schema in properties.items())
    return f"<table>{''.join(rows)}</table>"


def _row(name: str, schema: Schema, more: str, said: str | None, *, is_needed: bool) -> str:
    star = '<b title="required">*</b>' if is_needed else ""
    notes = [_prose(text) for text in (said, schema.get("description")) if text]
    notes.append(", ".join(_limits(schema)))
    cells = f"{more}<td>{_type(schema)}</td><td>{' '.join(notes)}</td>"
    return f"<tr><th><code>{escape(name)}</code>{star}</th>{cells}</tr>"


def _type(schema: Schema) -> str:
    """Describe the kind of value that a schema takes."""
    if "$ref" in schema:
        return _link(schema["$ref"].removeprefix(PREFIX))
    if "enum" in schema:
        values = [value for value in schema["enum"] if value not in (None, *schema.get("x-refused", []))]
        return " | ".join(f"<code>{escape(value)}</code>" for value in values)
    if "items" in schema:
        return ("set of " if schema.get("uniqueItems") else "list of ") + _type(schema["items"])
    for word in ("anyOf", "allOf"):
        if word in schema:
            kinds = [_type(one) for one in schema[word] if one != {"type": "null"}]
            return (" or " if word == "anyOf" else " and ").join(kinds)
    types = schema.get("type", "any JSON value")
    named = " or ".join(one for one in ([types] if isinstance(types, str) else types) if one != "null")
    shape = f" <small>{escape(schema['format'])}</small>" if "format" in schema else ""
    inner = schema.get("additionalProperties")
    return escape(named) + shape + (f" of {_type(inner)}" if isinstance(inner, dict) and inner else "")


def _limits(schema: Schema) -> Iterator[str]:
    if "default" in schema:
        yield f"default <code>{escape(_written(schema['default']))}</code>"
    for word, said in LIMITS.items():
        if word in schema and schema[word] not in WIDEST:
            yield said.format(escape(str(schema[word])))


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _link(name: str) -> str:
    return f'<a href="#schema-{name}"><code>{escape(name)}</code></a>'


def _badge(method: str) -> str:
    return f'<span class="method {method.lower()}">{method}</span>'


def _findable(method: str, path: str, operation: Schema) -> str:
    words = [method, path, operation["operationId"], *operation["x-required-permissions"]]
    return escape(" ".join(words).lower())


def _prose(text: str) -> str:
    """Escape a text. Words between backquotes become `code`."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
