"""Samples. A sample is the bytes of a file, identified by SHA-256."""

import re
from typing import Any
from uuid import UUID

import msgspec

from samplebank.errors import NotFound
from samplebank.timespec import Millis

SHA256 = re.compile(r"[0-9a-fA-F]{64}")
PASTED = re.compile(
    r"""[\s\ufeff\u200b"'`<]*(?:(?:MD5|SHA-?1|SHA-?256|SHA-?512)\s*[:=]\s*)?(?P<digest>[0-9a-f]{32,128})[\s\ufeff\u200b"'`>,;.]*""",
    re.IGNORECASE,
)
#: hexadecimal digits of an MD5
SHORTEST_DIGEST = 32
NO_SAMPLE = "There is no sample with this SHA-256 that you may see."
NO_DIGEST = "This is no SHA-256: a SHA-256 has 64 hexadecimal digits."


class Sample(msgspec.Struct, frozen=True):
    """The columns of a sample row that other concepts need."""

    id: int
    sha256: bytes
    size: int
    created_time: Millis
    deleted_time: Millis | None


class Classification(msgspec.Struct, frozen=True):
    type: str
    super_type: str
    arch: str | None
    platform: str | None
    version: str
    meta_data: dict[str, Any]


class StaticFact(msgspec.Struct, frozen=True):
    id: UUID
    sha256: bytes
    key: str
    value: str
    agent_name: str
    agent_version: str
    user_id: int
    created_time: Millis


def pasted(text: str) -> str:
    """Find the digest in a pasted text, between blanks, quotes and the name of the algorithm.

    Any other text is answered unchanged, but without the blanks around the text.
    """
    found = PASTED.fullmatch(text) if len(text) >= SHORTEST_DIGEST else None
    return found["digest"] if found else text.strip()


def read_sha256(text: str) -> bytes:
    """Read a digest written as 64 hexadecimal digits. A malformed digest names no sample: raises `NotFound`."""
    text = pasted(text)
    if not SHA256.fullmatch(text):
        raise NotFound(NO_DIGEST)
    return bytes.fromhex(text)
