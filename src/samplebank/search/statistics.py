"""Statistics over submissions: nested groups with counts, and the measures of the innermost groups.

The first statement counts and ranks all groups, the second fills the timelines of the groups shown.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from samplebank.accounts.caller import Caller
from samplebank.database import Connection, Sql, joined
from samplebank.database.planning import planned
from samplebank.errors import invalid
from samplebank.search import timelines
from samplebank.search.submissions import TIMES, SubmissionSearch, matching
from samplebank.search.timelines import MOST_BUCKETS, Bucket, Timeline, TooManyBuckets
from samplebank.search.window import IndexWindow

META_DATA = "metaData"
SAMPLE = "sampleSha256"
#: the column to group by, and the type; texts are ordered by their bytes, so that every database gives the same order
KEYS: Mapping[str, tuple[str, str]] = {
    "customer": ("u.customer_id", "bigint"),
    "fileName": ('u.file_name COLLATE "C"', "text"),
    "mimeType": ('u.mime_type COLLATE "C"', "text"),
    "tlp": ('u.tlp COLLATE "C"', "text"),
    SAMPLE: ("s.sha256", "bytea"),
    META_DATA: ('(u.meta_data ->> {}) COLLATE "C"', "text"),
}
#: buckets of all timelines of one answer
MOST_IN_ALL = 100_000


class Group(msgspec.Struct, frozen=True):
    """One level of groups: the `limit` largest by this field; rows without the metadata field are in none."""

    field: str
    limit: int
    meta_data_field: str = ""


class Statistics(msgspec.Struct, frozen=True):
    """What is asked: groups from the outermost on, and what the innermost ones hold."""

    groups: tuple[Group, ...] = ()
    timelines: tuple[Timeline, ...] = ()
    extremes: tuple[str, ...] = ()


class Record(msgspec.Struct):
    """A group: `key` is None for all rows. Records of the innermost level hold the metrics, others hold records."""

    key: Any
    count: int
    extremes: list[tuple[int | None, int | None]]
    records: "list[Record]" = msgspec.field(default_factory=list)
    timelines: list[list[Bucket]] = msgspec.field(default_factory=list)


async def statistics_of(
    db: Connection, caller: Caller, wanted: SubmissionSearch, window: IndexWindow, asked: Statistics
) -> list[Record]:
    """The first level of records; without groups, one record over all."""
    async with planned(db):
        where = matching(caller, wanted, window)
        tree = _Tree(asked, await _counting(where, asked).rows(db))
        if asked.timelines and tree.leaves:
            tree.fill(await _timing(where, asked, list(tree.leaves)).rows(db))
    return tree.records


class _Tree:
    """Puts the rows of the statements together."""

    def __init__(self, asked: Statistics, rows: Sequence[Any]) -> None:
        self._asked = asked
        self.records: list[Record] = []
        self.leaves: dict[tuple[Any, ...], Record] = {}
        depth = len(asked.groups)
        inner: dict[tuple[Any, ...], Record] = {}
        for row in rows:
            level, key, count = row[0], tuple(row[1 : 1 + row[0]]), row[1 + depth]
            extremes = list(zip(row[2 + depth :: 2], row[3 + depth :: 2], strict=True))
            record = Record(key[-1] if key else None, count, extremes if level == depth else [])
            (inner[key[:-1]].records if level > 1 else self.records).append(record)
            (self.leaves if level == depth else inner)[key] = record

    def fill(self, rows: Sequence[Any]) -> None:
        """Give each leaf its timelines. Raises `Invalid` for more buckets than anybody looks at."""
        found: dict[tuple[int, int], list[Bucket]] = {}
        for place, which, start, count in rows:
            found.setdefault((place, which), []).append((start, count))
        total = 0
        for place, leaf in enumerate(self.leaves.values(), 1):
            for which, timeline in enumerate(self._asked.timelines):
                try:
                    filled = timelines.buckets(timeline, found.get((place, which), []))
                except TooManyBuckets:
                    said = f"The timeline has more than {MOST_BUCKETS} buckets: ask for a coarser resolution."
                    raise invalid(f"timeline[{which}].resolution", said) from None
                leaf.timelines.append(filled)
                total += len(filled)
        if total > MOST_IN_ALL:
            raise invalid(
                "timeline", f"The timelines have more than {MOST_IN_ALL} buckets in all: ask for less."
            )


def _counting(where: Sql, asked: Statistics) -> Sql:
    """Count the rows of the innermost groups once; the groups around them are sums of these counts."""
    keys = _keys(asked.groups)
    metrics = [f"min({TIMES[f]}) AS a{i}, max({TIMES[f]}) AS z{i}" for i, f in enumerate(asked.extremes)]
    gathered = "".join(f", min(a{i}) AS a{i}, max(z{i}) AS z{i}" for i in range(len(metrics)))
    shown = "".join(f", a{i}, z{i}" for i in range(len(metrics)))
    named = [Sql(f"{{}} AS k{i}", sql) for i, (sql, _) in enumerate(keys)]
    selected = joined(", ", [*named, *map(Sql, ["count(*) AS n", *metrics])])
    source = _source(asked.groups)
    if not keys:
        return Sql(f"SELECT 0, {{}} FROM {source} WHERE {{}}", selected, where)
    names = [f"k{i}" for i in range(len(keys))]
    leaf = Sql(f"SELECT {{}} FROM {source} WHERE {{}} GROUP BY {', '.join(names)}", selected, where)
    parts, results = [Sql("leaf AS MATERIALIZED ({})", leaf)], []
    for level, group in enumerate(asked.groups):
        parts.append(Sql(f"level{level} AS ({{}})", _level(names, level, gathered, group.limit)))
        missing = [f"NULL::{type_} AS k{i}" for i, (_, type_) in enumerate(keys) if i > level]
        columns = ", ".join([*names[: level + 1], *missing])
        results.append(f"SELECT {level + 1} AS level, {columns}, n{shown}, place FROM level{level}")
    ordered = f"SELECT level, {', '.join(names)}, n{shown} FROM ({' UNION ALL '.join(results)}) found"
    return Sql(f"WITH {{}} {ordered} ORDER BY level, place", joined(", ", parts))


def _level(names: Sequence[str], level: int, gathered: str, limit: int) -> Sql:
    """The largest groups of one level within each of the groups around them."""
    outer, own = names[:level], names[level]
    together, around = ", ".join([*outer, own]), ", ".join(outer)
    chosen = f" JOIN (SELECT {around} FROM level{level - 1}) chosen USING ({around})" if outer else ""
    partition = f"PARTITION BY {around} " if outer else ""
    return Sql(
        f"""
        SELECT * FROM (
            SELECT {together}, sum(n)::bigint AS n{gathered},
                   row_number() OVER ({partition}ORDER BY sum(n) DESC, {own}) AS place
              FROM leaf{chosen} WHERE {own} IS NOT NULL GROUP BY {together}
        ) ranked WHERE place <= {{}}
        """,
        limit,
    )


def _timing(where: Sql, asked: Statistics, leaves: Sequence[tuple[Any, ...]]) -> Sql:
    """Count the rows of each bucket of each timeline, in the leaves that are shown."""
    source, place = _source_of(asked.groups, leaves)
    lines = range(len(asked.timelines))
    starts = [
        f"{timelines.start_sql(TIMES[t.field], t.resolution)} AS t{i}" for i, t in enumerate(asked.timelines)
    ]
    which = "CASE " + " ".join(f"WHEN grouping(t{i}) = 0 THEN {i}" for i in lines) + " END"
    counted = f"""
        SELECT place, {which} AS which, coalesce({", ".join(f"t{i}" for i in lines)}) AS start, count(*)
          FROM (SELECT {place} AS place, {", ".join(starts)} FROM {{}} WHERE {{}}) counted
         GROUP BY GROUPING SETS ({", ".join(f"(place, t{i})" for i in lines)})
    """
    return Sql(f"SELECT * FROM ({counted}) found WHERE start IS NOT NULL", source, where)


def _source_of(groups: Sequence[Group], leaves: Sequence[tuple[Any, ...]]) -> tuple[Sql, str]:
    """The rows of the leaves, and an expression for the place of the leaf, counted from 1."""
    keys, source = _keys(groups), Sql(_source(groups))
    if not keys:
        return source, "1::bigint"
    arrays = [Sql(f"{{}}::{type_}[]", [leaf[i] for leaf in leaves]) for i, (_, type_) in enumerate(keys)]
    same = joined(" AND ", [Sql(f"{{}} = chosen.k{i}", sql) for i, (sql, _) in enumerate(keys)])
    named = ", ".join([*(f"k{i}" for i in range(len(keys))), "place"])
    chosen = f"{{}} JOIN unnest({{}}) WITH ORDINALITY AS chosen({named}) ON {{}}"
    return Sql(chosen, source, joined(", ", arrays), same), "chosen.place"


def _keys(groups: Sequence[Group]) -> list[tuple[Sql, str]]:
    """The expression of each group, and the type of the expression."""
    found = []
    for group in groups:
        sql, type_ = KEYS[group.field]
        is_named = group.field == META_DATA
        found.append((Sql(sql, Sql("{}::text", group.meta_data_field)) if is_named else Sql(sql), type_))
    return found


def _source(groups: Sequence[Group]) -> str:
    by_sample = any(group.field == SAMPLE for group in groups)
    return "submission u JOIN sample s ON s.id = u.sample_id" if by_sample else "submission u"
