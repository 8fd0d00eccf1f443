"""Receipts of deletions: issued in the transaction that ends a deletion, and listed for the user who asked."""

import base64
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from samplebank import receipts
from samplebank.accounts.caller import Caller
from samplebank.database import TRUE, Columns, Connection, Sql, Statement, all_of, new_id
from samplebank.database.listing import Listing
from samplebank.installation import store
from samplebank.receipts import Key, Receipt
from samplebank.repeats.kept import KEPT_FOR
from samplebank.service_tasks.proof import Proof
from samplebank.timespec import Millis

KIND = "samplebank.deletion/1"
#: what a complete deletion leaves, and why
STAYS = (
    ("record", "the SHA-256, the size, the times and the readers of the sample, as the record of its deletion"),
    ("serviceTask", "the task that deleted the sample, with this receipt"),
    ("events", "events of the sample in the feed and on their way to sinks, until their retention ends"),
    ("ledger", "the acts on the sample, until their weeks are dropped"),
    ("references", "the SHA-256 in links of other samples"),
    ("children", "files that came out of the sample, where somebody submitted them, or they came out of another file as well"),
    ("copies", "backups, logs, and what clients and sinks have received before"),
)  # fmt: skip
KEY = Columns.of(Key, "k")
NEWEST_KEY = Statement(f"SELECT {KEY.sql} FROM receipt_key k ORDER BY k.created_time DESC, k.id LIMIT 1")
LOCK_KEYS = "LOCK TABLE receipt_key IN SHARE ROW EXCLUSIVE MODE"
ADD_KEY = Statement(
    "INSERT INTO receipt_key (id, public, private, created_time) VALUES (:id, :public, :private, :now)"
)
PUBLIC_KEYS = Statement("SELECT id, public FROM receipt_key ORDER BY created_time, id")
USER_NAME = Statement("SELECT short_name FROM subject WHERE id = :id")
STORE = Statement("""
    INSERT INTO receipt (id, correlation_id, user_id, sha256, statement, key_id, signature, created_time)
    VALUES (:id, :correlation_id, :user_id, :sha256, :statement, :key_id, :signature, :now)
""")


class Deletion(msgspec.Struct, frozen=True):
    """A deletion that is done: what a receipt tells of the deletion. `asked` was noted when somebody asked."""

    correlation_id: UUID
    user_id: int
    sha256: bytes
    size: int
    created_time: Millis
    deleted_time: Millis
    asked: Mapping[str, Any]
    proof: Proof


class StoredReceipt(msgspec.Struct, frozen=True):
    id: UUID
    correlation_id: UUID
    sha256: bytes
    statement: dict[str, Any]
    key_id: str
    signature: bytes
    created_time: Millis

    @property
    def signed(self) -> Receipt:
        return Receipt(self.statement, self.key_id, base64.b64encode(self.signature).decode())


COLUMNS = Columns.of(StoredReceipt, "r")


async def issue(db: Connection, deletion: Deletion, *, now: Millis) -> UUID:
    """Sign and store the receipt of a deletion; answers the id of the receipt."""
    key, id_ = await _key(db, now=now), new_id()
    installation = (await store.find(db)).identity
    asked_by = await USER_NAME.value(db, id=deletion.user_id)
    statement = _statement(deletion, id_, installation, asked_by, now)
    await STORE.run(
        db,
        id=id_,
        correlation_id=deletion.correlation_id,
        user_id=deletion.user_id,
        sha256=deletion.sha256,
        statement=statement,
        key_id=key.id,
        signature=receipts.sign(statement, key.private),
        now=now,
    )
    return id_


async def _key(db: Connection, *, now: Millis) -> Key:
    """The key that signs. The first receipt makes the key."""
    row = await NEWEST_KEY.row(db)
    if row is None:
        await db.execute(LOCK_KEYS)
        row = await NEWEST_KEY.row(db)
    if row is not None:
        return KEY.read(row)
    key = receipts.new_key()
    await ADD_KEY.run(db, id=key.id, public=key.public, private=key.private, now=now)
    return key


def _statement(
    deletion: Deletion, id_: UUID, installation: UUID | None, asked_by: str, now: Millis
) -> dict[str, Any]:
    stays = [{"what": what, "why": why} for what, why in STAYS]
    answers = {
        "what": "keptAnswers",
        "why": "answers kept for requests that come again with their Idempotency-Key",
    }
    statement = {
        "kind": KIND,
        "id": str(id_),
        "installation": None if installation is None else str(installation),
        "correlationID": str(deletion.correlation_id),
        "sha256": deletion.sha256.hex(),
        "size": deletion.size,
        "createdTimestamp": deletion.created_time,
        "deletedTimestamp": deletion.deleted_time,
        "askedBy": asked_by,
        "asked": dict(deletion.asked),
        "proof": {
            "outcome": "nothingLeft" if deletion.proof.is_clean else "somethingLeft",
            "checkedTimestamp": now,
            "rows": deletion.proof.rows,
            "bytesStored": deletion.proof.bytes_stored,
        },
        "stays": [*stays, {**answers, "untilTimestamp": deletion.deleted_time + KEPT_FOR}],
    }
    # as the database gives the statement back
    restored: dict[str, Any] = msgspec.json.decode(receipts.canonical(statement))
    return restored


async def public_keys(db: Connection) -> dict[str, bytes]:
    """The public keys of the installation by name, the oldest first: none before the first receipt."""
    return dict(await PUBLIC_KEYS.rows(db))


def receipts_matching(
    caller: Caller, *, correlation_id: UUID | None, sha256: bytes | None, sees_all: bool
) -> Listing[StoredReceipt]:
    """List receipts of deletions that the caller asked for, newest first; with `sees_all`, of everybody."""
    where = all_of(
        [
            TRUE if sees_all else Sql("r.user_id = {}", caller.user.id),
            TRUE if correlation_id is None else Sql("r.correlation_id = {}", correlation_id),
            TRUE if sha256 is None else Sql("r.sha256 = {}", sha256),
        ]
    )
    return Listing(
        COLUMNS, "receipt r", where, "ORDER BY r.created_time DESC, r.id DESC", counted="receipt r"
    )
