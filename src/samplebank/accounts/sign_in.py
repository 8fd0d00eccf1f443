"""Who signs in by OpenID Connect: the user behind an identity, and groups that follow the identity's claims."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final
from uuid import UUID

import msgspec

from samplebank.accounts import keys, provisioning
from samplebank.database import Columns, Connection, Statement
from samplebank.errors import Conflict, Refusal
from samplebank.timespec import Millis

LONGEST_NAME: Final = 200
LONGEST_SHORT_NAME: Final = 90
MARK: Final = 8
LABEL: Final = "samplebank login --device"
OTHER_KEY: Final = "The key was not given by a sign-in: `samplebank key revoke` ends other keys."
NO_RULE: Final = (
    "You are known to the sign-in service as {}, but no group of yours may use this service: "
    "ask who runs the service for a group that may."
)
NO_PROVIDER: Final = "This service has no sign-in by OpenID Connect: use an API key or a link."


class Unproven(Refusal):
    """The provider's answer does not prove who has signed in."""

    status: ClassVar[int] = 502


class Identity(msgspec.Struct, frozen=True):
    """Somebody as the provider knows the person: the same issuer and subject are always the same user."""

    issuer: str
    subject: str
    claims: Mapping[str, Any]

    def has(self, claim: str, value: str) -> bool:
        """Whether the claim is the value, or a list with the value."""
        given = self.claims.get(claim)
        return value in given if isinstance(given, list) else given == value


class Rule(msgspec.Struct, frozen=True):
    """A rule of the tenants file: who has the claim belongs to the group; new users belong to the customer."""

    claim: str
    value: str
    group_id: int
    customer_id: int


RULE = Columns.of(Rule, "r")
RULES = Statement(f"SELECT {RULE.sql} FROM sign_in_rule r ORDER BY r.position")
FIND = Statement("""
    UPDATE sign_in_identity SET seen_time = :now WHERE issuer = :issuer AND subject = :subject RETURNING user_id
""")
IS_REMOVED = Statement("SELECT removed_time IS NOT NULL FROM subject WHERE id = :user_id")
ADD = Statement("""
    INSERT INTO sign_in_identity (issuer, subject, user_id, created_time, seen_time)
    VALUES (:issuer, :subject, :user_id, :now, :now)
""")
ADD_USER = Statement("""
    INSERT INTO subject (kind, short_name, name, customer_id) VALUES ('user', :short_name, :name, :customer_id)
    ON CONFLICT (short_name) DO NOTHING RETURNING id
""")
LEAVE = Statement("""
    DELETE FROM group_member WHERE user_id = :user_id AND group_id = ANY(:governed::bigint[]) AND group_id <> ALL(:wanted::bigint[])
    RETURNING group_id
""")
JOIN = Statement("""
    INSERT INTO group_member (group_id, user_id) SELECT unnest(:wanted::bigint[]), :user_id
    ON CONFLICT DO NOTHING RETURNING group_id
""")
#: the sessions that did not begin with a key
END_SESSIONS = Statement("DELETE FROM browser_session WHERE user_id = :user_id AND key_id IS NULL")

KEEP_AS_SIGNED_IN = Statement("UPDATE api_key SET by_sign_in = true WHERE id = :id")
END_KEYS = Statement("""
    UPDATE api_key SET revoked_time = :now WHERE user_id = :user_id AND by_sign_in AND revoked_time IS NULL
""")
END_OWN_KEY = Statement("""
    UPDATE api_key SET revoked_time = coalesce(revoked_time, :now) WHERE id = :id AND by_sign_in RETURNING id
""")


async def issue_key(db: Connection, user_id: int, *, now: Millis, expiry: Millis) -> str:
    """Make a key for a user who has signed in. The key ends with the right to sign in, and at `expiry`."""
    id_, key = await keys.issue(db, user_id, now=now, label=LABEL, expiry=expiry)
    await KEEP_AS_SIGNED_IN.run(db, id=id_)
    return key


async def end_key(db: Connection, id_: UUID | None, *, now: Millis) -> None:
    """End a key that a sign-in gave. Raises `Conflict` for any other key."""
    if id_ is None or await END_OWN_KEY.value(db, id=id_, now=now) is None:
        raise Conflict(OTHER_KEY)


async def admit(db: Connection, who: Identity, *, now: Millis) -> int | None:
    """Find or make the user, whose groups become as the rules say; answers the id of the user.

    None for a removed user, and for somebody without a rule, who then has no group of a rule, no session without a key and no key of a sign-in any more.
    """
    await provisioning.lock(db)
    rules = [RULE.read(row) for row in await RULES.rows(db)]
    fitting = [rule for rule in rules if who.has(rule.claim, rule.value)]
    user_id: int | None = await FIND.value(db, issuer=who.issuer, subject=who.subject, now=now)
    is_new = user_id is None
    if user_id is None:
        if not fitting:
            return None
        user_id = await _add(db, who, fitting[0].customer_id, now=now)
    elif await IS_REMOVED.value(db, user_id=user_id):
        return None
    governed = sorted({rule.group_id for rule in rules})
    wanted = sorted({rule.group_id for rule in fitting})
    left = await LEAVE.rows(db, user_id=user_id, governed=governed, wanted=wanted)
    joined = await JOIN.rows(db, user_id=user_id, wanted=wanted)
    if is_new or left or joined:
        await provisioning.tell_change(db)
    if not fitting:
        await END_SESSIONS.run(db, user_id=user_id)
        await END_KEYS.run(db, user_id=user_id, now=now)
        return None
    return user_id


async def _add(db: Connection, who: Identity, customer_id: int, *, now: Millis) -> int:
    short_name, mark = short_name_of(who), _mark(who)
    name = _text(who, "name") or short_name
    user_id: int | None = None
    # A user with the name who is there already is somebody else.
    for one in (short_name, f"{short_name}-{mark[:MARK]}", f"user-{mark}"):
        if user_id is None:
            user_id = await ADD_USER.value(db, short_name=one, name=name, customer_id=customer_id)
    assert user_id is not None  # noqa: S101 the last name has 256 bits of issuer and subject
    await ADD.run(db, issuer=who.issuer, subject=who.subject, user_id=user_id, now=now)
    return user_id


def short_name_of(who: Identity) -> str:
    """A short name for the user: of the preferred name or the address, of the kind that a tenants file takes."""
    preferred = (_text(who, "preferred_username") or _text(who, "email")).partition("@")[0]
    name = re.sub(r"[^a-zA-Z0-9_.-]+", "-", preferred)[:LONGEST_SHORT_NAME].strip("-.")
    return f"user-{_mark(who)[:MARK]}" if not name or name.isdigit() else name


def _mark(who: Identity) -> str:
    return hashlib.sha256(f"{who.issuer}\n{who.subject}".encode("utf-8", "replace")).hexdigest()


def _text(who: Identity, claim: str) -> str:
    value = who.claims.get(claim)
    text = value.encode("utf-8", "ignore").decode().replace("\0", "") if isinstance(value, str) else ""
    return text.strip()[:LONGEST_NAME]
