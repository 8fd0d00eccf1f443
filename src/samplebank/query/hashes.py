"""Hashes as people paste hashes: in lists, between quotes, with the name of the algorithm before."""

import re
from collections.abc import Mapping
from typing import Final

#: the hashes by their number of hexadecimal digits
ALGORITHMS: Final[Mapping[int, str]] = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
#: names of fields that hold hashes; between such a name and its hash there may be a blank
NAMES: Final = frozenset({"md5", "sha1", "sha256", "sha512", "sha-1", "sha-256", "sha-512", "hash"})
HEXADECIMAL: Final = re.compile(r"[0-9A-Fa-f]+")
BETWEEN: Final = re.compile(r"[,;]+")
#: what stands around a pasted hash
AROUND: Final = "'`<>\".\ufeff\u200b"


def algorithm_of(text: str) -> str | None:
    """The algorithm of a hash; None for any other text."""
    return ALGORITHMS.get(len(text)) if HEXADECIMAL.fullmatch(text) else None


def hashes_in(text: str) -> list[str]:
    """The hashes of a word that holds nothing but hashes, in lower case; none for any other word."""
    pieces = [piece.strip(AROUND) for piece in BETWEEN.split(text)]
    found = [piece.lower() for piece in pieces if piece]
    return found if all(algorithm_of(piece) for piece in found) else []
