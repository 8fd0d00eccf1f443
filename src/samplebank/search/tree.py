"""The tree of a sample: what came out of the sample, as far as the caller may see links and samples.

A sample that the caller may not see is left out, with everything that only the left-out sample leads to. So missing and
invisible samples look the same.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from samplebank.accounts.access import see_rows, see_samples
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Sql
from samplebank.errors import NotFound
from samplebank.samples.model import NO_SAMPLE
from samplebank.search.glance import Glance, Glances
from samplebank.search.overview import SampleShape, SeenOverview, SeenOverviews, get_sample_with_overview

S = TypeVar("S", SeenOverview, Glance)
#: steps from the top, and links, of a tree
DEEPEST, MOST = 12, 2000
# A row for each level. `fresh` are the samples that no level above has, `known` the samples of all levels, `room` is for
# further links, and the three lists have a place for each link of the level that leads to a visible sample.
# Each sample is followed once, so links that go round in rings end.
LEVELS = """
    WITH RECURSIVE level (depth, fresh, known, room, is_cut, parents, children, types) AS (
        SELECT 0, ARRAY[{top}::bigint], ARRAY[{top}::bigint], {most}::bigint, false,
               ARRAY[]::bigint[], ARRAY[]::bigint[], ARRAY[]::text[]
        UNION ALL
        SELECT level.depth + 1, below.fresh, level.known || below.fresh, level.room - cardinality(below.children),
               below.found > level.room, below.parents, below.children, below.types
          FROM level CROSS JOIN LATERAL (
              SELECT count(*) AS found,
                     array_remove(array_agg(DISTINCT CASE WHEN s.id <> ALL (level.known) THEN s.id END), NULL) AS fresh,
                     array_remove(array_agg(CASE WHEN s.id IS NOT NULL THEN link.sample_id END), NULL) AS parents,
                     array_remove(array_agg(s.id), NULL) AS children,
                     array_remove(array_agg(CASE WHEN s.id IS NOT NULL THEN link.type END), NULL) AS types
                FROM (SELECT said.*, row_number() OVER (ORDER BY said.sample_id, said.type, said.reference) AS place
                        -- the index of targets gives as many as there is room for: no more links are read
                        FROM (SELECT l.sample_id, l.type, l.reference FROM link l
                               WHERE l.sample_id = ANY (level.fresh) AND l.type <> 'parent' AND {links}
                               GROUP BY l.sample_id, l.type, l.reference ORDER BY l.sample_id, l.type, l.reference
                               LIMIT level.room + 1) said) link
                LEFT JOIN LATERAL (
                    -- LIMIT: an index finds each sample; without LIMIT the planner may read all samples
                    SELECT s.id FROM sample s
                     WHERE s.sha256 = link.reference AND s.deleted_time IS NULL AND {samples} LIMIT 1
                ) s ON link.place <= level.room
          ) below
         WHERE below.found > 0 AND level.depth < {deepest} AND cardinality(level.fresh) > 0
    )
"""
GROWN = """
      FROM (SELECT NOT bool_or(is_cut OR depth = {deepest} AND cardinality(fresh) > 0) AS is_whole FROM level) whole
      LEFT JOIN (level CROSS JOIN unnest(level.parents, level.children, level.types) AS branch (parent, child, type)
                 JOIN {source} ON s.id = branch.child) ON true
"""
BELOW = f"{LEVELS} SELECT whole.is_whole, branch.parent, branch.child, branch.type, {{shown}} {GROWN}"
#: the same as one value
AT_ONCE = f"""
    ({LEVELS}
     SELECT jsonb_build_array(
                whole.is_whole,
                jsonb_agg(jsonb_build_array(branch.parent, branch.child, branch.type, {{shown}}))) {GROWN}
      GROUP BY whole.is_whole)
