"""The stored default policy and the stored rules. No two rules may match the same."""

import hashlib
import json
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from samplebank.database import Connection, Page, Sql, Statement, all_of, new_id
from samplebank.database.identifiers import find_id
from samplebank.errors import MOST_TOLD, Conflict, NotFound, Violation
from samplebank.policy.model import Action, Book, Match, Option, Policy, Rule, RuleContent, RuleKind
from samplebank.policy.turns import take_turn
from samplebank.timespec import Millis

RULE_COLUMNS = """
    r.id, r.version, r.name, r.description, r.kind, r.customers, r.types, r.super_types, r.meta_keys, r.meta_values,
    r.workers_set, r.workers_add, r.workers_remove, r.options_set, r.options_add, r.options_remove,
    r.created_by, r.created_time, r.updated_by, r.updated_time, r.deleted_by, r.deleted_time
"""
GET_POLICY = "SELECT workers, options, updated_by, updated_time FROM policy"
PUT_POLICY = Statement("""
    UPDATE policy SET workers = :workers, options = :options, updated_by = :user_id, updated_time = :now,
           version = version + 1
""")
ADD_RULE = Statement("""
    INSERT INTO policy_rule (
        id, name, description, kind, customers, types, super_types, meta_keys, meta_values, workers_set, workers_add,
        workers_remove, options_set, options_add, options_remove, created_by, created_time)
    VALUES (
        :id, :name, :description, :kind, :customers, :types, :super_types, :meta_keys, :meta_values, :workers_set,
        :workers_add, :workers_remove, :options_set, :options_add, :options_remove, :user_id, :now)
""")
UPDATE_RULE = Statement("""
    UPDATE policy_rule SET
        name = :name, description = :description, kind = :kind, customers = :customers, types = :types,
        super_types = :super_types, meta_keys = :meta_keys, meta_values = :meta_values, workers_set = :workers_set,
        workers_add = :workers_add, workers_remove = :workers_remove, options_set = :options_set,
        options_add = :options_add, options_remove = :options_remove, updated_by = :user_id, updated_time = :now,
        version = version + 1
     WHERE id = :id
""")
DELETE_RULE = "UPDATE policy_rule SET deleted_by = $2, deleted_time = $3, version = version + 1 WHERE id = $1"
GET_RULE = Statement(f"SELECT {RULE_COLUMNS} FROM policy_rule r WHERE r.id = :id")
LOCK_RULE = Statement(f"SELECT {RULE_COLUMNS} FROM policy_rule r WHERE r.id = :id FOR UPDATE")
KEEP_VERSION = Statement("""
    INSERT INTO policy_rule_version (rule_id, version, content, user_id, time)
    VALUES (:rule_id, :version, :content, :user_id, :now)
""")
#: characters of a claim in the table: an entry of its index has room for so many, whatever the claim is
LONGEST_CLAIM = 2600
TOUCH = "UPDATE policy SET version = version + 1"


async def get_policy(db: Connection) -> Policy:
    workers, options, updated_by, updated_time = await db.fetchrow(GET_POLICY)  # type: ignore[misc]  # one row always
    return Policy(tuple(workers), _options(options), updated_by, updated_time)


async def lock_policy(db: Connection) -> Policy:
    """As `get_policy`, with a lock for a change."""
    await take_turn(db)
    return await get_policy(db)


async def put_policy(
    db: Connection,
    workers: tuple[UUID, ...],
    options: tuple[Option, ...],
    *,
    user_id: int,
    now: Millis,
) -> Policy:
    await PUT_POLICY.run(db, workers=list(workers), options=options, user_id=user_id, now=now)
    return await get_policy(db)


async def add_rule(db: Connection, content: RuleContent, *, user_id: int, now: Millis) -> Rule:
    """Store a rule. Raises `Conflict` when another rule matches the same."""
    await take_turn(db)
    id_ = new_id()
    await ADD_RULE.run(db, id=id_, user_id=user_id, now=now, **_columns(content))
    await _claim_matches(db, id_, content.match)
    return await _changed(db, id_, user_id=user_id, now=now)


async def update_rule(
    db: Connection, rule_id: UUID, content: RuleContent, *, user_id: int, now: Millis
) -> Rule:
    """Give a locked rule another content. Raises `Conflict` when another rule matches the same."""
    await UPDATE_RULE.run(db, id=rule_id, user_id=user_id, now=now, **_columns(content))
    await db.execute("DELETE FROM policy_rule_match WHERE rule_id = $1", rule_id)
    await _claim_matches(db, rule_id, content.match)
    return await _changed(db, rule_id, user_id=user_id, now=now)


async def delete_rule(db: Connection, reference: str, *, user_id: int, now: Millis) -> Rule:
    """End a rule. The rule stays readable. Repeating the deletion changes nothing."""
    rule = await lock_rule(db, reference)
    if rule.deleted_time is not None:
        return rule
    await db.execute("DELETE FROM policy_rule_match WHERE rule_id = $1", rule.id)
    await db.execute(DELETE_RULE, rule.id, user_id, now)
    return await _changed(db, rule.id, user_id=user_id, now=now)


async def get_rule(db: Connection, reference: str) -> Rule:
    """Get a rule by id, deleted or not. Raises `NotFound`."""
    return await _get(db, GET_RULE, reference)


async def lock_rule(db: Connection, reference: str) -> Rule:
    """As `get_rule`, with a lock for a change."""
    await take_turn(db)
    return await _get(db, LOCK_RULE, reference)


async def _get(db: Connection, statement: Statement, reference: str) -> Rule:
    id_ = find_id(reference)
    row = None if id_ is None else await statement.row(db, id=id_)
    if row is None:
        raise NotFound(f"There is no rule {reference}.")
    return _rule(row)


