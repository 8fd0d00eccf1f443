"""Queries that users saved under a name: each user's own, a bounded number for each user."""

from typing import Final
from uuid import UUID

import msgspec

from samplebank.database import Columns, Connection, Sql, Statement, new_id
from samplebank.errors import Conflict, NotFound
from samplebank.timespec import Millis

#: the most queries of a user, the longest name, and the longest query
MOST: Final = 50
LONGEST_NAME, LONGEST_QUERY = 60, 2000
FULL: Final = f"You have saved {MOST} queries, and there is no room for more: remove a query on the page of your account."
NO_QUERY: Final = "You have saved no query with this id; it may have been removed."


class SavedQuery(msgspec.Struct, frozen=True):
    """A query for `samples` or `jobs`, with the name that the user gave."""

    id: UUID
    kind: str
    name: str
    query: str


SAVED: Final = Columns.of(SavedQuery, "q")
OF_USER: Final = "FROM saved_query q WHERE q.user_id = {} "
# Of two requests that save at once, the second waits, so that both together stay below the limit.
LOCK = Statement("SELECT FROM subject WHERE id = :user_id FOR NO KEY UPDATE")
SAVE = Statement(f"""
    INSERT INTO saved_query (id, user_id, kind, name, query, created_time)
    SELECT :id, :user_id, :kind, :name, :query, :now
     WHERE (SELECT count(*) FROM saved_query q WHERE q.user_id = :user_id AND q.name <> :name) < {MOST}
    ON CONFLICT (user_id, name) DO UPDATE SET kind = excluded.kind, query = excluded.query
""")
REMOVE = Statement("DELETE FROM saved_query WHERE id = :id AND user_id = :user_id")


def queries_as_json(user_id: int) -> Sql:
    """The user's queries as one value, by name: a list of lists, for `read_queries`."""
    listed = "coalesce(jsonb_agg(jsonb_build_array(q.id, q.kind, q.name, q.query) ORDER BY q.name), '[]')"
    return Sql(f"(SELECT {listed} {OF_USER})", user_id)


def read_queries(listed: list[list[str]]) -> list[SavedQuery]:
    return [SavedQuery(UUID(id_), kind, name, query) for id_, kind, name, query in listed]


async def queries_of(db: Connection, user_id: int) -> list[SavedQuery]:
    """The user's queries, by name."""
    rows = await Sql(f"SELECT {SAVED.sql} {OF_USER} ORDER BY q.name", user_id).rows(db)
    return [SAVED.read(row) for row in rows]


async def save(db: Connection, user_id: int, kind: str, name: str, query: str, *, now: Millis) -> None:
    """Save a query. A query that the user has saved under the same name is replaced. Raises `Conflict` for one too many."""
    await LOCK.run(db, user_id=user_id)
    tag = await SAVE.run(db, id=new_id(), user_id=user_id, kind=kind, name=name, query=query, now=now)
    if tag == "INSERT 0 0":
        raise Conflict(FULL)


async def remove(db: Connection, id_: UUID, user_id: int) -> None:
    """Remove a query of the user. Raises `NotFound`."""
    if await REMOVE.run(db, id=id_, user_id=user_id) == "DELETE 0":
        raise NotFound(NO_QUERY)