"""


class Node(msgspec.Struct, Generic[S], frozen=True):
    """A sample in its place, below the sample `parent`. `is_repeated`: the sample stands elsewhere in the tree with everything below.

    `name` is the file name of the newest submission that the caller may see.
    """

    sample: S
    depth: int
    name: str | None = None
    parent: S | None = None
    relation: str | None = None
    is_repeated: bool = False


class Tree(msgspec.Struct, Generic[S], frozen=True):
    """The nodes in the order of reading: each parent before its children. `is_whole`: no limit was reached."""

    nodes: list[Node[S]]
    is_whole: bool


class _Branch(msgspec.Struct, frozen=True):
    child: int
    relation: str
    name: str
    digest: Any


class _Grown(Generic[S]):
    """The samples of a tree by their ids, and the branches of each sample."""

    def __init__(self, top_id: int, top: S) -> None:
        self._top = top_id
        self._samples: dict[int, S] = {top_id: top}
        self._branches: dict[int, list[_Branch]] = {}

    def add(self, shown: SampleShape[S], row: Sequence[Any]) -> None:
        """Add a link of the tree: parent, child, type, and the columns of the child. A tree without links has one row, without a link."""
        parent, child, relation = row[:3]
        if child is None:
            return
        if child not in self._samples:
            self._samples[child] = shown.read(row[3:])
        sample = self._samples[child]
        branch = _Branch(child, relation, _name_of(sample) or "", sample.sha256)
        self._branches.setdefault(parent, []).append(branch)

    def nodes(self) -> Iterator[Node[S]]:
        """The nodes in the order of reading. A sample has its branches where the sample stands first."""
        shown: set[int] = set()
        pending: list[tuple[int, int, S | None, str | None]] = [(self._top, 0, None, None)]
        while pending:
            id_, depth, parent, relation = pending.pop()
            sample, is_repeated = self._samples[id_], id_ in shown
            yield Node(sample, depth, _name_of(sample), parent, relation, is_repeated)
            if is_repeated:
                continue
            shown.add(id_)
            branches = sorted(
                self._branches.get(id_, ()), key=lambda one: (one.name, one.digest, one.relation)
            )
            pending += [(one.child, depth + 1, sample, one.relation) for one in reversed(branches)]


async def tree_of(db: Connection, caller: Caller, sha256: bytes) -> Tree[SeenOverview]:
    """Follow the links of a sample, level by level; links of the type `parent` lead up. Raises `NotFound`."""
    sample, top = await get_sample_with_overview(db, caller, sha256)
    if sample.deleted_time is not None:
        raise NotFound(NO_SAMPLE)
    shown = SeenOverviews(caller)
    rows = await _grown(BELOW, caller, Sql("{}", sample.id), shown, MOST).rows(db)
    grown = _Grown(sample.id, top)
    for row in rows:
        grown.add(shown, row[1:])
    return Tree(list(grown.nodes()), rows[0][0])


def below(caller: Caller, most: int) -> Sql:
    """An expression for the tree of the sample `s`, of `most` links. `read_below` reads the value."""
    return _grown(AT_ONCE, caller, Sql("s.id"), Glances(caller), most)


def read_below(caller: Caller, top_id: int, top: Glance, value: Sequence[Any]) -> Tree[Glance]:
    """Read the value of `below`."""
    is_whole, rows = value
    shown, grown = Glances(caller), _Grown(top_id, top)
    for row in rows:
        grown.add(shown, row)
    return Tree(list(grown.nodes()), is_whole)


def _grown(text: str, caller: Caller, top: Sql, shown: SampleShape[S], most: int) -> Sql:
    return Sql(
        text,
        top=top,
        most=most,
        deepest=DEEPEST,
        links=see_rows(caller, "l", Permission.VIEW_ANALYSIS),
        samples=see_samples(caller, "s", Permission.VIEW_SAMPLES),
        shown=shown.selected,
        source=shown.source,
    )


def _name_of(sample: SeenOverview | Glance) -> str | None:
    if isinstance(sample, Glance):
        return sample.name
    return None if sample.newest is None else sample.newest.file_name
