"""Sessions of browsers: a random cookie, stored as a hash, stands for a user; and links that sign a user in once.

A session that began with an API key has the rights of the key, and ends with the key.
"""

import hashlib
import secrets
import time
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import msgspec

from samplebank.accounts import keys
from samplebank.accounts.caller import Caller
from samplebank.accounts.directory import Directory, Unknown
from samplebank.database import Columns, Connection, Database, Statement, new_id
from samplebank.errors import NotFound
from samplebank.timespec import Millis

#: letters of a cookie and of the secret of a link: 256 random bits
SECRET: Final = 43
#: milliseconds for which a link signs in
LINK_LASTS: Final = 10 * 60_000
#: milliseconds between two notes that a session is in use
NOTED: Final = 60_000
#: milliseconds without a request behind which the next visit of a user begins
BREAK: Final = 30 * 60_000
#: seconds for which a session is remembered, and so may outlive its end
REMEMBERED: Final = 2.0
MOST_REMEMBERED: Final = 10_000
LONGEST_LABEL: Final = 200
BATCH: Final = 5000
NO_SESSION: Final = "You have no session with this id; it may have ended."


class Session(msgspec.Struct, frozen=True):
    """A session: who, since when, and when the session ends at the latest. `label` is the browser as the browser says."""

    id: UUID
    user_id: int
    key_id: UUID | None
    label: str
    created_time: Millis
    seen_time: Millis
    end_time: Millis


class Visitor(msgspec.Struct, frozen=True):
    """Somebody who looks at pages."""

    caller: Caller
    session: Session


class Lasting(msgspec.Struct, frozen=True):
    """How long sessions last, in milliseconds: without a request, and in all."""

    idle: Millis
    longest: Millis


SESSION = Columns.of(Session, "b")
GOOD = """
    b.end_time > :now AND b.seen_time > :idle_since
    AND (b.key_id IS NULL OR (k.revoked_time IS NULL AND (k.expiry_time IS NULL OR k.expiry_time > :now)))
"""
FIND = Statement(f"""
    SELECT k.roles, k.customers, {SESSION.sql}
      FROM browser_session b LEFT JOIN api_key k ON k.id = b.key_id
     WHERE b.digest = :digest AND {GOOD}
""")
LIST = Statement(f"""
    SELECT {SESSION.sql} FROM browser_session b LEFT JOIN api_key k ON k.id = b.key_id
     WHERE b.user_id = :user_id AND {GOOD} ORDER BY b.seen_time DESC, b.id LIMIT :most
""")
GOOD_AMONG = Statement(f"""
    SELECT b.id FROM browser_session b LEFT JOIN api_key k ON k.id = b.key_id WHERE b.id = ANY(:ids::uuid[]) AND {GOOD}
""")
# A visit goes on with each note, in whichever session. Behind a longer break the next visit begins.
VISIT = f"""
    INSERT INTO last_visit AS visit (user_id, seen_time) SELECT user_id, :now FROM noted
    ON CONFLICT (user_id) DO UPDATE SET seen_time = greatest(visit.seen_time, excluded.seen_time),
        before_time = CASE WHEN excluded.seen_time > visit.seen_time + {BREAK} THEN visit.seen_time
                           ELSE visit.before_time END
"""
NOTE = Statement(f"""
    WITH noted AS (
        UPDATE browser_session SET seen_time = :now WHERE id = :id AND seen_time < :before RETURNING user_id)
    {VISIT}
""")
ADD = Statement(f"""
    WITH noted AS (
        INSERT INTO browser_session (id, digest, user_id, key_id, label, created_time, seen_time, end_time)
        VALUES (:id, :digest, :user_id, :key_id, :label, :now, :now, :end_time) RETURNING user_id)
    {VISIT}
""")
END = Statement("DELETE FROM browser_session WHERE id = :id AND user_id = :user_id")
ADD_LINK = Statement("""
    INSERT INTO sign_in_link (digest, user_id, created_time, end_time) VALUES (:digest, :user_id, :now, :end_time)
""")
# The row is gone when two browsers come with one link at once: only one of them gets the user.
USE_LINK = Statement(
    "WITH used AS (DELETE FROM sign_in_link WHERE digest = :digest RETURNING user_id, end_time) "
    "SELECT user_id FROM used WHERE end_time > :now"
)
FORGET = Statement("""
    DELETE FROM browser_session WHERE id = ANY(ARRAY(
        SELECT id FROM browser_session WHERE end_time <= :now ORDER BY end_time LIMIT :batch))
""")
FORGET_LINKS = Statement("DELETE FROM sign_in_link WHERE end_time <= :now")


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def is_secret(text: str) -> bool:
    """Whether a text could be a cookie or the secret of a link, so that looking up the text makes sense."""
    return len(text) == SECRET and text.isascii() and text.replace("-", "a").replace("_", "a").isalnum()


