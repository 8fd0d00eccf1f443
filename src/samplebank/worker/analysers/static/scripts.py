"""Reads text that may be a script. Finds downloading, decoding, hiding, and running of the outcome."""

import numpy as np
import yara_x

from samplebank.identification.texts import WIDE_MARKS, without_false_mark
from samplebank.worker.analysers.static.script_steps import Place, Places, near, places_in
from samplebank.worker.analysers.static.traits import Finding
from samplebank.worker.contract import JSON

MIB = 1024 * 1024
MOST_BYTES = 16 * MIB
#: bytes at the beginning to tell whether a file is a text
FIRST_BYTES = 8192
#: most bytes between two steps of one act: words anywhere in a large library are no act
NEAR, NEAR_DECODING = 2000, 500
#: a text of more lines shows installers as a document does
FEW_LINES = 5
LONG_LINE_BYTES = 20_000
#: searched bytes of a text that takes too long
SEARCHED_START, SEARCHED_END = 192 * 1024, 64 * 1024
FEWEST_PRINTABLE = 0.95
PRINTABLE = frozenset("\t\n\r\f\b\x1b")
#: letters of other scripts that interpreters take for blanks, dashes and quotes, by first bytes
LOOKALIKES = {
    b"\xc2\xa0": (("\u00a0", " "),),
    b"\xe2\x80": (
        ("\u2013", "-"),
        ("\u2014", "-"),
        ("\u2015", "-"),
        ("\u2018", "'"),
        ("\u2019", "'"),
        ("\u201c", '"'),
        ("\u201d", '"'),
    ),
}
ASCII_END = 128
#: runs of letters without meaning, and runs of blanks: padding that keeps the steps of an act apart
LETTERS = bytes((chr(byte).isalnum() and byte < ASCII_END) or byte in b"+/=%\\" for byte in range(256))
BLANKS = bytes(byte in b" \t\r\n\v\f" for byte in range(256))
LONGEST_RUN, LONGEST_BLANKS = 400, 40

#: how a language decodes, and how the same language runs decoded text
DECODING = tuple(
    (f"decode in {language}", f"run in {language}")
    for language in ("PowerShell", "a shell", "Python", "JavaScript", "PHP", "VBScript")
)
REVERSE_SHELLS = (
    ("connect in PowerShell", "run an expression"),
    ("connect in Python", "hand over in Python", "start a shell"),
)


def find_text(head: bytes) -> bytes | None:
    """The text of a file in UTF-8; None for a content that is no text."""
    head = without_false_mark(head)
    encoding = "utf-16" if head.startswith(WIDE_MARKS) else "utf-8"
    start = head[:FIRST_BYTES].decode(encoding, errors="replace")
    printable = len(start) - sum(start.count(char) for char in set(start) if not _is_printable(char))
    if not start or printable / len(start) < FEWEST_PRINTABLE:
        return None
    text = head[:MOST_BYTES]
    return text if encoding == "utf-8" else text.decode(encoding, errors="replace").encode()


def _is_printable(char: str) -> bool:
    return (char.isprintable() and char != "\ufffd") or char in PRINTABLE


def read(text: bytes) -> tuple[dict[str, JSON], list[Finding]]:
    lines, longest = _lines(text)
    first = text[:200].split(b"\n")[0]
    facts: dict[str, JSON] = {
        "lines": lines,
        "longestLine": longest,
        "interpreter": first[2:].decode(errors="replace").strip() if first.startswith(b"#!") else None,
    }
    searched = _searched(text, longest)
    places = _places(searched)
    if len(places.text) < len(searched):
        facts["searchedBytes"] = len(places.text)
    findings = [Finding(trait, places.said(found[0])) for trait, found in places.traits.items()]
    if "script-reverse-shell" not in places.traits:
        said = (near(places, *steps, within=NEAR) for steps in REVERSE_SHELLS)
        findings += [Finding("script-reverse-shell", one) for one in [next(filter(None, said), None)] if one]
    findings += _combinations(places)
    if longest >= LONG_LINE_BYTES and places.of("execute", *(decode for decode, _ in DECODING)):
        findings.append(Finding("script-very-long-line", f"{longest} bytes"))
    return facts, findings


def _places(text: bytes) -> Places:
    """The places in the text; in its beginning and end, where the text is made to be slow."""
    for part in (text, text[:SEARCHED_START] + b"\n" + text[-SEARCHED_END:]):
        try:
            return places_in(part)
        except yara_x.TimeoutError:
            continue
    return Places(b"", {}, {})


def _lines(text: bytes) -> tuple[int, int]:
    """The number of lines, and the length of the longest line."""
    ends = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))
    starts = np.concatenate(([0], ends + 1))
    lengths = np.concatenate((ends, [len(text)])) - starts
    return len(ends) + bool(lengths[-1]), int(lengths.max())


def _searched(text: bytes, longest: int) -> bytes:
    """The text without padding, and with lookalikes resolved. `longest` is the length of the longest line."""
    for start, lookalikes in LOOKALIKES.items():
        for lookalike, plain in lookalikes if start in text else ():
            text = text.replace(lookalike.encode(), plain.encode())
    if longest > LONGEST_RUN:
        text = _cut(text, LETTERS, LONGEST_RUN)
    return _cut(text, BLANKS, LONGEST_BLANKS)


def _cut(text: bytes, letters: bytes, most: int) -> bytes:
    """The text with at most so many of these letters in a row. `letters` has a 1 for each byte that is one of them."""
    inside = text.translate(letters)
    if bytes([1]) * (most + 1) not in inside:
        return text
    outside = np.flatnonzero(np.frombuffer(inside, np.uint8) == 0)
    starts = np.concatenate(([0], outside + 1))
    ends = np.concatenate((outside, [len(text)]))
    parts, done = [], 0
    for number in np.flatnonzero(ends - starts > most):
        parts.append(text[done : starts[number] + most])
        done = ends[number]
    return b"".join((*parts, text[done:]))


def _beside(places: Places, one: str, other: str, *, within: int) -> str | None:
    """The words of two steps near each other, in any order; None where no two are near."""
    return near(places, one, other, within=within) or near(places, other, one, within=within)


def _combinations(places: Places) -> list[Finding]:
    findings = []
    # A document shows how to install the described program. A script that installs begins with `#!`, or is short.
    is_document = places.text.count(b"\n") > FEW_LINES and not places.text.startswith(b"#!")
    acting = places.without(places.of("installer")) if is_document else places
    if said := _beside(acting, "download", "execute", within=NEAR):
        findings.append(Finding("script-download-and-execute", said))
    elif downloads := places.of("download"):
        findings.append(Finding("script-download", _first(places, downloads)))
    decoded = (_beside(places, decode, run, within=NEAR_DECODING) for decode, run in DECODING)
    if said := next(filter(None, decoded), None):
        findings.append(Finding("script-decode-and-execute", said))
    return findings


def _first(places: Places, found: list[Place]) -> str:
    return places.said(found[0], 100)
