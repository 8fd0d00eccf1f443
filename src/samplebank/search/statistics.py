"""Statistics over submissions: nested groups with their counts, and what is measured in the innermost ones.

One statement counts and ranks all groups, a second one fills the timelines of those that are shown.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from samplebank.accounts.caller import Caller
from samplebank.database import Connection, Where
from samplebank.errors import invalid
from samplebank.search import timelines
from samplebank.search.listing import planned
from samplebank.search.submissions import TIMES, SubmissionSearch, matching
from samplebank.search.timelines import MOST_BUCKETS, Bucket, Timeline, TooManyBuckets
from samplebank.search.window import IndexWindow

META_DATA = "metaData"
SAMPLE = "sampleSha256"
#: what is grouped by, and its type; texts are ordered by their bytes, so that every database gives the same order
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
        query, parameters = _counting(matching(caller, wanted, window), asked)
        rows = await db.fetch(query, *parameters)
        tree = _Tree(asked, rows)
        if asked.timelines and tree.leaves:
            query, parameters = _timing(matching(caller, wanted, window), asked, list(tree.leaves))
            tree.fill(await db.fetch(query, *parameters))
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


def _counting(where: Where, asked: Statistics) -> tuple[str, list[Any]]:
    """Count the rows of the innermost groups once; the groups around them are sums of these counts."""
    keys = _keys(where, asked.groups)
    metrics = [f"min({TIMES[f]}) AS a{i}, max({TIMES[f]}) AS z{i}" for i, f in enumerate(asked.extremes)]
    gathered = "".join(f", min(a{i}) AS a{i}, max(z{i}) AS z{i}" for i in range(len(metrics)))
    shown = "".join(f", a{i}, z{i}" for i in range(len(metrics)))
    selected = ", ".join([*(f"{sql} AS k{i}" for i, (sql, _) in enumerate(keys)), "count(*) AS n", *metrics])
    source = _source(asked.groups)
    if not keys:
        return f"SELECT 0, {selected} FROM {source} WHERE {where.sql}", where.parameters
    names = [f"k{i}" for i in range(len(keys))]
    leaf = f"SELECT {selected} FROM {source} WHERE {where.sql} GROUP BY {', '.join(names)}"
    parts, results = [f"leaf AS MATERIALIZED ({leaf})"], []
    for level, group in enumerate(asked.groups):
        parts.append(f"level{level} AS ({_level(names, level, gathered, where.value(group.limit))})")
        missing = [f"NULL::{type_} AS k{i}" for i, (_, type_) in enumerate(keys) if i > level]
        columns = ", ".join([*names[: level + 1], *missing])
        results.append(f"SELECT {level + 1} AS level, {columns}, n{shown}, place FROM level{level}")
    ordered = f"SELECT level, {', '.join(names)}, n{shown} FROM ({' UNION ALL '.join(results)}) found"
    return f"WITH {', '.join(parts)} {ordered} ORDER BY level, place", where.parameters


def _level(names: Sequence[str], level: int, gathered: str, limit: str) -> str:
    """The largest groups of one level within each of the groups around them."""
    outer, own = names[:level], names[level]
    together, around = ", ".join([*outer, own]), ", ".join(outer)
    chosen = f" JOIN (SELECT {around} FROM level{level - 1}) chosen USING ({around})" if outer else ""
    partition = f"PARTITION BY {around} " if outer else ""
    return f"""
        SELECT * FROM (
            SELECT {together}, sum(n)::bigint AS n{gathered},
                   row_number() OVER ({partition}ORDER BY sum(n) DESC, {own}) AS place
              FROM leaf{chosen} WHERE {own} IS NOT NULL GROUP BY {together}
        ) ranked WHERE place <= {limit}
    """


def _timing(where: Where, asked: Statistics, leaves: Sequence[tuple[Any, ...]]) -> tuple[str, list[Any]]:
    """Count the rows of each bucket of each timeline, in the leaves that are shown."""
    keys = _keys(where, asked.groups)
    source, place = _source(asked.groups), "1::bigint"
    if keys:
        arrays = [
            f"{where.value([leaf[i] for leaf in leaves])}::{type_}[]" for i, (_, type_) in enumerate(keys)
        ]
        same = " AND ".join(f"{sql} = chosen.k{i}" for i, (sql, _) in enumerate(keys))
        named = ", ".join([*(f"k{i}" for i in range(len(keys))), "place"])
        source += f" JOIN unnest({', '.join(arrays)}) WITH ORDINALITY AS chosen({named}) ON {same}"
        place = "chosen.place"
    lines = range(len(asked.timelines))
    starts = [
        f"{timelines.start_sql(TIMES[t.field], t.resolution)} AS t{i}" for i, t in enumerate(asked.timelines)
    ]
    rows = f"SELECT {place} AS place, {', '.join(starts)} FROM {source} WHERE {where.sql}"
    which = "CASE " + " ".join(f"WHEN grouping(t{i}) = 0 THEN {i}" for i in lines) + " END"
    sets = ", ".join(f"(place, t{i})" for i in lines)
    counted = f"""
        SELECT place, {which} AS which, coalesce({", ".join(f"t{i}" for i in lines)}) AS start, count(*)
          FROM ({rows}) counted GROUP BY GROUPING SETS ({sets})
    """
    return f"SELECT * FROM ({counted}) found WHERE start IS NOT NULL", where.parameters


def _keys(where: Where, groups: Sequence[Group]) -> list[tuple[str, str]]:
    found = []
    for group in groups:
        sql, type_ = KEYS[group.field]
        found.append(
            (
                sql.format(f"{where.value(group.meta_data_field)}::text")
                if group.field == META_DATA
                else sql,
                type_,
            )
        )
    return found


def _source(groups: Sequence[Group]) -> str:
    by_sample = any(group.field == SAMPLE for group in groups)
    return "submission u JOIN sample s ON s.id = u.sample_id" if by_sample else "submission u"