async def begin(
    db: Connection,
    user_id: int,
    lasting: Lasting,
    *,
    now: Millis,
    key_id: UUID | None = None,
    label: str = "",
) -> str:
    """Begin a session; answers the cookie, which is readable only here."""
    cookie = secrets.token_urlsafe(32)
    await ADD.run(
        db,
        id=new_id(),
        digest=_digest(cookie),
        user_id=user_id,
        key_id=key_id,
        label=label[:LONGEST_LABEL],
        now=now,
        end_time=now + lasting.longest,
    )
    return cookie


async def end(db: Connection, id_: UUID, user_id: int) -> None:
    """End a session of the user. Raises `NotFound`."""
    if await END.run(db, id=id_, user_id=user_id) == "DELETE 0":
        raise NotFound(NO_SESSION)


async def sessions_of(
    db: Connection, user_id: int, lasting: Lasting, *, now: Millis, most: int
) -> list[Session]:
    """The sessions of the user that have not ended, the one used last first, at most `most`."""
    rows = await LIST.rows(db, user_id=user_id, now=now, idle_since=now - lasting.idle, most=most)
    return [SESSION.read(row) for row in rows]


async def good_among(
    db: Connection, ids: Iterable[UUID], lasting: Lasting, *, now: Millis
) -> frozenset[UUID]:
    """The sessions of `ids` that have not ended. To ask is no use of a session."""
    rows = await GOOD_AMONG.rows(db, ids=list(ids), now=now, idle_since=now - lasting.idle)
    return frozenset(row[0] for row in rows)


async def make_link(db: Connection, user_id: int, *, now: Millis) -> str:
    """Make a link that signs the user in once, within 10 minutes; answers the secret of the link."""
    secret = secrets.token_urlsafe(32)
    await ADD_LINK.run(db, digest=_digest(secret), user_id=user_id, now=now, end_time=now + LINK_LASTS)
    return secret


async def use_link(db: Connection, secret: str, *, now: Millis) -> int | None:
    """Use up a link; answers the id of the user, None for a link that is unknown, used or too old."""
    user_id: int | None = await USE_LINK.value(db, digest=_digest(secret), now=now)
    return user_id


async def forget_old(db: Connection, *, now: Millis) -> int:
    """Forget sessions and links that have ended, a batch of sessions at a time; answers how many sessions."""
    await FORGET_LINKS.run(db, now=now)
    return await FORGET.count(db, now=now, batch=BATCH)


class Visitors:
    """Visitors by cookie, remembered for a moment."""

    def __init__(self, database: Database, directory: Directory, lasting: Lasting) -> None:
        self._database = database
        self._directory = directory
        self.lasting = lasting
        self._found: dict[bytes, tuple[float, int, Visitor]] = {}

    async def find(self, cookie: str, *, now: Millis) -> Visitor | None:
        """Find the visitor with the cookie; None where the session is unknown or has ended."""
        if not is_secret(cookie):
            return None
        await self._directory.refresh()
        digest, moment = _digest(cookie), time.monotonic()
        remembered = self._found.get(digest)
        if remembered and remembered[0] > moment and remembered[1] == self._directory.version:
            return remembered[2]
        try:
            visitor = await self._look_up(digest, now)
        except Unknown:
            # the user is newer than the copy of the accounts
            await self._directory.refresh(at_once=True)
            visitor = await self._look_up(digest, now)
        self._remember(digest, moment, visitor)
        return visitor

    def forget(self) -> None:
        """Look up every session anew, as one has ended."""
        self._found.clear()

    async def _look_up(self, digest: bytes, now: Millis) -> Visitor | None:
        async with self._database.connection() as db:
            row = await FIND.row(db, digest=digest, now=now, idle_since=now - self.lasting.idle)
            if row is None:
                return None
            session = SESSION.read(row[2:])
            await NOTE.run(db, id=session.id, now=now, before=now - NOTED)
            caller = await self._caller(db, session, row[0], row[1])
        return Visitor(caller, session)

    async def _caller(
        self, db: Connection, session: Session, roles: Sequence[str] | None, customers: Sequence[int] | None
    ) -> Caller:
        return await keys.caller_of(
            db, self._directory, session.user_id, roles=roles, customers=customers, key_id=session.key_id
        )

    def _remember(self, digest: bytes, moment: float, visitor: Visitor | None) -> None:
        if len(self._found) >= MOST_REMEMBERED:
            self._found.clear()
        self._found.pop(digest, None)
        if visitor is not None:
            self._found[digest] = (moment + REMEMBERED, self._directory.version, visitor)
