"""Adding entries: one in the transaction of its change, or many at once."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec

from samplebank.accounts.caller import UPLOADERS
from samplebank.audit.model import NOBODY, Actor, Entry, Kind, Owners
from samplebank.database import Connection, Statement
from samplebank.timespec import Millis

#: the columns of `audit`, their types, and where an entry has the value
FIELDS: Final = {
    "time": ("bigint", "time"),
    "kind": ("text", "kind"),
    "action": ("text", "action"),
    "actor": ("text", "actor.kind"),
    "user_id": ("bigint", "actor.user_id"),
    "customer_id": ("bigint", "actor.customer_id"),
    "key_id": ("uuid", "actor.key_id"),
    "session_id": ("uuid", "actor.session_id"),
    "reach": ("text", "actor.reach"),
    "address": ("text", "actor.address"),
    "request_id": ("text", "actor.request_id"),
    "sha256": ("bytea", "sha256"),
    "target": ("text", "target"),
    "details": ("jsonb", "details"),
    "is_refused": ("boolean", "is_refused"),
    "count": ("int", "count"),
}
NAMES: Final = ", ".join(FIELDS)
GIVEN: Final = ", ".join(f":{name}::{type_}[]" for name, (type_, _) in FIELDS.items())
#: an array of arrays would have to have rows of one length
TAKEN: Final = NAMES.replace("reach", "string_to_array(reach, ',')::bigint[]")
#: the customers that have a sample are among the readers of the sample: as 2c by submissions, as `UPLOADERS` - c by uploads
OWNERS: Final = f"""
    SELECT coalesce(array_agg(c.id ORDER BY c.id), '{{}}')
      FROM (SELECT r / 2 AS id FROM unnest(s.readers) r WHERE r > 0 AND r % 2 = 0
             UNION SELECT {UPLOADERS} - r FROM unnest(s.readers) r WHERE r < {UPLOADERS}) c
     WHERE :everywhere::boolean OR c.id = ANY (:customers::bigint[])
        OR EXISTS (SELECT FROM submission u
                    WHERE u.sample_id = s.id AND u.customer_id = c.id AND u.readers && :numbers::bigint[])
"""
ADD_TEXT: Final = f"""
    INSERT INTO audit ({NAMES}, owners)
    SELECT {TAKEN}, coalesce((SELECT ({OWNERS}) FROM sample s WHERE s.sha256 = e.sha256), '{{}}')
      FROM unnest({GIVEN}) AS e ({NAMES})
"""
ADD: Final = Statement(ADD_TEXT)
#: the same for entries that concern no customer but the customer of the actor
ADD_OWN: Final = Statement(f"INSERT INTO audit ({NAMES}) SELECT {TAKEN} FROM unnest({GIVEN}) AS e ({NAMES})")
SUBJECT: Final = "SELECT short_name, customer_id FROM subject WHERE id = $1"
#: the same, and an event of the feed
ADD_TOLD: Final = Statement(f"""
    WITH added AS ({ADD_TEXT} RETURNING id, time, sha256)
    INSERT INTO outbox (sample_id, kind, payload, created_time)
    SELECT s.id, 'audit', jsonb_build_object('auditID', a.id, 'time', a.time), a.time
      FROM added a JOIN sample s ON s.sha256 = a.sha256
""")
#: acts on a sample that are told as events as well. Changes have events of their own.
TOLD: Final = frozenset({Kind.DOWNLOAD, Kind.DELETION})
READ: Final = {name: attrgetter(path) for name, (_, path) in FIELDS.items()}
#: the values of an entry, in the order of `FIELDS`
READ_ALL: Final = attrgetter(*(path for _, path in FIELDS.values()))


async def record(db: Connection, entry: Entry, owners: Owners = NOBODY) -> None:
    """Add an entry, in the transaction of what the entry tells."""
    if entry.kind in TOLD and entry.sha256 is not None:
        await ADD_TOLD.run(db, **_values([entry]), **_found_by(owners))
    else:
        await record_all(db, [entry], owners)


async def user(db: Connection, user_id: int) -> Actor:
    """Somebody whose act the service carries out later."""
    _, customer_id = await _account(db, user_id)
    return Actor("user", user_id, customer_id)


async def _account(db: Connection, user_id: int) -> tuple[str, int]:
    """Short name and customer of a user, who is there."""
    row: Any = await db.fetchrow(SUBJECT, user_id)
    return row["short_name"], row["customer_id"]


async def record_access(
    db: Connection,
    action: str,
    user_id: int,
    *,
    by: Actor,
    now: Millis,
    target: object = None,
    **details: object,
) -> None:
    """Add an entry about the account of a user. The customer of the user may read the entry."""
    name, customer_id = await _account(db, user_id)
    entry = Entry(
        now,
        Kind.ACCESS,
        action,
        msgspec.structs.replace(by, customer_id=customer_id, reach=(customer_id,)),
        target=None if target is None else str(target),
        details={"user": name, **details},
    )
    await record(db, entry)


async def record_all(db: Connection, entries: Sequence[Entry], owners: Owners = NOBODY) -> None:
    """Add entries that have the same owners."""
    if owners is NOBODY and len(entries) > 1:  # for two thirds of the processor time of a statement
        await db.copy_records_to_table("audit", records=map(READ_ALL, entries), columns=list(FIELDS))
        return
    if owners is NOBODY:
        await ADD_OWN.run(db, **_values(entries))
    else:
        await ADD.run(db, **_values(entries), **_found_by(owners))


def _values(entries: Sequence[Entry]) -> dict[str, Any]:
    given: dict[str, Any] = {name: list(map(read, entries)) for name, read in READ.items()}
    given["reach"] = [None if reach is None else ",".join(map(str, reach)) for reach in given["reach"]]
    return given


def _found_by(owners: Owners) -> dict[str, object]:
    customers, numbers = list(owners.customers), list(owners.numbers)
    return {"everywhere": owners.everywhere, "customers": customers, "numbers": numbers}
