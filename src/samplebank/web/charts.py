"""Charts as SVG, drawn here: bars that are links and say their numbers in words, and lanes of time. Pure."""

from collections.abc import Sequence
from typing import Final

import msgspec
from markupsafe import Markup

WIDTH, HEIGHT = 600, 48
#: the height of a lane, and the width of the shortest span that can be seen
LANE, NARROWEST = 12, 2
#: the width of a span that stands for a moment
MARK: Final = 6
#: the kind of a span in which nothing is done, which is drawn thin
WAIT: Final = "wait"
#: the lowest bar that can be seen
LOWEST: Final = 2
SVG: Final = Markup(
    '<svg class="bars" viewBox="0 0 {} {}" preserveAspectRatio="none" role="group" aria-label="{}">{}</svg>'
)
BAR: Final = Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>')
FOOT: Final = Markup(
    '<rect class="marked" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>'
)
AXIS: Final = Markup('<p class="axis"><span>{}</span><span>{}</span><span>{}</span></p>')
LINKED: Final = Markup('<a href="{}" aria-label="{}">{}</a>')

LANED: Final = Markup(
    '<svg class="lane" viewBox="0 0 {} {}" preserveAspectRatio="none" role="{}" aria-label="{}">{}</svg>'
)
SPAN: Final = Markup('<rect class="{}" x="{:.1f}" y="{}" width="{:.1f}" height="{}"><title>{}</title></rect>')


class Bar(msgspec.Struct, frozen=True):
    """`said` tells the number in words. Without a `link` the bar is a picture only.

    `marked` of the number are drawn in the colour of what is malicious, at the foot of the bar.
    """

    number: int
    said: str
    link: str | None = None
    marked: int = 0


def bars(label: str, given: Sequence[Bar], ends: tuple[str, str]) -> Markup:
    """Draw bars side by side, as high as their numbers. Nothing for no bars.

    Below stand the words for both `ends`, and the number of the highest bar.
    """
    if not given:
        return Markup()
    highest = max(bar.number for bar in given)
    width = WIDTH / len(given)
    drawn = Markup().join(
        _drawn(bar, place * width, width, max(1, highest)) for place, bar in enumerate(given)
    )
    axis = AXIS.format(ends[0], f"highest: {highest:,}" if highest else "none", ends[1])
    return SVG.format(WIDTH, HEIGHT, label, drawn) + axis


def _drawn(bar: Bar, left: float, width: float, highest: int) -> Markup:
    height = max(LOWEST, HEIGHT * bar.number / highest) if bar.number else 0
    drawn = BAR.format(left, HEIGHT - height, max(width - 1, 0.5), height, bar.said)
    if bar.marked:
        foot = min(height, max(LOWEST, HEIGHT * bar.marked / highest))
        drawn += FOOT.format(left, HEIGHT - foot, max(width - 1, 0.5), foot, bar.said)
    return drawn if bar.link is None else LINKED.format(bar.link, bar.said, drawn)


class Span(msgspec.Struct, frozen=True):
    """A part of a lane, from `begin` to `end`. `kind` is a class of the style sheet, and `said` tells the span in words.

    Without a `link` the span is a picture only.
    """

    kind: str
    begin: int
    end: int
    said: str
    link: str | None = None


def lane(begin: int, end: int, spans: Sequence[Span], *, narrowest: int = NARROWEST) -> Markup:
    """Draw spans one behind the other, on a lane that lasts from `begin` to `end`. What lies outside is left out.

    Clocks of hosts differ, so a span may end before the span begins. Such a span is drawn as narrow as can be.
    """
    scale = WIDTH / max(1, end - begin)

    def drawn(span: Span) -> Markup:
        left = min(max(0.0, (span.begin - begin) * scale), WIDTH - narrowest)
        right = min(max(left + narrowest, (span.end - begin) * scale), WIDTH)
        height = LANE // 3 if span.kind == WAIT else LANE
        part = SPAN.format(span.kind, left, (LANE - height) // 2, right - left, height, span.said)
        return part if span.link is None else LINKED.format(span.link, span.said, part)

    role = "group" if any(span.link for span in spans) else "img"
    words = "; ".join(span.said for span in spans) if role == "img" else "Each part is a link"
    return LANED.format(WIDTH, LANE, role, words, Markup().join(map(drawn, spans)))
