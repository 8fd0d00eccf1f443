"""How long sessions and links last."""

from uuid import UUID

import pytest

from kit.bank import name_of
from samplebank.accounts import keys, sessions
from samplebank.accounts.sessions import LINK_LASTS, Lasting
from samplebank.database import Connection
from samplebank.errors import NotFound

NOW = 1_000_000_000
LASTING = Lasting(idle=1_000, longest=5_000)
ADD_USER = """
    INSERT INTO subject (kind, short_name, name, customer_id)
    SELECT 'user', $1, $1, id FROM customer WHERE short_name = 'mill' RETURNING id
"""
USE = "UPDATE browser_session SET seen_time = $2 WHERE user_id = $1"


@pytest.fixture
async def user(db: Connection) -> int:
    id_: int = await db.fetchval(ADD_USER, name_of("visitor"))
    return id_


async def lasts(db: Connection, user: int, after: int) -> bool:
    """Whether a session of the user has not ended so many milliseconds after `NOW`."""
    return bool(await sessions.sessions_of(db, user, LASTING, now=NOW + after, most=1))


async def begin(db: Connection, user: int, key_id: UUID | None = None) -> None:
    await sessions.begin(db, user, LASTING, now=NOW, key_id=key_id)


async def test_a_session_that_nobody_uses_ends(db: Connection, user: int) -> None:
    await begin(db, user)

    assert [await lasts(db, user, after) for after in (999, 1_000)] == [True, False]


async def test_a_session_ends_however_much_somebody_uses_the_session(db: Connection, user: int) -> None:
    await begin(db, user)
    await db.execute(USE, user, NOW + 4_999)

    assert [await lasts(db, user, after) for after in (4_999, 5_000)] == [True, False]


async def test_a_session_ends_when_its_key_expires(db: Connection, user: int) -> None:
    id_, _ = await keys.issue(db, user, now=NOW, expiry=NOW + 500)
    await begin(db, user, id_)

    assert [await lasts(db, user, after) for after in (499, 500)] == [True, False]


async def test_the_sessions_that_have_ended_are_forgotten_and_no_other(db: Connection, user: int) -> None:
    await begin(db, user)

    forgotten = [await sessions.forget_old(db, now=NOW + after) for after in (4_999, 5_000)]

    assert forgotten == [0, 1]


@pytest.mark.parametrize(("after", "is_good"), [(LINK_LASTS - 1, True), (LINK_LASTS, False)])
async def test_a_link_signs_in_for_ten_minutes(
    db: Connection, user: int, after: int, *, is_good: bool
) -> None:
    secret = await sessions.make_link(db, user, now=NOW)

    found = await sessions.use_link(db, secret, now=NOW + after)

    assert (found == user) is is_good


async def test_nobody_ends_the_session_of_somebody_else(db: Connection, user: int) -> None:
    await begin(db, user)
    (session,) = await sessions.sessions_of(db, user, LASTING, now=NOW, most=1)

    with pytest.raises(NotFound):
        await sessions.end(db, session.id, user + 1)

    assert await lasts(db, user, 0)
