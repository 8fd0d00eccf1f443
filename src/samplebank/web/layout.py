"""The parts of a file where an analysis knows their places, such as the sections of a program. Pure.

Analyses are written by workers of others, so that every shape is taken, and what makes no sense is left out.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from markupsafe import Markup

from samplebank.web.wild import tame

#: parts that are listed and drawn
MOST: Final = 200
#: characters of a name that are told
LONGEST_NAME: Final = 200
WIDTH, HEIGHT = 600, 48
#: the narrowest part that can be seen, and the lowest
NARROWEST, LOWEST = 1.5, 3
#: the highest entropy: bits in a byte
BITS: Final = 8
OVERLAY: Final = "overlay"
STRIP: Final = Markup(
    '<svg class="bars" viewBox="0 0 {} {}" preserveAspectRatio="none" role="group" '
    'aria-label="Parts of the file, as high as their entropy">{}</svg>'
)
PART: Final = Markup(
    '<a href="{link}" aria-label="{said}"><rect class="{kind}" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" '
    'height="{height:.1f}"><title>{said}</title></rect></a>'
)


class FilePart(msgspec.Struct, frozen=True):
    """A part of the file. `entropy` is None where nobody measured the part."""

    name: str
    offset: int
    size: int
    entropy: float | None

    @property
    def end(self) -> int:
        return self.offset + self.size


def parts_of(found: Any, size: int) -> list[FilePart]:
    """The parts within a file of `size` bytes, by offset. `found` holds lists of sections, and overlays."""
    parts = [part for given in _objects(found) if (part := _part(given, size)) is not None]
    return sorted(parts, key=lambda part: (part.offset, -part.size))


def structure_in(result: Any) -> list[Any]:
    """The sections and overlays that a result of a static analysis tells of, wherever they stand one level down."""
    given = result.values() if isinstance(result, dict) else ()
    return [one[key] for one in given if isinstance(one, dict) for key in ("sections", OVERLAY) if key in one]


def parts_within(parts: Sequence[FilePart], begin: int, end: int) -> list[FilePart]:
    """The parts of which some bytes stand from `begin` on and before `end`."""
    return [part for part in parts if part.offset < end and part.end > begin]


def part_at(parts: Sequence[FilePart], offset: int) -> FilePart | None:
    """The part around the offset; the innermost where parts lie in parts."""
    around = [part for part in parts if part.offset <= offset < part.end]
    return min(around, key=lambda part: part.size, default=None)


def strip(parts: Sequence[FilePart], size: int, here: int, link: str) -> Markup:
    """Draw the first `MOST` parts side by side, as high as their entropy. Nothing unless an entropy is known.

    `link` ends before an offset.
    """
    measured = [part for part in parts if part.entropy is not None][:MOST]
    if not measured or not size:
        return Markup()
    current = part_at(parts, here)
    drawn = Markup().join(
        _drawn(part, size, f"{link}{part.offset:#x}", is_current=part == current) for part in measured
    )
    return STRIP.format(WIDTH, HEIGHT, drawn)


def _drawn(part: FilePart, size: int, link: str, *, is_current: bool) -> Markup:
    entropy = part.entropy or 0.0
    left = WIDTH * part.offset / size
    width = max(NARROWEST, WIDTH * part.size / size - 0.5)
    height = max(LOWEST, HEIGHT * entropy / BITS)
    said = f"{tame(part.name)}: {part.size:,} bytes at {part.offset:#x}, entropy {entropy:.2f}"
    return PART.format(
        link=link,
        said=said,
        kind="current" if is_current else "part",
        left=left,
        top=HEIGHT - height,
        width=width,
        height=height,
    )


def _objects(found: Any) -> Iterator[dict[str, Any]]:
    """The objects in lists, and in lists of lists."""
    waiting = [found]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, dict):
            yield one


def _part(given: dict[str, Any], size: int) -> FilePart | None:
    offset, length = _natural(given.get("offset")), _natural(given.get("size"))
    if offset is None or not length or offset >= size:
        return None
    if "name" not in given and not offset:
        return None  # an overlay stands behind something; the place of an overlay at 0 is not known
    entropy: Any = given.get("entropy")
    is_number = isinstance(entropy, int | float) and not isinstance(entropy, bool)
    return FilePart(
        name=str(given.get("name", OVERLAY))[:LONGEST_NAME],
        offset=offset,
        size=min(length, size - offset),
        entropy=float(entropy) if is_number and 0 <= entropy <= BITS else None,
    )


def _natural(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
