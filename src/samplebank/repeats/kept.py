"""Answers kept for repeats: a request that comes again with the same key gets the answer of the first time.

An answer is kept in the transaction of the work that the answer tells of. So either the work and its answer are there, or
neither is.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

import msgspec

from samplebank.database import Connection, Statement
from samplebank.errors import Conflict
from samplebank.timespec import Millis

#: milliseconds for which an answer is kept
KEPT_FOR: Final = 24 * 3600 * 1000
#: the most bytes of a kept answer; of a larger answer only the fact is kept that the work was done
MOST: Final = 1024 * 1024
#: answers forgotten with one statement
BATCH: Final = 5000
OTHER = (
    "This Idempotency-Key came with another request within the last 24 hours. A key stands for one request: "
    "give another request a key of its own."
)
TOO_LARGE = (
    "The request with this Idempotency-Key was carried out before, and is not carried out again. Its answer was too large "
    "to keep; look up what the request made."
)
FIND = Statement("""
    SELECT request, status, answer FROM kept_answer
     WHERE user_id = :user_id AND key = :key AND created_time > :since
""")
FIND_ANY = Statement("SELECT EXISTS (SELECT FROM kept_answer WHERE user_id = :user_id AND key = :key)")
# While another transaction has the same key, the statement waits for the end of the other.
BEGIN = Statement("""
    INSERT INTO kept_answer AS kept (user_id, key, request, status, created_time)
    VALUES (:user_id, :key, :request, 0, :now)
    ON CONFLICT (user_id, key) DO UPDATE
       SET request = excluded.request, status = 0, answer = NULL, created_time = excluded.created_time
     WHERE kept.created_time <= :since
    RETURNING true
""")
KEEP = Statement("""
    UPDATE kept_answer SET status = :status, answer = :answer WHERE user_id = :user_id AND key = :key
""")
FORGET = Statement("DELETE FROM kept_answer WHERE user_id = :user_id AND key = :key")
FORGET_EXPIRED = Statement(
    "DELETE FROM kept_answer WHERE user_id = :user_id AND key = :key AND created_time <= :since"
)
FORGET_OLD = Statement("""
    DELETE FROM kept_answer WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM kept_answer WHERE created_time <= :before ORDER BY created_time LIMIT :batch))
""")
# The number by the statistics of the table costs nothing, where to count millions of rows would.
MAY_BE_TOO_MANY = Statement(
    "SELECT reltuples > :most::bigint FROM pg_class WHERE oid = 'kept_answer'::regclass"
)
COUNT_BY_USER = Statement("SELECT user_id, count(*) FROM kept_answer GROUP BY user_id")
FORGET_OLDEST = Statement("""
    DELETE FROM kept_answer WHERE ctid = ANY(ARRAY(
        SELECT oldest.ctid FROM unnest(:users::bigint[], :numbers::bigint[]) beyond(user_id, number), LATERAL (
            SELECT ctid FROM kept_answer WHERE user_id = beyond.user_id ORDER BY created_time LIMIT beyond.number
        ) oldest LIMIT :batch))
""")


class Keyed(msgspec.Struct, frozen=True):
    """A request with a key: the user, and the digests of the key and of the request."""

    user_id: int
    key: bytes
    request: bytes


class Kept(msgspec.Struct, frozen=True):
    """The HTTP status and the body of an answer."""

    status: int
    body: bytes


def digest_of_key(key: str) -> bytes:
    """A short digest: millions of keys are kept, and a user can only mistake keys of the same user."""
    return hashlib.blake2b(key.encode(), digest_size=16).digest()


async def find(db: Connection, keyed: Keyed, *, now: Millis) -> Kept | None:
    """Find the answer to an earlier request with the key. Raises `Conflict` when the earlier request was another one."""
    row = await FIND.row(db, user_id=keyed.user_id, key=keyed.key, since=now - KEPT_FOR)
    if row is None:
        return None
    request, status, answer = row
    if request != keyed.request:
        raise Conflict(OTHER)
    if answer is None:
        raise Conflict(TOO_LARGE)
    return Kept(status, answer.encode())


async def is_taken(db: Connection, keyed: Keyed) -> bool:
    """Whether the user has used the key, for whatever request and however long ago."""
    return bool(await FIND_ANY.value(db, user_id=keyed.user_id, key=keyed.key))


async def begin(db: Connection, keyed: Keyed, *, now: Millis) -> Kept | None:
    """Take the key until the transaction ends; or find the answer of an earlier request. Raises `Conflict` as `find`.

    Waits for the end of another transaction that has the key.
    """
    since = now - KEPT_FOR
    if await BEGIN.value(db, **msgspec.structs.asdict(keyed), now=now, since=since):
        return None
    return await find(db, keyed, now=now)


async def keep(db: Connection, keyed: Keyed, status: int, body: bytes) -> None:
    """Keep the answer to a request whose key was taken with `begin`."""
    answer = body.decode() if len(body) <= MOST else None
    await KEEP.run(db, user_id=keyed.user_id, key=keyed.key, status=status, answer=answer)


async def forget(db: Connection, keyed: Keyed) -> None:
    """Give back a key that was taken with `begin`: the request was refused, and may come again."""
    await FORGET.run(db, user_id=keyed.user_id, key=keyed.key)


async def forget_expired(db: Connection, keyed: Keyed, *, now: Millis) -> None:
    """Forget an answer that is too old to be found, and that the sweeper has not come to yet."""
    await FORGET_EXPIRED.run(db, user_id=keyed.user_id, key=keyed.key, since=now - KEPT_FOR)


async def forget_old(db: Connection, most: int, *, now: Millis) -> int:
    """Forget a batch of answers older than 24 hours, or beyond `most`; answers how many were forgotten.

    Beyond `most`, the oldest answers of the users with the most answers go: the flood of a user costs others no answer.
    """
    expired = await FORGET_OLD.count(db, before=now - KEPT_FOR, batch=BATCH)
    if expired == BATCH or not await MAY_BE_TOO_MANY.value(db, most=most):
        return expired
    number_of = dict(map(tuple, await COUNT_BY_USER.rows(db)))
    share = _share_of_each(number_of.values(), most)
    beyond = {user_id: number - share for user_id, number in number_of.items() if number > share}
    users, numbers = list(beyond), list(beyond.values())
    return expired + await FORGET_OLDEST.count(db, users=users, numbers=numbers, batch=BATCH - expired)


def _share_of_each(numbers: Iterable[int], most: int) -> int:
    """The greatest number that each may keep, so that all together keep at most `most`. Who has fewer leaves the rest to others."""
    ascending = sorted(numbers)
    for place, number in enumerate(ascending):
        share = most // (len(ascending) - place)
        if number > share:
            return share
        most -= number
    return max(ascending, default=0)
