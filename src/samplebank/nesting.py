"""How deep a body nests and whether a body holds NUL, told from the bytes: decoding could make millions of values."""

import re
from itertools import accumulate

STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
#: a NUL as JSON writes NUL; after an odd number of backslashes, the same letters are a backslash and text
NUL = re.compile(rb"(?<!\\)(?:\\\\)*+\\u0000")
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


def holds_nul(raw: bytes) -> bool:
    return b"\\u0000" in raw and NUL.search(raw) is not None
