"""Results of workers, drawn from their JSON Schema: titles, units, words of lists, tables. Pure.

Schemas and results are written by workers of others, and a schema may be newer than a result. So each value is drawn by
the schema only as far as the schema describes the value; everything else is drawn as a folded tree. What is drawn is bounded.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias

from markupsafe import Markup

from samplebank.web.drawn import Drawn, Field, Group, Leaf, Node, Series, Table
from samplebank.web.formatting import digest, quoted
from samplebank.web.querying import narrowed
from samplebank.web.wild import plain, wild

#: values drawn of a result, how deep they may lie in each other, and the characters of their HTML
MOST_VALUES, DEEPEST, MOST_CHARACTERS = 600, 12, 60_000
#: columns of a table, and characters of one value and of one name
MOST_COLUMNS, LONGEST, LONGEST_NAME = 12, 1000, 120
#: values counted, to tell how many are not drawn
MOST_COUNTED: Final = 100_000
#: references followed from a schema to its definitions
MOST_REFERENCES: Final = 8
#: a name fit for a step in the path of a query, and the longest offered query
STEP: Final = re.compile(r"[^\s\ufeff\u200b\"():.*]+")
LONGEST_QUERY: Final = 300
#: a number, compared as a number in queries
NUMBER: Final = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")
#: a SHA-256 or a longer hash, which is cut in the middle, and copied as a whole
HASH: Final = re.compile(r"[0-9a-fA-F]{64,128}")
FIELD: Final = "result"
#: values of JSON, written in queries as in JSON
WORDS: Final[dict[Any, str]] = {None: "null", True: "true", False: "false"}
Path: TypeAlias = tuple[str, ...]
Schema: TypeAlias = dict[str, Any]


def draw(result: Any, schema: Any) -> Drawn:
    """Draw a result as far as the bounds allow."""
    drawing = _Drawing(_mapped(schema))
    node = drawing.node(result, drawing.root, (), 0)
    return Drawn(node, max(0, _count(result, MOST_COUNTED) - drawing.leaves))


def leaves_of(result: Any, most: int) -> Iterator[tuple[Path, Any]]:
    """The values that hold no others, with the names on the way, up to `most`. Lists have no name.

    Values that lie too deep are left out.
    """
    waiting: list[tuple[Path, Any]] = [((), result)]
    while waiting and most > 0:
        path, value = waiting.pop()
        if isinstance(value, dict) and value:
            if len(path) < DEEPEST:
                waiting.extend(((*path, name), inner) for name, inner in reversed(value.items()))
        elif isinstance(value, list) and value:
            waiting.extend((path, inner) for inner in reversed(value))
        else:
            most -= 1
            yield path, value


def _count(result: Any, most: int) -> int:
    """The number of values that hold no others, at most `most`."""
    waiting, count = [result], 0
    while waiting and count < most:
        value = waiting.pop()
        if isinstance(value, dict | list) and value:
            waiting.extend(value.values() if isinstance(value, dict) else value)
        else:
            count += 1
    return count


def text_of(value: Any) -> str:
    """A value without values in it, as people read the value."""
    if isinstance(value, dict | list):
        return "nothing"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def query_for(path: Path | None, value: Any) -> str | None:
    """The query that finds samples with the value at the path; None where no query can ask."""
    if not path or not all(STEP.fullmatch(step) for step in path) or isinstance(value, dict | list):
        return None
    text = WORDS[value] if value is None or isinstance(value, bool) else str(value)
    if isinstance(value, int | float) and text not in WORDS.values() and not NUMBER.fullmatch(text):
        return None
    query = narrowed("", f"{FIELD}.{'.'.join(path)}", text) if text else None
    return query if query is not None and len(query) <= LONGEST_QUERY else None


class _Drawing:
    """A drawing under way, with what is left of its bounds."""

    def __init__(self, root: Schema) -> None:
        self.root = root
        self.values = MOST_VALUES
        self.characters = MOST_CHARACTERS
        self.leaves = 0

    @property
    def is_full(self) -> bool:
        return self.values <= 0 or self.characters <= 0

    def node(self, value: Any, schema: Schema, path: Path | None, depth: int) -> Node:
        self.values -= 1
        told = self._followed(schema)
        if depth < DEEPEST and value:
            if isinstance(value, dict):
                return self._group(value, told, path, depth)
            if isinstance(value, list):
                return self._list(value, told, path, depth)
        return self._leaf(value, told, path)

    def _leaf(self, value: Any, schema: Schema, path: Path | None) -> Leaf:
        if isinstance(value, dict | list) and value:
            return Leaf(Markup("…"), "lies too deep to be shown here")
        self.leaves += 1
        text, word = text_of(value), _word_for(value, schema)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        unit = _said(schema, "unit") if is_number else ""
        query = query_for(path, value)
        shown = self._shown(word or (f"{text} {unit}" if unit else text))
        self.characters -= len(quoted(query or ""))
        return Leaf(shown, plain(text[:LONGEST]) if word else "", query)

    def _shown(self, text: str, most: int = LONGEST) -> Markup:
        cut = f"{text[:most]} … and {len(text) - most:,} characters" if len(text) > most else text
        shown = digest(text) if HASH.fullmatch(text) else wild(cut)
        self.characters -= len(shown)
        return shown

    def _group(self, value: dict[str, Any], schema: Schema, path: Path | None, depth: int) -> Group:
        properties = _properties(schema)
        known = [name for name in properties if name in value]
        others = [name for name in value if name not in properties]
        names = [*known, *others]
        fields = {}
        # what is small comes first into the bounds: a long list hides no answer that stands behind the list
        for name in sorted(names, key=lambda name: _count(value[name], MOST_VALUES)):
            if self.is_full:
                break
            fields[name] = self._field(name, value[name], _mapped(properties.get(name)), path, depth)
        return Group([fields[name] for name in names if name in fields], bool(known), len(value))

    def _field(self, name: str, value: Any, schema: Schema, path: Path | None, depth: int) -> Field:
        told = self._followed(schema)
        title, about = _said(told, "title"), _said(told, "description")
        self.characters -= len(about)
        behind = None if path is None else (*path, name)
        return Field(
            self._shown(title or name, LONGEST_NAME), about, self.node(value, told, behind, depth + 1)
        )

    def _list(self, value: list[Any], schema: Schema, path: Path | None, depth: int) -> Node:
        items = self._followed(_mapped(schema.get("items")))
        properties = _properties(items)
        if properties and all(isinstance(one, dict) for one in value):
            names = [name for name in _columns(properties, value) if not self._is_hidden(properties, name)]
            if len(names) <= MOST_COLUMNS:
                return self._table(value, names, properties, path, depth)
        # a query looks into a list, but not into a list in a list
        inner = [
            self.node(one, items, None if isinstance(one, list) else path, depth + 1)
            for one in self._while_room(value)
        ]
        is_known = bool(items) and not any(isinstance(one, dict | list) for one in value)
        return Series(inner, is_known, len(value))

    def _table(
        self, value: list[Any], names: list[str], properties: Schema, path: Path | None, depth: int
    ) -> Table:
        told = {name: self._followed(_mapped(properties.get(name))) for name in names}
        heads = [self._shown(_said(told[name], "title") or name, LONGEST_NAME) for name in names]
        hidden = [name for name in properties if self._is_hidden(properties, name)]

        def cell(row: dict[str, Any], name: str) -> Node | None:
            if name not in row:
                return None
            if self.is_full:
                return Leaf(Markup("…"), "is not shown here: the result is too long")
            return self.node(row[name], told[name], None if path is None else (*path, name), depth + 1)

        rows = []
        for row in self._while_room(value):
            rows.append([cell(row, name) for name in names])
            self.leaves += sum(name in row for name in hidden)  # not shown on purpose, so not told as missing
        return Table(heads, rows, len(value))

    def _is_hidden(self, properties: Schema, name: str) -> bool:
        """Whether a schema keeps a column from people, as where another column shows the value in a safe form."""
        return _mapped(properties.get(name)).get("x-hidden") is True

    def _while_room(self, values: Iterable[Any]) -> Iterator[Any]:
        for value in values:
            if self.is_full:
                return
            self.values -= 1
            yield value

    def _followed(self, schema: Schema) -> Schema:
        """The schema, or the definition that the schema refers to."""
        for _ in range(MOST_REFERENCES):
            reference = schema.get("$ref")
            if not isinstance(reference, str) or not reference.startswith("#"):
                break
            found: Any = self.root
            for step in filter(None, reference[1:].split("/")):
                found = _mapped(found).get(step.replace("~1", "/").replace("~0", "~"))
            schema = {**_mapped(found), **{name: told for name, told in schema.items() if name != "$ref"}}
        return schema


def _properties(schema: Schema) -> Schema:
    """The described fields of an object, those that an object must have first.

    The database keeps the order of lists, and so of `required`, but not the order of fields.
    """
    properties = _mapped(schema.get("properties"))
    required = schema.get("required")
    first = (
        [name for name in required if isinstance(name, str) and name in properties]
        if isinstance(required, list)
        else []
    )
    return {name: properties[name] for name in dict.fromkeys([*first, *properties])}


def _columns(properties: Schema, rows: list[dict[str, Any]]) -> list[str]:
    """The names of the columns: those of the schema that some row has, then those that only rows have."""
    present: dict[str, None] = {}
    for row in rows[:MOST_VALUES]:
        present.update(dict.fromkeys(row))
        if len(present) > MOST_VALUES:
            break
    return [
        *(name for name in properties if name in present),
        *(name for name in present if name not in properties),
    ]


def _word_for(value: Any, schema: Schema) -> str:
    """The title that a schema gives to a value of a list of values, as `oneOf` of `const` and `title`."""
    for choices in (schema.get("oneOf"), schema.get("anyOf")):
        for choice in choices if isinstance(choices, list) else ():
            told = _mapped(choice)
            if "const" in told and type(told["const"]) is type(value) and told["const"] == value:
                return _said(told, "title")
    return ""


def _said(schema: Schema, name: str) -> str:
    """A text of a schema, short and plain."""
    said = schema.get(name, schema.get(f"x-{name}"))
    return plain(said[:LONGEST_QUERY]) if isinstance(said, str) else ""


def _mapped(value: object) -> Schema:
    return value if isinstance(value, dict) else {}
