"""How deep a body nests, what a body holds, how long a body gets. Told from the bytes: decoding could make millions of values."""

import re
from itertools import accumulate

STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
#: a NUL as JSON writes NUL; after an odd number of backslashes, the same letters are a backslash and text
NUL = re.compile(rb"(?<!\\)(?:\\\\)*+\\u0000")
#: the exponent of a number
EXPONENT = re.compile(rb"\d[eE][-+]?(\d{2,3})")
#: the largest exponent that is not counted: such numbers are rare, and shorter than most texts
USUAL = 20
#: the exponent of a number that is far from all measures
HUGE = re.compile(rb"(?<=\d)[eE][-+]?\d{3}")
#: brackets as the numbers 0 (opening) and 1 (closing), and the change of depth for each number
NUMBERS = bytes.maketrans(b"[{]}", b"\0\0\1\1")
STEPS = (1, -1)
NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[{]}")


def is_deeper(raw: bytes, most: int) -> bool:
    """Whether objects and lists of the JSON nest in more levels than `most`."""
    if raw.count(b"[") + raw.count(b"{") <= most:
        return False
    brackets = STRING.sub(b"", raw).translate(None, NO_BRACKETS).translate(NUMBERS)
    return max(accumulate(map(STEPS.__getitem__, brackets)), default=0) > most


def values_in(raw: bytes) -> int:
    """About how many values the JSON holds; never fewer than the true number."""
    bare = STRING.sub(b"", raw)
    return 1 + bare.count(b",") + bare.count(b"[") + bare.count(b"{")


def has_more_huge_numbers(raw: bytes, most: int) -> bool:
    """Whether the JSON holds more numbers than `most` with exponents of three digits or more."""
    if len(raw) <= most * len("1e300,"):
        return False
    return len(HUGE.findall(raw)) > most and len(HUGE.findall(STRING.sub(b"", raw))) > most


def holds_nul(raw: bytes) -> bool:
    return b"\\u0000" in raw and NUL.search(raw) is not None


def written_out(raw: bytes) -> int:
    """How many bytes the JSON has once PostgreSQL has stored its numbers, which are written out then: `1e300` in 301 digits."""
    if EXPONENT.search(raw) is None:
        return len(raw)
    exponents = map(int, EXPONENT.findall(STRING.sub(b"", raw)))
    return len(raw) + sum(exponent for exponent in exponents if exponent > USUAL)
