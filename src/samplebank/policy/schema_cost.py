"""The cost of checking a value against a JSON Schema, told from the schema alone.

A schema of twenty lines can take minutes and gigabytes: `anyOf` of two, each with an `anyOf` of two, and so on. The cost
is measured by how often a check looks at the same value. To count the looks, this module follows the schema from the
root down, as a check would.
"""

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import Any, TypeAlias
from urllib.parse import unquote

#: the most looks at one value
MOST_LOOKS = 200
#: the most followed places of an instance, and the most followed ways between places
MOST_PLACES = 2_000
MOST_WAYS = 100_000
#: names or constants compared in the time of one look
COMPARED = 20

SAME_VALUE = ("not", "if", "then", "else")
SAME_VALUE_LISTS = ("allOf", "anyOf", "oneOf")
SAME_VALUE_MAPS = ("dependentSchemas", "dependencies")
REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
ANY_FIELD = ("additionalProperties", "unevaluatedProperties")
ANY_ITEM = ("items", "additionalItems", "unevaluatedItems", "contains")
#: keywords for everything left over by neighbour keywords: to find the rest, a check looks at the neighbours once more
TWICE = ("unevaluatedProperties", "unevaluatedItems")
META_SCHEMAS = ("http://json-schema.org/", "https://json-schema.org/")

Schema: TypeAlias = dict[str, Any]
#: how often each subschema, by `id()`, looks at the same value
Looks: TypeAlias = Counter[int]


class TooDear(ValueError):
    """The schema takes too much to check. The text says why, and goes on after a colon."""


def price_of(schema: object) -> int:
    """Count how often a check looks at one value, at most. Raises `TooDear` for more than `MOST_LOOKS`."""
    return _Pricing(schema).price if isinstance(schema, dict) else 1


