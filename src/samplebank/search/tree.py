"""The tree of a sample: what came out of the sample, as far as the caller may see links and samples.

A sample that the caller may not see is left out, with everything that only the left-out sample leads to. So missing and
invisible samples look the same.
"""

from collections.abc import Collection, Iterator

import msgspec

from samplebank.accounts.access import see_rows
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Connection, Sql, all_of, one_of
from samplebank.errors import NotFound
from samplebank.samples.model import NO_SAMPLE
from samplebank.search.overview import Overview, get_overviews
from samplebank.search.sightings import newest_sightings

#: steps from the top, and samples, of a tree
DEEPEST, MOST = 12, 2000
BELOW = """
    SELECT DISTINCT s.sha256, l.reference, l.type
      FROM link l JOIN sample s ON s.id = l.sample_id WHERE {} ORDER BY 1, 3, 2 LIMIT {}
"""


class Node(msgspec.Struct, frozen=True):
    """A sample in its place. `is_repeated`: the sample stands elsewhere in the tree with everything below.

    `name` is the file name of the newest submission that the caller may see.
    """

    overview: Overview
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
    reference: bytes
    relation: str


class _Growing:
    """The branches of each sample that was reached, and the samples."""

    def __init__(self, top: Overview) -> None:
        self.samples = {top.sha256: top}
        self.branches: dict[bytes, list[_Branch]] = {}
        self.is_whole = True


async def tree_of(db: Connection, caller: Caller, sha256: bytes) -> Tree:
    """Follow the links of a sample, level by level; links of the type `parent` lead up. Raises `NotFound`."""
    found = await get_overviews(db, caller, [sha256])
    if sha256 not in found:
        raise NotFound(NO_SAMPLE)
    return await tree_below(db, caller, found[sha256])


async def tree_below(db: Connection, caller: Caller, top: Overview) -> Tree:
    """As `tree_of`, of a sample that the caller may see."""
    growing = _Growing(top)
    level: Collection[bytes] = [top.sha256]
    for _ in range(DEEPEST):
        level = await _grow(db, caller, growing, level)
        if not level:
            break
    if level:
        growing.is_whole = False
    sightings = await newest_sightings(db, caller, list(growing.samples))
    names = {digest: sighting.file_name for digest, sighting in sightings.items()}
    return Tree(list(_nodes(growing, names, top.sha256)), growing.is_whole)


async def _grow(
    db: Connection, caller: Caller, growing: _Growing, level: Collection[bytes]
) -> Collection[bytes]:
    """Add what a level leads to; answers the samples that are new to the tree."""
    room = MOST - sum(map(len, growing.branches.values()))
    where = all_of(
        [
            one_of("s.sha256", "bytea", list(level)),
            Sql("l.type <> 'parent'"),
            see_rows(caller, "l", Permission.VIEW_ANALYSIS),
        ]
    )
    rows = await Sql(BELOW, where, room + 1).rows(db)
    if len(rows) > room:
        growing.is_whole = False
    rows = rows[:room]
    fresh = await get_overviews(db, caller, [row[1] for row in rows if row[1] not in growing.samples])
    growing.samples |= fresh
    for parent, reference, relation in rows:
        if reference in growing.samples:
            growing.branches.setdefault(parent, []).append(_Branch(reference, relation))
    return fresh


def _nodes(growing: _Growing, names: dict[bytes, str], top: bytes) -> Iterator[Node]:
    """The nodes in the order of reading. A sample has its branches where the sample stands first."""
    shown: set[bytes] = set()
    pending: list[tuple[bytes, int, bytes | None, str | None]] = [(top, 0, None, None)]
    while pending:
        digest, depth, parent, relation = pending.pop()
        is_repeated = digest in shown
        yield Node(growing.samples[digest], depth, names.get(digest), parent, relation, is_repeated)
        if is_repeated:
            continue
        shown.add(digest)
        branches = sorted(
            growing.branches.get(digest, ()), key=lambda one: (names.get(one.reference, ""), one.reference)
        )
        pending += [(one.reference, depth + 1, digest, one.relation) for one in reversed(branches)]
