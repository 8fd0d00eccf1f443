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
LOCK = """
    SELECT sample_id, user_id, answer, expiry_time, used_by, submission_id FROM challenge WHERE id = $1 FOR UPDATE
"""
USE = "UPDATE challenge SET used_by = $2, submission_id = $3 WHERE id = $1"


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


async def redeem(
    db: Connection,
    id_: UUID,
    answer: bytes,
    *,
    sample_id: int,
    user_id: int,
    request: bytes,
    now: Millis,
) -> Redeemed:
    """Check an answer for the request with the digest `request`; a wrong one uses the challenge up."""
    row = await db.fetchrow(LOCK, id_)
    if row is None or row["sample_id"] != sample_id or row["user_id"] != user_id or row["expiry_time"] <= now:
        return Redeemed(Outcome.REFUSED)
    if row["used_by"] is not None:
        repeated = row["used_by"] == request
        return Redeemed(Outcome.REPEATED, row["submission_id"]) if repeated else Redeemed(Outcome.REFUSED)
    if not secrets.compare_digest(row["answer"], answer):
        await db.execute(USE, id_, b"", None)
        return Redeemed(Outcome.WRONG)
    return Redeemed(Outcome.GOOD)


async def use(db: Connection, id_: UUID, request: bytes, submission_id: UUID | None) -> None:
    """Use a challenge up for the request, which led to the submission, or to none because of a similar one."""
    await db.execute(USE, id_, request, submission_id)
