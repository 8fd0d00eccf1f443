"""What is known of a sample: the bytes of one file, identified by their SHA-256."""

import re
from typing import Any
from uuid import UUID

import msgspec

from samplebank.errors import NotFound
from samplebank.timespec import Millis

SHA256 = re.compile(r"[0-9a-fA-F]{64}")
NO_SAMPLE = "There is no sample with this SHA-256 that you may see."


class Sample(msgspec.Struct, frozen=True):
    """A sample row, as far as other concepts need it."""

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


def read_sha256(text: str) -> bytes:
    """The digest written as 64 hexadecimal digits. A malformed one names no sample: raises `NotFound`.

    Blanks around it are from where it was copied.
    """
    text = text.strip()
    if not SHA256.fullmatch(text):
        raise NotFound(NO_SAMPLE)
    return bytes.fromhex(text)