class _Pricing:
    def __init__(self, root: Schema) -> None:
        self._root = root
        self._known: dict[int, Schema] = {}
        self._closures: dict[int, Looks] = {}
        self._ways = 0

    @cached_property
    def price(self) -> int:
        """Follow every way from place to place. Places where the same subschemas look count as the same place."""
        waiting = [self._all_that_look(Counter([self._id(self._root)]))]
        seen, price = set(), 1
        while waiting:
            looks = waiting.pop()
            place = frozenset(looks.items())
            if place in seen:
                continue
            seen.add(place)
            price = max(price, self._count(looks))
            if len(seen) > MOST_PLACES:
                raise TooDear(f"it tells apart more than {MOST_PLACES} places of a result")
            waiting.extend(self._all_that_look(inner) for inner in self._inner_places(looks) if inner)
        return price

    def _count(self, looks: Looks) -> int:
        count = sum(times * _weight(self._known[id_]) for id_, times in looks.items())
        if count > MOST_LOOKS:
            raise TooDear(
                f"a single value of a result would be looked at more than {MOST_LOOKS} times; nest fewer of anyOf, "
                "oneOf, allOf and if, and let no subschema lead to itself in two ways"
            )
        return count

    def _id(self, schema: Schema) -> int:
        self._known[id(schema)] = schema
        return id(schema)

    def _all_that_look(self, looks: Looks) -> Looks:
        """Add the subschemas that look at the same value."""
        found: Looks = Counter()
        for id_, times in looks.items():
            for inner, count in self._closure(id_, ()).items():
                found[inner] += times * count
        self._count(found)
        return found

    def _closure(self, id_: int, way: tuple[int, ...]) -> Looks:
        if len(way) > MOST_LOOKS:
            raise TooDear(f"more than {MOST_LOOKS} of its subschemas follow each other")
        if id_ in way:
            raise TooDear("a subschema leads back to itself without going on to a field or an item")
        if id_ not in self._closures:
            schema, found = self._known[id_], Counter([id_])
            times = 2 if any(word in schema for word in TWICE) else 1
            for inner in self._beside(schema):
                self._take_step()
                for other, count in self._closure(self._id(inner), (*way, id_)).items():
                    found[other] += times * count
            self._count(found)
            self._closures[id_] = found
        return self._closures[id_]

    def _beside(self, schema: Schema) -> Iterator[Schema]:
        """The subschemas that look at the same value as `schema`."""
        if schema is not self._root and isinstance(schema.get("$id"), str):
            raise TooDear("it holds a subschema with an $id of its own")
        yield from _schemas(schema.get(word) for word in SAME_VALUE)
        for word in SAME_VALUE_LISTS:
            yield from _schemas(_listed(schema.get(word)))
        for word in SAME_VALUE_MAPS:
            yield from _schemas(_mapped(schema.get(word)).values())
        yield from _schemas(self._referred(schema.get(word)) for word in REFERENCES)

    def _inner_places(self, looks: Looks) -> Iterator[Looks]:
        """Find the looks at each field and item of a value, from the looks at the value."""
        named: dict[tuple[str, object], Looks] = {}
        any_field, any_item, names = Looks(), Looks(), Looks()
        for id_, times in looks.items():
            schema = self._known[id_]
            for name, inner in _mapped(schema.get("properties")).items():
                self._add(named.setdefault(("field", name), Looks()), [inner], times)
            self._add(any_field, _mapped(schema.get("patternProperties")).values(), times)
            self._add(any_field, (schema.get(word) for word in ANY_FIELD), times)
            self._add(names, [schema.get("propertyNames")], times)
            self._add(any_item, (schema.get(word) for word in ANY_ITEM), times)
            for word in ("prefixItems", "items"):
                for position, inner in enumerate(_listed(schema.get(word))):
                    self._add(named.setdefault(("item", position), Looks()), [inner], times)
        yield from (any_field, any_item, names)
        for (kind, _), own in named.items():
            yield own + (any_field if kind == "field" else any_item)

    def _add(self, looks: Looks, found: Any, times: int) -> None:
        for inner in _schemas(found):
            self._take_step()
            looks[self._id(inner)] += times

    def _take_step(self) -> None:
        self._ways += 1
        if self._ways > MOST_WAYS:
            raise TooDear(f"it leads from place to place in more than {MOST_WAYS} ways")

    def _referred(self, reference: object) -> object:
        """Find the subschema that a reference names. None for no reference, and for a reference to a meta-schema."""
        if not isinstance(reference, str) or reference.startswith(META_SCHEMAS):
            return None
        if not reference.startswith("#"):
            raise TooDear(f"it refers to {reference[:100]}, and references must stay inside, as #/$defs/NAME")
        if reference == "#" or reference.startswith("#/"):
            return self._at(reference[2:])
        return self._anchors.get(reference[1:])

    def _at(self, pointer: str) -> object:
        found: Any = self._root
        for part in pointer.split("/") if pointer else ():
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(found, list):
                found = found[int(name)] if name.isdecimal() and int(name) < len(found) else None
            else:
                found = _mapped(found).get(name)
        return found

    @cached_property
    def _anchors(self) -> dict[str, Schema]:
        found: dict[str, Schema] = {}
        waiting: list[Any] = [self._root]
        while waiting:
            value = waiting.pop()
            if isinstance(value, dict):
                for word in ("$anchor", "$dynamicAnchor"):
                    if isinstance(value.get(word), str):
                        found.setdefault(value[word], value)
                waiting.extend(value.values())
            elif isinstance(value, list):
                waiting.extend(value)
        return found


def _weight(schema: Schema) -> int:
    """The looks of a subschema itself: 1, and more for comparisons with very many names."""
    compared = sum(len(_sized(schema.get(word))) for word in ("enum", "required", "properties"))
    return 1 + compared // COMPARED + len(_mapped(schema.get("patternProperties")))


def _schemas(found: Any) -> Iterator[Schema]:
    return (schema for schema in found if isinstance(schema, dict))


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapped(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _sized(value: object) -> "list[Any] | dict[str, Any]":
    return value if isinstance(value, list | dict) else []
