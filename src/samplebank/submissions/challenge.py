"""Proof of possession: whoever submits must show that it holds the bytes.

A challenge is good for one submission by one user. It is kept until it expires, so that the repeat of the request
that used it gets the same answer again.
"""

import hashlib
import secrets
from collections.abc import AsyncIterator
from enum import Enum, auto
from uuid import UUID

import msgspec

from samplebank.database import Connection, new_id
from samplebank.errors import Unchallengeable
from samplebank.timespec import Millis

#: what a challenge covers at least of a larger file, in bytes
ENOUGH = 16 * 1024 * 1024
ISSUE = """
    INSERT INTO challenge (id, sample_id, user_id, answer, expiry_time) VALUES ($1, $2, $3, $4, $5)
"""
#: as `ISSUE`, for the sample that a common table expression names (id)
ISSUE_FOR = (
    "INSERT INTO challenge (id, sample_id, user_id, answer, expiry_time) SELECT $1, id, $2, $3, $4 FROM {}"
)
#: a challenge as `Stored` takes it; whoever locks it locks the sample first, then the challenge
COLUMNS = "sample_id, user_id, answer, expiry_time, used_by, submission_id"
USE_UP = "UPDATE challenge SET used_by = '' WHERE id = $1 AND used_by IS NULL"


class Range(msgspec.Struct, frozen=True):
    offset: int
    length: int


class Outcome(Enum):
    GOOD = auto()
    #: this very request has used it before
    REPEATED = auto()
    #: the answer is wrong, and the challenge with it used up
    WRONG = auto()
    #: unknown, expired, used, or of another user or sample: the caller is not told which
    REFUSED = auto()


class Stored(msgspec.Struct, frozen=True):
    """A challenge as it is stored; all None when there is none with that id."""

    sample_id: int | None
    user_id: int | None
    answer: bytes | None
    expiry_time: Millis | None
    used_by: bytes | None
    submission_id: UUID | None


class Redeemed(msgspec.Struct, frozen=True):
    outcome: Outcome
    submission_id: UUID | None = None


def pick_range(size: int, smallest: int) -> Range:
    """A random range of a file of `size` bytes: at least half of it, or `ENOUGH` of a larger one.

    Raises `Unchallengeable` for a file under `smallest` bytes.
    """
    if size < smallest:
        raise Unchallengeable(
            f"The file is smaller than {smallest} bytes, so a challenge proves nothing: upload it again and use the "
            "solved challenge of that answer.",
        )
    least = min((size + 1) // 2, ENOUGH)
    length = least + secrets.randbelow(min(size, 2 * ENOUGH) - least + 1)
    return Range(secrets.randbelow(size - length + 1), length)


async def answer_of(pieces: AsyncIterator[bytes]) -> bytes:
    digest = hashlib.sha256()
    async for piece in pieces:
        digest.update(piece)
    return digest.digest()


async def issue(db: Connection, sample_id: int, user_id: int, answer: bytes, expiry: Millis) -> UUID:
    """Store a challenge with its right answer."""
    id_ = new_id()
    await db.execute(ISSUE, id_, sample_id, user_id, answer, expiry)
    return id_


def redeem(
    stored: Stored, answer: bytes, *, sample_id: int, user_id: int, request: bytes, now: Millis
) -> Redeemed:
    """Check an answer to a locked challenge for the request with the digest `request`."""
    if stored.answer is None or stored.expiry_time is None or stored.expiry_time <= now:
        return Redeemed(Outcome.REFUSED)
    if stored.sample_id != sample_id or stored.user_id != user_id:
        return Redeemed(Outcome.REFUSED)
    if stored.used_by is not None:
        repeated = stored.used_by == request
        return Redeemed(Outcome.REPEATED, stored.submission_id) if repeated else Redeemed(Outcome.REFUSED)
    return Redeemed(Outcome.GOOD if secrets.compare_digest(stored.answer, answer) else Outcome.WRONG)


async def use_up(db: Connection, id_: UUID) -> None:
    """Let nobody use a challenge that was answered wrongly."""
    await db.execute(USE_UP, id_)
