"""Finds NUL characters in decoded JSON: PostgreSQL stores none in a text."""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

from samplebank.errors import MOST_TOLD, Invalid, Violation, path_of

#: lists, objects and texts in which NUL is looked for; a NUL further behind is told without its place
MOST_LOOKED_AT = 20_000
NUL_SAID = "The text holds a NUL character."


def refuse_nul(plain: Any, *, is_certain: bool = False) -> None:
    """Raise `Invalid` with the places of NUL in a decoded value. `is_certain`: the encoded value holds NUL somewhere."""
    if not plain:
        return
    found = [Violation(NUL_SAID, path_of(path)) for path in islice(_nul_paths(plain), MOST_TOLD)]
    if found:
        raise Invalid(*found)
    if is_certain:
        raise Invalid(NUL_SAID)


def _nul_paths(plain: Any) -> Iterator[list[str | int]]:
    """The paths of texts and of objects whose names hold NUL, among the first `MOST_LOOKED_AT` values."""
    waiting: deque[tuple[Any, Any]] = deque([(plain, None)])
    looked_at = 0
    while waiting and looked_at < MOST_LOOKED_AT:
        value, way = waiting.popleft()
        looked_at += 1
        if isinstance(value, str):
            yield _way_down(way)
        elif isinstance(value, dict):
            if any("\x00" in name for name in value):
                yield _way_down(way)
            waiting.extend((inner, (name, way)) for name, inner in value.items() if _may_hold_nul(inner))
        else:
            room = MOST_LOOKED_AT - len(waiting)
            inside = ((inner, (i, way)) for i, inner in enumerate(value) if _may_hold_nul(inner))
            waiting.extend(islice(inside, max(room, 0)))


def _may_hold_nul(value: Any) -> bool:
    return isinstance(value, dict | list) or (isinstance(value, str) and "\x00" in value)


def _way_down(way: Any) -> list[str | int]:
    parts: list[str | int] = []
    while way is not None:
        name, way = way
        parts.append(name)
    return parts[::-1]
