"""The registry of analysis workers."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from uuid import UUID

import asyncpg
import jsonschema_rs
import msgspec

from samplebank.database import FALSE, Columns, Connection, Page, Sql, Statement, new_id, order_by
from samplebank.database.identifiers import find_id
from samplebank.errors import Conflict, NotFound, Violation, Violations
from samplebank.policy.model import Worker, WorkerContent
from samplebank.policy.schema_cost import TooDear, price_of
from samplebank.policy.turns import take_turn
from samplebank.timespec import Millis

COLUMNS = Columns.of(Worker, "w")
ADD = Statement("""
    WITH changed AS (UPDATE policy SET version = version + 1)
    INSERT INTO worker (id, short_name, names, descriptions, schema, created_by, created_time)
    VALUES (:id, :short_name, :names, :descriptions, :schema, :user_id, :now)
    ON CONFLICT (short_name) WHERE deleted_time IS NULL DO NOTHING
""")
ADDED = "INSERT 0 1"
IS_SAME = Statement("""
    SELECT EXISTS (SELECT FROM worker
                    WHERE short_name = :short_name AND deleted_time IS NULL AND updated_time IS NULL AND names = :names
                      AND descriptions = :descriptions AND schema IS NOT DISTINCT FROM :schema
                      AND created_by = :user_id)
""")
UPDATE = Statement("""
    WITH changed AS (UPDATE policy SET version = version + 1)
    UPDATE worker SET short_name = :short_name, names = :names, descriptions = :descriptions,
           schema = coalesce(:schema::jsonb, schema), updated_by = :user_id, updated_time = :now
     WHERE id = :id
""")
FIND_BY_ID = Statement(f"SELECT {COLUMNS.sql} FROM worker w WHERE w.id = :id")
FIND_BY_NAME = Statement(
    f"SELECT {COLUMNS.sql} FROM worker w WHERE w.short_name = :short_name AND w.deleted_time IS NULL"
)
FIND_ALL = Statement(f"SELECT {COLUMNS.sql} FROM worker w WHERE w.id = ANY(:ids::uuid[])")
FIND_SCHEMAS = Statement("""
    SELECT short_name, schema FROM worker
     WHERE short_name = ANY(:names::text[]) AND deleted_time IS NULL AND schema IS NOT NULL
""")
SORTS = {
    "shortName": "w.short_name",
    "createdTimestamp": "w.created_time",
    "lastUpdatedTimestamp": "w.updated_time?",
    "deletedTimestamp": "w.deleted_time?",
}
SHORT_NAME = re.compile(r"[a-zA-Z0-9_:\-.]{1,255}")
LANGUAGES = ("english", "norwegian")


def check_texts(field: str, texts: dict[str, str], violations: Violations) -> None:
    """Check texts by language: english is required, norwegian possible."""
    if "english" not in texts:
        violations.add(field, f"{field} needs a text in english.")
    for language in sorted(texts.keys() - set(LANGUAGES)):
        violations.add(
            f"{field}.{language}", f"{language!r} is not among the languages {' and '.join(LANGUAGES)}."
        )


def check_schema(schema: object, violations: Violations) -> None:
    """Check that `schema` is a JSON Schema without references to the outside, and cheap enough to check."""
    if not isinstance(schema, dict | bool):
        violations.add("schema", "The schema is not a JSON Schema: it must be an object.")
        return
    try:
        price_of(schema)
        validator_of(schema)
    except TooDear as error:
        violations.add("schema", f"The schema takes too much to check: {error}.")
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        violations.add("schema", f"The schema is not a JSON Schema: {str(error).splitlines()[0]}.")


def validator_of(schema: Any) -> jsonschema_rs.Validator:
    """Make a validator that fetches nothing from anywhere."""
    return jsonschema_rs.validator_for(schema, retriever=_refuse)


class Judge(msgspec.Struct, frozen=True):
    """Checks results against a schema. `price` is how often the validator looks at one value, at most."""

    validator: jsonschema_rs.Validator
    price: int


# Results of the same worker come one after the other, and reading a schema takes longer than checking a result.
@lru_cache(maxsize=16)
def judge_of(schema: bytes) -> Judge:
    """Make the judge for a schema, given as JSON. Raises `TooDear`."""
    plain = msgspec.json.decode(schema)
    return Judge(validator_of(plain), price_of(plain))


def _refuse(uri: str) -> Any:
    raise ValueError(f"it refers to {uri}, and schemas are not fetched from elsewhere")


async def add_worker(
    db: Connection, content: WorkerContent, *, user_id: int, now: Millis
) -> tuple[Worker, bool]:
    """Register a worker: (the worker, whether the worker is new).

    Raises `Conflict` when the short name is in use, unless the same user registered the very same worker.
    """
    await take_turn(db)
    id_, short_name, told = new_id(), str(content.short_name), msgspec.structs.asdict(content)
    done = await ADD.run(db, id=id_, user_id=user_id, now=now, **told)
    if done != ADDED and not await IS_SAME.value(db, user_id=user_id, **told):
        raise _name_taken(short_name)
    return await get_worker(db, str(id_) if done == ADDED else short_name), done == ADDED


async def update_worker(
    db: Connection, reference: str, content: WorkerContent, *, user_id: int, now: Millis
) -> Worker:
    """Change the fields of `content` that are not None. Raises `NotFound` for a deleted worker."""
    await take_turn(db)
    worker = await get_worker(db, reference)
    if worker.deleted_time is not None:
        raise NotFound(f"The worker {reference} is deleted.")
    name = content.short_name or worker.short_name
    try:
        await UPDATE.run(
            db,
            id=worker.id,
            short_name=name,
            names=content.names or worker.names,
            descriptions=content.descriptions or worker.descriptions,
            schema=content.schema,
            user_id=user_id,
            now=now,
        )
    except asyncpg.UniqueViolationError:
        raise _name_taken(name) from None
    return await get_worker(db, str(worker.id))


async def delete_worker(db: Connection, reference: str, *, user_id: int, now: Millis) -> Worker:
    """Delete a worker, and take the worker out of the policy. Open tasks stay. Repeating the deletion changes nothing."""
    await take_turn(db)
    worker = await get_worker(db, reference)
    policy = await db.fetchval("SELECT workers FROM policy")
    if worker.deleted_time is None:
        left = [id_ for id_ in policy if id_ != worker.id]
        if policy and not left:
            raise Conflict(
                f"The worker {worker.short_name} is the only one of the default policy, which keeps at least one; "
                "give the policy another worker first.",
            )
        await db.execute("UPDATE policy SET workers = $1, version = version + 1", left)
        await db.execute(
            "UPDATE worker SET deleted_by = $2, deleted_time = $3 WHERE id = $1",
            worker.id,
            user_id,
            now,
        )
    return await get_worker(db, str(worker.id))


def is_worker(column: str, reference: str) -> Sql:
    """The rows whose `column` is a worker, named by id or by the present short name."""
    id_ = find_id(reference)
    if id_:
        return Sql(f"{column} = {{}}::uuid", id_)
    if not SHORT_NAME.fullmatch(reference):
        return FALSE
    named = "SELECT id FROM worker WHERE short_name = {} AND deleted_time IS NULL"
    return Sql(f"{column} = ({named})", reference)


async def find_worker(db: Connection, reference: str) -> Worker | None:
    """Find a worker by id, deleted or not, or by the present short name."""
    id_ = find_id(reference)
    if id_:
        row = await FIND_BY_ID.row(db, id=id_)
    elif SHORT_NAME.fullmatch(reference):
        row = await FIND_BY_NAME.row(db, short_name=reference)
    else:
        return None
    return None if row is None else COLUMNS.read(row)


async def get_worker(db: Connection, reference: str) -> Worker:
    worker = await find_worker(db, reference)
    if worker is None:
        raise NotFound(f"There is no analysis worker {reference}.")
    return worker


async def get_schema(db: Connection, reference: str) -> object:
    """Get the JSON Schema of a worker's results; an empty object for a worker without a schema."""
    worker = await get_worker(db, reference)
    return await db.fetchval("SELECT schema FROM worker WHERE id = $1", worker.id) or {}


