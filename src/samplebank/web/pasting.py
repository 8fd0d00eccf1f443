"""Hashes, ids and file names in a text that somebody pastes, such as a mail or a report. Pure."""

import re
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar
from uuid import UUID

import msgspec

T = TypeVar("T")
#: hashes, ids and names that are taken from a text, each
MOST: Final = 200
UUIDS: Final = re.compile(
    r"(?<![\w-])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![\w-])", re.IGNORECASE
)
HASHES: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9a-f]{128}|[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32})(?![0-9A-Za-z])", re.IGNORECASE
)
#: a name in quotes may hold blanks; any other name ends at a blank, and at what stands around names in texts and paths
QUOTED: Final = re.compile(r'"([^"\r\n\t/\\]{1,260})"')
WORDS: Final = re.compile(r"[^\s\"'`<>|:;,*?/\\()\[\]{}]++")
NAME: Final = re.compile(r".{1,250}\.[A-Za-z0-9]{1,8}")
#: dots as reports write the dots of hostile names
DEFANGED: Final = re.compile(r"\[\.\]|\(\.\)|\{\.\}")


class Pasted(msgspec.Struct, frozen=True):
    """What stands in a text, each once and in the order of the text. `is_cut`: the text has more."""

    hashes: list[str]
    ids: list[UUID]
    names: list[str]
    is_cut: bool


def read_pasted(text: str) -> Pasted:
    """Take hashes, ids and names from a text. Hashes are in lower case."""
    hashes = _once(found.group().lower() for found in HASHES.finditer(text))
    ids = _once(UUID(found.group()) for found in UUIDS.finditer(text))
    names = _once(_names_in(DEFANGED.sub(".", text)))
    is_cut = max(len(hashes), len(ids), len(names)) > MOST
    return Pasted(hashes[:MOST], ids[:MOST], names[:MOST], is_cut)


def _names_in(text: str) -> Iterator[str]:
    """Words with an ending, and texts in quotes with an ending. A dot at the end of a sentence is none."""
    for quoted in QUOTED.findall(text):
        if NAME.fullmatch(quoted):
            yield quoted
    for word in WORDS.findall(QUOTED.sub(_without_names, text)):
        if NAME.fullmatch(name := word.rstrip(".!")):
            yield name


def _without_names(found: re.Match[str]) -> str:
    return " " if NAME.fullmatch(found[1]) else found[0]


def _once(found: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(found))
