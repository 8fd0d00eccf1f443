"""Proof of possession: a submitter must prove to hold the bytes.

A challenge is good for one submission by one user. A used challenge is kept until it expires, so that a repeated request
gets the same answer again. The SHA-256 of the whole file answers only the challenge that an upload issues.
"""

import hashlib
import secrets
from contextlib import aclosing
from enum import Enum, auto
from uuid import UUID

import msgspec

from samplebank.blobs import Area, Blobs
from samplebank.blobs.store import DAMAGED, verified
from samplebank.database import Columns, Connection, Statement, new_id
from samplebank.errors import Damaged, NotFound, TooMany, Unchallengeable
from samplebank.timespec import Millis

#: for a file of at most so many bytes, a challenge covers the whole file but a few bytes at the ends
SMALL = 32 * 1024 * 1024
#: bytes that a challenge of a larger file covers
PART = 16 * 1024 * 1024
#: the most bytes left out, at both ends together: a user who knows less of the file cannot answer
LEFT_OUT = 16
ISSUE = Statement("""
    INSERT INTO challenge (id, sample_id, user_id, answer, expiry_time)
    VALUES (:id, :sample_id, :user_id, :answer, :expiry_time)
""")
# The range drawn first stays until its time is up. Otherwise a user could ask again and again for an easier range.
KEEP_RANGE = Statement("""
    INSERT INTO challenge_range AS kept (user_id, sample_id, start, length, until)
    VALUES (:user_id, :sample_id, :start, :length, :until)
    ON CONFLICT (user_id, sample_id) DO UPDATE SET
        start = CASE WHEN kept.until > :now THEN kept.start ELSE excluded.start END,
        length = CASE WHEN kept.until > :now THEN kept.length ELSE excluded.length END,
        until = CASE WHEN kept.until > :now THEN kept.until ELSE excluded.until END
    RETURNING start AS "offset", length
""")
USE_UP = """
    WITH used AS (UPDATE challenge SET used_by = '' WHERE id = $1 AND used_by IS NULL RETURNING user_id)
    INSERT INTO wrong_answer (user_id, time) SELECT user_id, $2 FROM used
"""


def barred(user: str) -> str:
    """An expression: the time of the oldest of the last `:most` wrong answers of a user since `:since`.

    NULL for fewer wrong answers: then the user may answer. `user` is an expression for the id of the user.
    """
    return f"""
        (SELECT w.time FROM wrong_answer w WHERE w.user_id = {user} AND w.time > :since::bigint
          ORDER BY w.time DESC OFFSET :most::int - 1 LIMIT 1)
    """


FIND_BARRED = Statement(f"SELECT {barred(':user_id')}")
TOO_MANY = "You have answered too many challenges wrongly. Upload the file instead: the answer holds a solved challenge."


class Range(msgspec.Struct, frozen=True):
    offset: int
    length: int


class Outcome(Enum):
    GOOD = auto()
    #: the same request has used the challenge before
    REPEATED = auto()
    #: the answer is wrong, and uses the challenge up
    WRONG = auto()
    #: unknown, expired, used, or of another user or sample: the caller is not told which
    REFUSED = auto()


