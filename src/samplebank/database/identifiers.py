"""Identifiers that sort by the time of creation, so that indexes grow only at the end."""

import secrets
import time
from uuid import UUID


def new_id() -> UUID:
    """A UUID version 7 (RFC 9562, section 5.7): 48 bits of milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def find_id(text: str) -> UUID | None:
    """Read a UUID in the usual form; None for any other text."""
    try:
        value = UUID(text)
    except ValueError:
        return None
    return value if str(value) == text.lower() else None
