"""Identifiers that sort by the time of creation, so that indexes grow only at the end."""

import secrets
import time
from uuid import UUID

import msgspec

UUID_CHARACTERS = 36


def new_id() -> UUID:
    """A UUID version 7 (RFC 9562, section 5.7): 48 bits of milliseconds, then 74 random bits."""
    return _made(time.time_ns() // 1_000_000, secrets.randbits(80))


def id_of(token: UUID, milliseconds: int) -> UUID:
    """The one UUID version 7 that belongs to a random token and a time. Whoever knows both knows the UUID."""
    return _made(milliseconds, token.int)


def _made(milliseconds: int, bits: int) -> UUID:
    value = milliseconds << 80 | bits & (1 << 80) - 1
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return msgspec.convert(value.to_bytes(16), UUID)


def uuid_of(text: str) -> UUID:
    """Read a UUID with or without hyphens; several times as fast as `UUID(text)`. Raises `msgspec.ValidationError`."""
    return msgspec.convert(text, UUID)


def find_id(text: str) -> UUID | None:
    """Read a UUID in the usual form; None for any other text."""
    if len(text) != UUID_CHARACTERS:
        return None
    try:
        return uuid_of(text)
    except msgspec.ValidationError:
        return None
