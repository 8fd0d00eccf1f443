"""An excerpt of a body: small, however large the body is, and wrong where the body is wrong.

The validator gathers all violations of a body before the first is told. A body of millions of mistakes would cost
minutes and gigabytes. So the validator sees an excerpt, with the first items of each list and the first unknown fields
of each object.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import msgspec

from samplebank.errors import Violation

#: items kept of a list, and unknown fields kept of an object
ITEMS = 100
#: values kept in all, about; a list or object that comes later keeps its first item only
VALUES = 5_000
#: levels kept; known fields nest less deeply, so deeper values lie inside of something wrong
LEVELS = 12
#: stands for a value that may be any JSON
ANYTHING = True


class Shape(msgspec.Struct, frozen=True):
    """The known fields of a type of bodies, by name, at any place of the body.

    `free` fields hold any JSON. `most` is the number of items that the list in a field may have.
    """

    names: frozenset[str]
    free: frozenset[str]
    most: Mapping[str, int]


class Part(msgspec.Struct):
    """A list or an object of the body, and the excerpt of the part, still empty."""

    source: Any
    excerpt: Any
    path: tuple[str | int, ...]


def excerpt_of(body: dict[str, Any], shape: Shape) -> tuple[dict[str, Any], list[tuple[str | int, ...]]]:
    """Make (the excerpt, the paths of lists with too many items). Null counts as not given, but in `free` fields."""
    whole: dict[str, Any] = {}
    too_long: list[tuple[str | int, ...]] = []
    waiting = deque([Part(body, whole, ())])
    room = VALUES
    while waiting:
        part = waiting.popleft()
        kept = list(_first_of(part.source, shape, ITEMS if room > 0 else 1))
        room -= len(kept)
        for name, value in kept:
            path = (*part.path, name)
            inner = Part(value, _begun(name, value, shape), path)
            most = shape.most.get(str(name))
            if isinstance(value, list) and most is not None and len(value) > most:
                too_long.append(path)
                inner.source = value[:most]
            _put(part.excerpt, name, inner.excerpt)
            if inner.excerpt is not ANYTHING and isinstance(value, dict | list) and len(path) <= LEVELS:
                waiting.append(inner)
    return whole, too_long


def _first_of(source: Any, shape: Shape, most: int) -> Iterable[tuple[str | int, Any]]:
    """The first items of a list; the known fields and the first unknown fields of an object."""
    if isinstance(source, list):
        yield from enumerate(source[:most])
        return
    known = [name for name in shape.names if name in source]
    others = islice((name for name in source if name not in shape.names), most)
    for name in (*known, *others):
        if source[name] is not None or name in shape.free:
            yield name, source[name]


def _begun(name: str | int, value: Any, shape: Shape) -> Any:
    if name in shape.free:
        return ANYTHING
    if isinstance(value, dict | list):
        return type(value)()
    return value


def _put(excerpt: Any, name: str | int, value: Any) -> None:
    if isinstance(excerpt, list):
        excerpt.append(value)
    else:
        excerpt[name] = value


def too_many(field: str, most: int) -> Violation:
    return Violation(f"The list has more than {most} items.", field)
