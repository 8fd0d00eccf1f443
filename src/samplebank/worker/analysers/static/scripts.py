"""Reads text that may be a script. Finds downloading, decoding, hiding, and running of the outcome."""

import re
from itertools import islice

import msgspec

from samplebank.worker.analysers.static.script_acts import (
    ALONE,
    DECODING,
    DOWNLOADS,
    EXECUTES,
    INSTALLER,
    STEPS,
    Step,
    folded,
)
from samplebank.worker.analysers.static.traits import Finding
from samplebank.worker.contract import JSON

MOST_CHARACTERS = 2 * 1024 * 1024
#: characters searched of a long text: at the beginning and at the end
SEARCHED_START, SEARCHED_END = 192 * 1024, 64 * 1024
#: most characters between two steps of one act: words anywhere in a large library are no act
NEAR, NEAR_DECODING = 2000, 500
#: places of the first step of an act that are tried
MOST_PLACES = 500
#: a text of more lines than this shows installers as a document does
FEW_LINES = 5
LONG_LINE_CHARACTERS = 20_000
FEWEST_PRINTABLE = 0.95
PRINTABLE = frozenset("\t\n\r\f\b\x1b")
#: runs of letters without meaning, and runs of blanks: padding that keeps the steps of an act apart
PADDING = re.compile(r"[A-Za-z0-9+/=%\\]{401,}|[^\S\n]{41,}|\n{41,}")
BLANK_PADDING = re.compile(r"[^\S\n]{41,}|\n{41,}")
#: characters of the longest run of letters that is no padding
MOST_RUN = 400


def find_text(head: bytes) -> str | None:
    """Decode a text; None for a content that is no text."""
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    text = head[: 2 * MOST_CHARACTERS].decode(encoding, errors="replace")[:MOST_CHARACTERS]
    start = text[:8192]
    printable = len(start) - sum(start.count(char) for char in set(start) if not _is_printable(char))
    return text if start and printable / len(start) >= FEWEST_PRINTABLE else None


def _is_printable(char: str) -> bool:
    return (char.isprintable() and char != "\ufffd") or char in PRINTABLE


def read(text: str) -> tuple[dict[str, JSON], list[Finding]]:
    lines = text.splitlines()
    longest = max(map(len, lines), default=0)
    facts: dict[str, JSON] = {
        "lines": len(lines),
        "longestLine": longest,
        "interpreter": lines[0][2:200].strip() if lines and lines[0].startswith("#!") else None,
    }
    searched = Searched.of(_searched(text, longest))
    findings = [
        Finding(trait, match.group()[:200])
        for trait, step in ALONE.items()
        if (match := searched.search(step)) is not None
    ]
    known = {finding.trait for finding in findings}
    for trait, acts in STEPS.items():
        said = next((found for act in acts if (found := near(searched, *act))), None)
        if said and trait not in known:
            findings.append(Finding(trait, said))
    findings += _combinations(searched)
    if longest >= LONG_LINE_CHARACTERS and _decodes_or_executes(searched):
        findings.append(Finding("script-very-long-line", f"{longest} characters"))
    return facts, findings


class Searched(msgspec.Struct, frozen=True):
    """A text that is searched, and the same text in small letters for the hints of steps."""

    text: str
    folded: str

    @classmethod
    def of(cls, text: str) -> "Searched":
        return cls(text, folded(text))

    def may_have(self, step: Step) -> bool:
        return step.may_be_in(self.folded)

    def search(self, step: Step) -> re.Match[str] | None:
        return step.pattern.search(self.text) if self.may_have(step) else None


def _decodes_or_executes(searched: Searched) -> bool:
    return any(searched.search(step) for step in (EXECUTES, *(decode for decode, _ in DECODING)))


def _searched(text: str, longest: int) -> str:
    """The part of a text that is searched, without padding. `longest` is the length of the longest line."""
    padding = PADDING if longest > MOST_RUN else BLANK_PADDING
    text = padding.sub(lambda run: run.group()[:400] if run.group()[0].strip() else run.group()[:40], text)
    if len(text) <= SEARCHED_START + SEARCHED_END:
        return text
    return f"{text[:SEARCHED_START]}\n{text[-SEARCHED_END:]}"


def near(searched: Searched, *steps: Step, within: int = NEAR) -> str | None:
    """The words of the first place where the steps follow each other in this order; None without such a place.

    Each step begins at most `within` characters after the end of the step before.
    """
    if not all(map(searched.may_have, steps)):
        return None
    first, *others = (step.pattern for step in steps)
    for match in islice(first.finditer(searched.text), MOST_PLACES):
        said, end = [match.group()[:100]], match.end()
        for step in others:
            following = step.search(searched.text, end, end + within)
            if following is None:
                break
            said.append(following.group()[:100])
            end = following.end()
        else:
            return " ".join(said)
    return None


def _beside(searched: Searched, one: Step, other: Step, *, within: int = NEAR) -> str | None:
    """The words of two steps near each other, in any order; None where no two are near."""
    return near(searched, one, other, within=within) or near(searched, other, one, within=within)


def _combinations(searched: Searched) -> list[Finding]:
    findings = []
    # A document shows how to install the described program. A script that installs begins with `#!`, or is short.
    is_document = searched.text.count("\n") > FEW_LINES and not searched.text.startswith("#!")
    acting = searched
    if is_document and searched.may_have(INSTALLER):
        acting = Searched.of(INSTALLER.pattern.sub("", searched.text))
    if said := _beside(acting, DOWNLOADS, EXECUTES):
        findings.append(Finding("script-download-and-execute", said))
    elif download := searched.search(DOWNLOADS):
        findings.append(Finding("script-download", download.group()[:100]))
    decoded = (_beside(searched, decode, run, within=NEAR_DECODING) for decode, run in DECODING)
    if said := next(filter(None, decoded), None):
        findings.append(Finding("script-decode-and-execute", said))
    return findings
