"""The order of a list, written so that an index gives the page: at any depth, and behind a row that is known."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Meta

from samplebank.database.query import Page, Place, order_by
from samplebank.database.sql import FALSE, TRUE, Sql, all_of, any_of, joined

#: the types of keys and ids in Python, by their types in PostgreSQL
TYPES: Mapping[str, Any] = {
    "bigint": Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)],
    "text": Annotated[str, Meta(pattern="^[^\0]*$")],
    "uuid": UUID,
}


#: characters of a text that a list is sorted by
BEGINNING = 500


class Key(NamedTuple):
    """What a list is sorted by: an expression on its rows, the type, and whether the expression may be NULL.

    `field` is the field of the struct of a row that has the value.
    """

    sql: str
    type: str = "bigint"
    may_be_null: bool = False
    field: str = ""


class Branch(NamedTuple):
    """A part of a list: the rows that have the key, or the rows that do not. The parts follow one another.

    `source` and `condition` say more than the list where the key is found in other rows. `tie` is an expression for the id of
    the row of the list. Without a key the order is that of the ids.
    """

    source: Sql
    key: Key | None
    tie: str
    condition: Sql = TRUE


class Selection(NamedTuple):
    """What to select, and from where."""

    columns: Sql
    source: Sql


class Order(NamedTuple):
    """The order of a list of rows with the id `tie` in `source`.

    `names` are the names of the contract, such as `-endTimestamp`. `keys` are the keys of the names. `branches` are the
    parts, where an index finds each part rather than the whole, or where the key is no column of the row. Of a list sorted
    by several keys, each part is sorted by all of them.
    """

    source: Sql
    names: tuple[str, ...]
    keys: Mapping[str, Key]
    tie: Key
    branches: tuple[Branch, ...] = ()

    def place_of(self, row: object) -> Place:
        """Where a row stands in the order, by the fields of its struct."""
        *keys, id_ = (_beginning(getattr(row, key.field)) for key, _ in self.sorted_by)
        return Place(tuple(keys), id_)

    @property
    def sql(self) -> str:
        """ORDER BY for rows of the list. NULL comes last in both directions."""
        columns = {name: key.sql + ("?" if key.may_be_null else "") for name, key in self.keys.items()}
        return order_by(self.names, columns, self.tie.sql)

    @property
    def sorted_by(self) -> list[tuple[Key, bool]]:
        """The keys, and whether each descends. The id is the last of the keys."""
        named = [(self.keys[name.removeprefix("-")], name.startswith("-")) for name in self.names]
        return [*named, (self.tie, named[-1][1])]

    @property
    def beginning(self) -> "Order | None":
        """The order of the first of several parts alone, which is planned in a part of the time; None for a list of one part."""
        parts = self._parts()
        return self._replace(branches=(parts[0],)) if len(parts) > 1 else None

    def ids(self, where: Sql, page: Page) -> Sql:
        """A query for the ids on a page, in their order."""
        return self._select(None, where, page)

    def rows(self, columns: Sql, source: Sql, where: Sql, page: Page) -> Sql:
        """A query for the rows on a page, in their order; `source` is that of the list with what the columns need."""
        if page.offset:
            # what the columns need is looked up for the rows of the page only
            ids = self.ids(where, page)
            text = f"SELECT {{}} FROM {{}} WHERE {self.tie.sql} = ANY (ARRAY({{}})) {self.sql}"
            return Sql(text, columns, source, ids)
        return self._select(Selection(columns, source), where, page)

    def _select(self, selection: Selection | None, where: Sql, page: Page) -> Sql:
        write = self._part if len(self.names) == 1 else self._part_by_keys
        parts = [
            part
            for branch in self._parts()
            if (part := write(branch, selection, where, page.after)) is not None
        ]
        if len(parts) == 1:
            return Sql(f"{{}} {page.clause()}", parts[0])
        end = f"LIMIT {page.offset + page.limit:d}" if page.limit else ""
        limited = joined(" UNION ALL ", (Sql(f"(SELECT * FROM ({{}} {end}) part)", part) for part in parts))
        return Sql(f"SELECT * FROM ({{}}) parts {page.clause()}", limited)

    def _parts(self) -> Sequence[Branch]:
        key, _ = self.sorted_by[0]
        if self.branches:
            return self.branches
        if not key.may_be_null or len(self.names) > 1:
            return [Branch(self.source, key, self.tie.sql)]
        return [
            Branch(self.source, key, self.tie.sql, Sql(f"{key.sql} IS NOT NULL")),
            Branch(self.source, None, self.tie.sql, Sql(f"{key.sql} IS NULL")),
        ]

    def _part(
        self, branch: Branch, selection: Selection | None, where: Sql, after: Place | None
    ) -> Sql | None:
        """The rows of a branch in order, not limited yet. None where the page begins behind the whole branch."""
        key, tie, (_, descends) = branch.key, branch.tie, self.sorted_by[0]
        direction, later = ("DESC", "<") if descends else ("ASC", ">")
        conditions = [branch.condition, where]
        if after is not None:
            (value,), id_ = after.keys, Sql(f"{{}}::{self.tie.type}", after.id)
            if key is not None and value is None:
                return None
            if key is not None:
                beyond = f"({key.sql}, {tie}) {later} ({{}}::{key.type}, {{}})"
                conditions.append(Sql(beyond, value, id_))
            elif value is None:
                conditions.append(Sql(f"{tie} {later} {{}}", id_))
        by_key = f"{key.sql} {direction}, " if key is not None else ""
        columns, source = selection or Selection(Sql(f"{tie} AS id"), branch.source)
        text = f"SELECT {{}} FROM {{}} WHERE {{}} ORDER BY {by_key}{tie} {direction}"
        return Sql(text, columns, source, all_of(conditions))

    def _part_by_keys(
        self, branch: Branch, selection: Selection | None, where: Sql, after: Place | None
    ) -> Sql:
        """As `_part`, in an order by several keys."""
        columns, source = selection or Selection(Sql(f"{self.tie.sql} AS id"), branch.source)
        beyond = TRUE if after is None else self._beyond(after)
        text = f"SELECT {{}} FROM {{}} WHERE {{}} {self.sql}"
        return Sql(text, columns, source, all_of([branch.condition, where, beyond]))

    def _beyond(self, after: Place) -> Sql:
        """The rows behind a place, in an order by several keys."""
        values = (*after.keys, after.id)
        if (
            len({descends for _, descends in self.sorted_by}) == 1
            and None not in values
            and not self._has_null
        ):
            later = "<" if self.sorted_by[0][1] else ">"
            columns = ", ".join(key.sql for key, _ in self.sorted_by)
            given = [
                Sql(f"{{}}::{key.type}", value)
                for (key, _), value in zip(self.sorted_by, values, strict=True)
            ]
            return Sql(f"({columns}) {later} ({{}})", joined(", ", given))
        conditions: list[Sql] = []
        equal: list[Sql] = []
        for (key, descends), value in zip(self.sorted_by, values, strict=True):
            conditions.append(all_of([*equal, _behind(key, value, descends=descends)]))
            equal.append(_is(key, value))
        return any_of(conditions)

    @property
    def _has_null(self) -> bool:
        return any(key.may_be_null for key, _ in self.sorted_by)


def read_place(order: Order, values: Sequence[object]) -> Place:
    """The place whose keys and id are `values`, as JSON has them. Raises `ValueError` for values of other types."""
    if len(values) != len(order.sorted_by):
        raise ValueError("as many values as keys")
    read = [
        None if value is None and key.may_be_null else msgspec.convert(value, TYPES[key.type])
        for (key, _), value in zip(order.sorted_by, values, strict=True)
    ]
    return Place(tuple(read[:-1]), read[-1])


def _beginning(value: object) -> object:
    """Texts are sorted by their beginning: an entry of an index has room for so many characters of any kind."""
    return value[:BEGINNING] if isinstance(value, str) else value


def _behind(key: Key, value: object, *, descends: bool) -> Sql:
    """The rows whose key comes later than the value; NULL comes last."""
    if value is None:
        return FALSE
    later = Sql(f"{key.sql} {'<' if descends else '>'} {{}}::{key.type}", value)
    return any_of([later, Sql(f"{key.sql} IS NULL")]) if key.may_be_null else later


def _is(key: Key, value: object) -> Sql:
    return Sql(f"{key.sql} IS NULL") if value is None else Sql(f"{key.sql} = {{}}::{key.type}", value)
