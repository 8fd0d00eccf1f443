"""Hostile text made safe to look at. Names, tags and results are chosen by attackers.

A character that cannot be seen, that reorders the text around the character, or that covers other lines, is shown by its name.
Addresses are shown in a form that no program takes for an address.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from markupsafe import Markup, escape

#: the most characters shown at once; the rest is behind a click
SHOWN: Final = 200
#: the most characters kept in a page
KEPT: Final = 4_096
#: characters with short names of their own
NAMES: Final = {
    "\u200b": "ZWSP",
    "\u200c": "ZWNJ",
    "\u200d": "ZWJ",
    "\u200e": "LRM",
    "\u200f": "RLM",
    "\u202a": "LRE",
    "\u202b": "RLE",
    "\u202c": "PDF",
    "\u202d": "LRO",
    "\u202e": "RLO",
    "\u2060": "WJ",
    "\u2066": "LRI",
    "\u2067": "RLI",
    "\u2068": "FSI",
    "\u2069": "PDI",
    "\ufeff": "BOM",
    "\x1b": "ESC",
    "\n": "LF",
    "\r": "CR",
    "\t": "TAB",
    "\u00ad": "SHY",
    "\u2028": "LS",
    "\u2029": "PS",
    "\ufffd": "?",
}
#: categories of Unicode without a glyph of their own: controls, formats, surrogates, private and unassigned characters
UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
#: characters without a glyph whose category does not tell: fillers, variation selectors, and the empty pattern of Braille
ALSO_UNSEEN: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\ufe00-\ufe0f]"
)
#: blanks with short names of their own; blanks are shown by name only where blanks disguise something
NAMES_OF_BLANKS: Final = {" ": "SP", "\u00a0": "NBSP"}
#: the category of blanks, and those of marks over or under a letter
BLANK: Final = "Zs"
MARKS: Final = frozenset({"Mn", "Me"})
#: marks of a letter that are shown: more would cover the lines above and below
STACKED: Final = 4
SCHEME: Final = re.compile(r"(h)tt(ps?)(?=://)|(f)t(ps?)(?=://)", re.IGNORECASE)
#: dots of an IPv4 address
DOTS: Final = 3
#: a dot of a host name behind a scheme, or of an IPv4 address
HOST: Final = re.compile(r"(?<=://)[^\s/?#]+|\b\d{1,3}(?:\.\d{1,3}){3}\b")
#: a dot that is not in brackets already: workers, too, tell addresses that no program takes for addresses
DOT: Final = re.compile(r"(?<!\[)\.(?!\])")
CHIP: Final = Markup('<span class="chip" title="U+{:04X}">⟦{}⟧</span>')
REFERENCE: Final = Markup("&#{};")
#: controls whose references browsers take for letters, as &#128; for the euro
C1: Final = frozenset(map(chr, range(0x80, 0xA0)))
BLANKS: Final = "\t\r\n"
#: around a text without a direction of its own
BDI: Final = "<bdi>%s</bdi>"
MORE: Final = Markup('<bdi>{}</bdi><details class="rest"><summary>{} more</summary><bdi>{}</bdi></details>')


def name_of(character: str) -> str | None:
    """The name to show in place of a character; None for a character that can be seen."""
    if " " <= character <= "~":
        return None
    if character in NAMES:
        return NAMES[character]
    if unicodedata.category(character) in UNSEEN or ALSO_UNSEEN.match(character):
        return _number_of(character)
    return None


def _number_of(character: str) -> str:
    return f"U+{ord(character):04X}"


def _named(text: str, *, is_blank: bool = False) -> Iterator[tuple[str, str | None]]:
    """Each character with the name to show in its place; None for a character that is shown as it is.

    A text of nothing but blanks cannot be seen: `is_blank`. A row of wide blanks pushes the end of a name out of sight.
    """
    stacked, was_blank = 0, False
    for character in text:
        category = unicodedata.category(character)
        stacked = stacked + 1 if category in MARKS else 0
        is_wide = category == BLANK and character != " "
        name = name_of(character)
        if name is None and (is_blank or stacked > STACKED or (is_wide and was_blank)):
            name = NAMES_OF_BLANKS.get(character) or _number_of(character)
        was_blank = category == BLANK
        yield character, name


def plain(text: str) -> str:
    """The text with each unseen character shown by name, without markup: for attributes, titles and tables of text."""
    if text.isascii() and text.isprintable():
        return text
    return _told(_named(text))


def _told(named: Iterable[tuple[str, str | None]]) -> str:
    return "".join(character if name is None else f"⟦{name}⟧" for character, name in named)


def typed(text: str) -> Markup:
    """What somebody has typed, for a box that shows the text again: as `plain`, but tabs and ends of lines stay."""
    return _referred(text, lambda one: one if one in BLANKS else plain(one))


def exact(text: str) -> Markup:
    """A text for a hidden field: what comes back with the form is the text. Unseen characters stand as references."""
    return _referred(text, str)


def _referred(text: str, shown: Callable[[str], str]) -> Markup:
    """The text with each unseen character as `shown`. What is still unseen then stands as a reference, `&#9;`."""
    if text.isascii() and text.isprintable():
        return escape(text)
    told = (one if name_of(one) is None else shown(one) for one in text)
    return Markup("").join(
        escape(one) if len(one) > 1 or name_of(one) is None or one in C1 else REFERENCE.format(ord(one))
        for one in told
    )


def defanged(text: str) -> str:
    """The text with addresses that no program takes for addresses: `hxxps://evil[.]example/`."""
    if "://" not in text and text.count(".") < DOTS:
        return text
    without_schemes = SCHEME.sub(_scheme, text)
    return HOST.sub(lambda found: DOT.sub("[.]", found[0]), without_schemes)


def tame(text: object) -> str:
    """Hostile text as one short line without markup, for titles and attributes. An ellipsis tells that the line is cut."""
    given = str(text)
    short = defanged(given[:SHOWN])
    shown = _told(_named(short, is_blank=True)) if short.isspace() else plain(short)
    return f"{shown}…" if len(given) > SHOWN else shown


def wild(text: object) -> Markup:
    """Hostile text as HTML: set apart from the direction of the page, unseen characters as chips, cut when long."""
    given = str(text)
    kept = defanged(given[:KEPT])
    shown, rest = kept[:SHOWN], kept[SHOWN:]
    if not rest:
        return Markup(BDI % _with_chips(shown))  # noqa: S704 the text is escaped
    cut = f"{len(rest) + len(given[KEPT:]):,}"
    tail = "" if len(given) <= KEPT else f" … and {len(given) - KEPT:,} characters that are not shown"
    return MORE.format(_with_chips(shown), cut, _with_chips(rest + tail))


def _scheme(found: re.Match[str]) -> str:
    return f"{found[1]}xx{found[2]}" if found[1] else f"{found[3]}x{found[4]}"


def _with_chips(text: str) -> Markup:
    is_blank = text.isspace()
    if text.isascii() and text.isprintable() and not is_blank:
        return escape(text)
    return Markup("").join(
        escape(character) if name is None else CHIP.format(ord(character), name)
        for character, name in _named(text, is_blank=is_blank)
    )
