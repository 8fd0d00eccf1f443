"""The tree of a sample: what came out of the sample, as far as the caller may see links and samples.

A sample that the caller may not see is left out, with everything that only the left-out sample leads to. So missing and
invisible samples look the same.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from samplebank.accounts.access import see_rows, see_samples
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Sql
from samplebank.errors import NotFound
from samplebank.samples.model import NO_SAMPLE
from samplebank.search.overview import SeenOverview, SeenOverviews, get_sample_with_overview

#: steps from the top, and links, of a tree
DEEPEST, MOST = 12, 2000
# A row for each level. `fresh` are the samples that no level above has, `known` the samples of all levels, `room` is for
# further links, and the three lists have a place for each link of the level that leads to a visible sample.
# Each sample is followed once, so links that go round in rings end.
BELOW = """
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
                FROM (SELECT l.sample_id, l.type, l.reference,
                             row_number() OVER (ORDER BY l.sample_id, l.type, l.reference) AS place
                        FROM link l WHERE l.sample_id = ANY (level.fresh) AND l.type <> 'parent' AND {links}
                       GROUP BY l.sample_id, l.type, l.reference ORDER BY place LIMIT level.room + 1) link
                LEFT JOIN LATERAL (
                    -- LIMIT: an index finds each sample; without LIMIT the planner may read all samples
                    SELECT s.id FROM sample s
                     WHERE s.sha256 = link.reference AND s.deleted_time IS NULL AND {samples} LIMIT 1
                ) s ON link.place <= level.room
          ) below
         WHERE below.found > 0 AND level.depth < {deepest} AND cardinality(level.fresh) > 0
    )
    SELECT whole.is_whole, branch.parent, branch.child, branch.type, {shown}
      FROM (SELECT NOT bool_or(is_cut OR depth = {deepest} AND cardinality(fresh) > 0) AS is_whole FROM level) whole
      LEFT JOIN (level CROSS JOIN unnest(level.parents, level.children, level.types) AS branch (parent, child, type)
                 JOIN {source} ON s.id = branch.child) ON true
"""


class Node(msgspec.Struct, frozen=True):
    """A sample in its place. `is_repeated`: the sample stands elsewhere in the tree with everything below.

    `name` is the file name of the newest submission that the caller may see.
    """

    overview: SeenOverview
    depth: int
    name: str | None = None
    parent: bytes | None = None
    relation: str | None = None
    is_repeated: bool = False


class Tree(msgspec.Struct, frozen=True):
    """The nodes in the order of reading: each parent before its children. `is_whole`: no limit was reached."""

    nodes: list[Node]
    is_whole: bool


class _Branch(msgspec.Struct, frozen=True):
    child: int
    relation: str
    name: str
    digest: bytes


class _Grown(msgspec.Struct, frozen=True):
    """The samples of a tree by their ids, and the branches of each sample."""

    samples: dict[int, SeenOverview]
    branches: dict[int, list[_Branch]]


async def tree_of(db: Connection, caller: Caller, sha256: bytes) -> Tree:
    """Follow the links of a sample, level by level; links of the type `parent` lead up. Raises `NotFound`."""
    sample, top = await get_sample_with_overview(db, caller, sha256)
    if sample.deleted_time is not None:
        raise NotFound(NO_SAMPLE)
    return await tree_below(db, caller, sample.id, top, MOST)


async def tree_below(db: Connection, caller: Caller, sample_id: int, top: SeenOverview, most: int) -> Tree:
    """As `tree_of`, of a sample that the caller may see. At most `most` links are followed."""
    shown = SeenOverviews(caller)
    query = Sql(
        BELOW,
        top=sample_id,
        most=most,
        deepest=DEEPEST,
        links=see_rows(caller, "l", Permission.VIEW_ANALYSIS),
        samples=see_samples(caller, "s", Permission.VIEW_SAMPLES),
        shown=shown.selected,
        source=shown.source,
    )
    rows = await query.rows(db)
    grown = _Grown({sample_id: top}, {})
    for row in rows:
        _add(grown, shown, row)
    return Tree(list(_nodes(grown, sample_id)), rows[0][0])


def _add(grown: _Grown, shown: SeenOverviews, row: Sequence[Any]) -> None:
    """Add a link of the tree. A tree without links has one row, without a link."""
    _, parent, child, relation = row[:4]
    if child is None:
        return
    if child not in grown.samples:
        grown.samples[child] = shown.read(row[4:])
    sample = grown.samples[child]
    branch = _Branch(child, relation, _name_of(sample) or "", sample.sha256)
    grown.branches.setdefault(parent, []).append(branch)


def _name_of(sample: SeenOverview) -> str | None:
    return None if sample.newest is None else sample.newest.file_name


def _nodes(grown: _Grown, top: int) -> Iterator[Node]:
    """The nodes in the order of reading. A sample has its branches where the sample stands first."""
    shown: set[int] = set()
    pending: list[tuple[int, int, bytes | None, str | None]] = [(top, 0, None, None)]
    while pending:
        id_, depth, parent, relation = pending.pop()
        sample, is_repeated = grown.samples[id_], id_ in shown
        yield Node(sample, depth, _name_of(sample), parent, relation, is_repeated)
        if is_repeated:
            continue
        shown.add(id_)
        branches = sorted(grown.branches.get(id_, ()), key=lambda one: (one.name, one.digest, one.relation))
        pending += [(one.child, depth + 1, sample.sha256, one.relation) for one in reversed(branches)]
