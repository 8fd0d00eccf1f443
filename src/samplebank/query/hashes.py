"""Hashes as people paste hashes: in lists, between quotes, with the name of the algorithm before."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

#: the hashes by their number of hexadecimal digits
ALGORITHMS: Final[Mapping[int, str]] = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
SHORTEST: Final = min(ALGORITHMS)
#: names of fields with hashes; between name and hash there may be a blank
NAMES: Final = frozenset({"md5", "sha1", "sha256", "sha512", "sha-1", "sha-256", "sha-512", "hash"})
HEXADECIMAL: Final = re.compile(r"[0-9A-Fa-f]+")
#: characters of the longest hash, with the marks around
LONGEST: Final = 200
#: marks between the hashes of a list
MARKS: Final = (",", ";")
BETWEEN: Final = re.compile(r"[,;]+")
#: commas and semicolons of the longest list
MOST_SEPARATORS: Final = 25_000
HASH: Final = r"(?:[0-9A-Fa-f]{128}|[0-9A-Fa-f]{64}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{32})(?![^\s,;)])"
#: a pasted list, which is read as a whole
LIST: Final = re.compile(rf"{HASH}(?:[\s,;]++{HASH})++[,;]*+")
#: marks around a pasted hash
AROUND: Final = "'`<>\".\ufeff\u200b"


def algorithm_of(text: str) -> str | None:
    """The algorithm of a hash; None for any other text."""
    algorithm = ALGORITHMS.get(len(text))
    return algorithm if algorithm and HEXADECIMAL.fullmatch(text) else None


@lru_cache(2)  # a long list is asked for several times on its way through
def hashes_in(text: str) -> tuple[str, ...]:
    """The hashes of a word that holds nothing but hashes, in lower case; none for any other word."""
    if algorithm_of(text):
        return (text.lower(),)
    if len(text) < SHORTEST or (len(text) > LONGEST and not BETWEEN.search(text, 0, LONGEST)):
        return ()
    if text.count(",") + text.count(";") > MOST_SEPARATORS:
        return ()
    pieces = (piece.strip(AROUND) for piece in text.lower().replace(";", ",").split(","))
    found = tuple(piece for piece in pieces if piece)
    return found if all(map(algorithm_of, found)) else ()