async def list_rules(
    db: Connection,
    page: Page,
    *,
    include_deleted: bool,
    customers: Collection[int] | None = None,
    newest_first: bool = False,
) -> tuple[list[Rule], int]:
    """List rules, oldest first unless told `newest_first`: (the page, the number of all).

    With `customers`, rules that are only for other customers are left out.
    """
    wanted = [] if include_deleted else [Sql("r.deleted_time IS NULL")]
    if customers is not None:
        kind = str(RuleKind.CUSTOMER)
        wanted.append(Sql("r.kind <> {} OR r.customers && {}::bigint[]", kind, sorted(customers)))
    where = all_of(wanted)
    total = await Sql("SELECT count(*) FROM policy_rule r WHERE {}", where).value(db)
    order = "r.created_time DESC, r.id DESC" if newest_first else "r.created_time, r.id"
    listed = f"SELECT {RULE_COLUMNS} FROM policy_rule r WHERE {{}} ORDER BY {order} {page.clause()}"
    rows = await Sql(listed, where).rows(db)
    return [_rule(row) for row in rows], total


class PolicyBook:
    """Remembers the policy and the rules in force until the next change."""

    def __init__(self) -> None:
        self._book: Book | None = None

    @property
    def latest(self) -> Book | None:
        """The book that was in force when this process last looked. Its version tells whether it still is."""
        return self._book

    async def current(self, db: Connection, version: int) -> Book:
        """Get the book of `version`. The caller has just read `version` from the table policy."""
        book = self._book
        if book is None or book.version != version:
            book = self._book = await _read_book(db, version)
        return book


async def read_version(db: Connection) -> int:
    """Read the version of the policy. The version grows with each change of the policy, the rules and the workers."""
    version: int = await db.fetchval("SELECT version FROM policy")
    return version


async def lock_version(db: Connection) -> int:
    """As `read_version`. The policy stays as it is until the transaction ends."""
    version: int = await db.fetchval("SELECT version FROM policy FOR SHARE")
    return version


async def _read_book(db: Connection, version: int) -> Book:
    rules = tuple((await list_rules(db, Page(limit=0), include_deleted=False))[0])
    workers = await db.fetch("SELECT id, short_name FROM worker WHERE deleted_time IS NULL")
    return Book(
        version,
        await get_policy(db),
        rules,
        {row[0]: row[1] for row in workers},
        any(rule.match.kind is RuleKind.CLASSIFICATION for rule in rules),
    )


def _columns(content: RuleContent) -> dict[str, object]:
    return {
        "name": content.name,
        "description": content.description,
        **msgspec.structs.asdict(content.match),
        **msgspec.structs.asdict(content.action),
    }


async def _changed(db: Connection, id_: UUID, *, user_id: int, now: Millis) -> Rule:
    rule = await get_rule(db, str(id_))
    await KEEP_VERSION.run(
        db,
        rule_id=id_,
        version=rule.version,
        content=msgspec.json.encode(rule),
        user_id=user_id,
        now=now,
    )
    await db.execute(TOUCH)
    return rule


def _rule(row: "asyncpg.Record") -> Rule:
    return Rule(
        id=row["id"],
        version=row["version"],
        name=row["name"],
        description=row["description"],
        match=Match(
            kind=RuleKind(row["kind"]),
            customers=tuple(row["customers"]),
            types=tuple(row["types"]),
            super_types=tuple(row["super_types"]),
            meta_keys=tuple(row["meta_keys"]),
            meta_values=tuple(row["meta_values"]),
        ),
        action=Action(
            workers_set=tuple(row["workers_set"]),
            workers_add=tuple(row["workers_add"]),
            workers_remove=tuple(row["workers_remove"]),
            options_set=_options(row["options_set"]),
            options_add=_options(row["options_add"]),
            options_remove=tuple(row["options_remove"]),
        ),
        created_by=row["created_by"],
        created_time=row["created_time"],
        updated_by=row["updated_by"],
        updated_time=row["updated_time"],
        deleted_by=row["deleted_by"],
        deleted_time=row["deleted_time"],
    )


def _options(stored: Any) -> tuple[Option, ...]:
    return msgspec.convert(stored, tuple[Option, ...])


def _claims(match: Match) -> Iterator[tuple[str, str]]:
    """Everything that a rule claims for itself: (the key in the table, the words for users)."""
    for customer in match.customers:
        yield _key("customer", customer), f"the customer with the id {customer}"
    for type_ in match.types or ((None,) if match.super_types else ()):
        for super_type in match.super_types or (None,):
            said = " and ".join(
                f"the {n} {v!r}" for n, v in (("type", type_), ("superType", super_type)) if v
            )
            yield _key("classification", type_, super_type), said
    for key in match.meta_keys:
        for value in match.meta_values:
            yield _key("metaData", key, value), f"the metadata {key!r} with the value {value!r}"


def _key(*claim: object) -> str:
    """A claim in the table: as JSON, or the digest of a longer claim. JSON begins with a bracket, and no digest does."""
    text = json.dumps(claim)
    return text if len(text) <= LONGEST_CLAIM else hashlib.sha256(text.encode()).hexdigest()


async def _claim_matches(db: Connection, rule_id: UUID, match: Match) -> None:
    claims = dict(_claims(match))
    query = """
        INSERT INTO policy_rule_match (match, rule_id) SELECT unnest($1::text[]), $2
        ON CONFLICT DO NOTHING RETURNING match
    """
    done = {row[0] for row in await db.fetch(query, sorted(claims), rule_id)}
    taken = list(islice((claims[claim] for claim in claims if claim not in done), MOST_TOLD))
    if taken:
        raise Conflict(*(Violation(f"Another rule matches {said} already.", "match") for said in taken))