class Tries(msgspec.Struct, frozen=True):
    """How often a user may answer wrongly within `period` milliseconds. A drawn range also stays for `period`."""

    most: int
    period: Millis

    def check(self, barred: Millis | None, now: Millis) -> None:
        """Raise `TooMany` for a user whose wrong answer at `barred` was one too many."""
        if barred is not None:
            raise TooMany(TOO_MANY, wait=-(-(barred + self.period - now) // 1000))


class StoredChallenge(msgspec.Struct, frozen=True):
    """A stored challenge. Every field is None when no challenge has the id."""

    sample_id: int | None
    user_id: int | None
    answer: bytes | None
    expiry_time: Millis | None
    used_by: bytes | None
    submission_id: UUID | None


#: the sample is always locked before the challenge
COLUMNS = Columns.of(StoredChallenge, "asked")


class Redemption(msgspec.Struct, frozen=True):
    outcome: Outcome
    submission_id: UUID | None = None


def draw_range(size: int, smallest: int) -> Range:
    """Draw a random range of a file of `size` bytes. Only a user who holds nearly the whole file can answer.

    The range of a small file leaves out 1 to 16 bytes at the ends, so that the digest of the whole file is no answer. The
    range of a large file is a random part. Raises `Unchallengeable` for a file under `smallest` bytes.
    """
    if size < max(smallest, 2):
        raise Unchallengeable(
            f"The file is smaller than {smallest} bytes, so a challenge proves nothing: upload it again and use the "
            "solved challenge of that answer.",
        )
    if size > SMALL:
        return Range(secrets.randbelow(size - PART + 1), PART)
    left_out = 1 + secrets.randbelow(min(LEFT_OUT, size - 1))
    return Range(secrets.randbelow(left_out + 1), size - left_out)


async def range_for(
    db: Connection, user_id: int, sample_id: int, drawn: Range, tries: Tries, *, now: Millis
) -> Range:
    """Get the range that the user is asked about: the range drawn before, until the end of `tries.period`, else `drawn`.

    Raises `TooMany` for a user who has answered wrongly too often.
    """
    since = now - tries.period
    tries.check(await FIND_BARRED.value(db, user_id=user_id, since=since, most=tries.most), now)
    row = await KEEP_RANGE.row(
        db,
        user_id=user_id,
        sample_id=sample_id,
        start=drawn.offset,
        length=drawn.length,
        until=now + tries.period,
        now=now,
    )
    return Range(**row)


async def answer_of(blobs: Blobs, sha256: bytes, size: int, asked: Range) -> bytes:
    """The right answer. Raises `NotFound`, also for damaged bytes: submitters upload then, which repairs the stored file.

    The range of a small file is nearly the whole file, so the whole file is read and compared with its name.
    """
    try:
        return await _answer_of(blobs, sha256, size, asked)
    except Damaged as damaged:
        raise NotFound(str(damaged)) from damaged


async def _answer_of(blobs: Blobs, sha256: bytes, size: int, asked: Range) -> bytes:
    if size > SMALL:
        pieces, left_out = blobs.read(Area.SAMPLE, sha256, asked.offset, asked.length), 0
    else:
        pieces, left_out = verified(blobs.read(Area.SAMPLE, sha256), sha256), asked.offset
    digest, left = hashlib.sha256(), asked.length
    async with aclosing(pieces):
        async for piece in pieces:
            part = piece[left_out : left_out + left]
            left_out = max(0, left_out - len(piece))
            left -= len(part)
            digest.update(part)
    if left:
        raise Damaged(DAMAGED)
    return digest.digest()


async def issue(db: Connection, sample_id: int, user_id: int, answer: bytes, expiry: Millis) -> UUID:
    """Store a challenge with its right answer."""
    id_ = new_id()
    await ISSUE.run(db, id=id_, sample_id=sample_id, user_id=user_id, answer=answer, expiry_time=expiry)
    return id_


def redeem(
    stored: StoredChallenge, answer: bytes, *, sample_id: int, user_id: int, request: bytes, now: Millis
) -> Redemption:
    """Check an answer to a locked challenge for the request with the digest `request`."""
    if stored.answer is None or stored.expiry_time is None or stored.expiry_time <= now:
        return Redemption(Outcome.REFUSED)
    if stored.sample_id != sample_id or stored.user_id != user_id:
        return Redemption(Outcome.REFUSED)
    if stored.used_by is not None:
        repeated = stored.used_by == request
        return Redemption(Outcome.REPEATED, stored.submission_id) if repeated else Redemption(Outcome.REFUSED)
    return Redemption(Outcome.GOOD if secrets.compare_digest(stored.answer, answer) else Outcome.WRONG)


async def use_up(db: Connection, id_: UUID, *, now: Millis) -> None:
    """Use up a challenge that was answered wrongly, and count the wrong answer, once."""
    await db.execute(USE_UP, id_, now)