async def find_schema_of(db: Connection, short_name: str) -> object:
    """Find the schema for the results of the worker with the present name `short_name`; None without a schema."""
    return await db.fetchval(
        "SELECT schema FROM worker WHERE short_name = $1 AND deleted_time IS NULL", short_name
    )


async def find_schemas_of(db: Connection, short_names: Iterable[str]) -> dict[str, object]:
    """Find the schemas for the results of several workers by their present names; workers without a schema are left out."""
    rows = await FIND_SCHEMAS.rows(db, names=list(short_names))
    return {row[0]: row[1] for row in rows}


async def is_any_registered(db: Connection) -> bool:
    """Whether a worker has ever been registered."""
    found: bool = await db.fetchval("SELECT EXISTS (SELECT FROM worker)")
    return found


async def was_ever_registered(db: Connection, short_name: str) -> bool:
    """Whether there is a worker of this name, deleted or not."""
    found: bool = await db.fetchval("SELECT EXISTS (SELECT FROM worker WHERE short_name = $1)", short_name)
    return found


async def list_workers(db: Connection, page: Page, *, include_deleted: bool) -> tuple[list[Worker], int]:
    """List workers: (the page, the number of all)."""
    where = "TRUE" if include_deleted else "w.deleted_time IS NULL"
    total = await db.fetchval(f"SELECT count(*) FROM worker w WHERE {where}")
    order = order_by(page.sort or ("shortName",), SORTS, "w.id")
    query = f"SELECT {COLUMNS.sql} FROM worker w WHERE {where} {order} {page.clause()}"
    return [COLUMNS.read(row) for row in await db.fetch(query)], total


async def workers_by_id(db: Connection, ids: Iterable[UUID]) -> dict[UUID, Worker]:
    """Find workers by id, deleted or not."""
    return {row[0]: COLUMNS.read(row) for row in await FIND_ALL.rows(db, ids=list(ids))}


async def resolve(
    db: Connection, field: str, references: Iterable[str], violations: Violations
) -> tuple[UUID, ...]:
    """Find the ids of workers named by id or short name. Unknown and deleted workers are violations of `field`."""
    found: dict[UUID, None] = {}
    for position, reference in enumerate(references):
        worker = await find_worker(db, reference)
        if worker is None or worker.deleted_time is not None:
            violations.add(f"{field}[{position}]", f"There is no analysis worker {reference[:100]!r}.")
        else:
            found[worker.id] = None
    return tuple(found)


def _name_taken(short_name: str) -> Conflict:
    return Conflict(Violation(f"There is an analysis worker named {short_name!r} already.", "shortName"))
