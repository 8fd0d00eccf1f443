"""Charts as SVG, drawn here: every bar is a link, and says its number in words. Pure."""

from collections.abc import Sequence
from typing import Final

import msgspec
from markupsafe import Markup

WIDTH, HEIGHT = 600, 48
#: the lowest bar that can be seen
LOWEST: Final = 2
SVG: Final = Markup(
    '<svg class="bars" viewBox="0 0 {} {}" preserveAspectRatio="none" role="group" aria-label="{}">{}</svg>'
)
BAR: Final = Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>')
LINKED: Final = Markup('<a href="{}" aria-label="{}">{}</a>')


class Bar(msgspec.Struct, frozen=True):
    """`said` tells the number in words. Without a `link` the bar is a picture only."""

    number: int
    said: str
    link: str | None = None


def bars(label: str, given: Sequence[Bar]) -> Markup:
    """Draw bars side by side, as high as their numbers. Nothing for no bars."""
    if not given:
        return Markup()
    highest = max(1, *(bar.number for bar in given))
    width = WIDTH / len(given)
    drawn = Markup().join(_drawn(bar, place * width, width, highest) for place, bar in enumerate(given))
    return SVG.format(WIDTH, HEIGHT, label, drawn)


def _drawn(bar: Bar, left: float, width: float, highest: int) -> Markup:
    height = max(LOWEST, HEIGHT * bar.number / highest) if bar.number else 0
    drawn = BAR.format(left, HEIGHT - height, max(width - 1, 0.5), height, bar.said)
    return drawn if bar.link is None else LINKED.format(bar.link, bar.said, drawn)
