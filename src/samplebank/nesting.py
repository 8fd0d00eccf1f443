"""How deep a body nests and whether it holds NUL, told from its bytes: what it holds may be millions of values."""

import re
from itertools import accumulate

STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
#: a NUL as JSON writes it; behind an odd number of backslashes it would be a backslash and text
NUL = re.compile(rb"(?<!\\)(?:\\\\)*+\\u0000")
#: brackets as numbers, and what each of these does to the depth
NUMBERS = bytes.maketrans(b"[{]}", b"\0\0\1\1")
STEPS = (1, -1)
NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[{]}")


def is_deeper(raw: bytes, most: int) -> bool:
    """Whether objects and lists of this JSON nest in more levels than `most`."""
    if raw.count(b"[") + raw.count(b"{") <= most:
        return False
    brackets = STRING.sub(b"", raw).translate(None, NO_BRACKETS).translate(NUMBERS)
    return max(accumulate(map(STEPS.__getitem__, brackets)), default=0) > most


def values_in(raw: bytes) -> int:
    """About how many values this JSON holds; never fewer than there are."""
    bare = STRING.sub(b"", raw)
    return 1 + bare.count(b",") + bare.count(b"[") + bare.count(b"{")


def holds_nul(raw: bytes) -> bool:
    return b"\\u0000" in raw and NUL.search(raw) is not None
