"""How much a search asks for, as the planner estimates: whether to gather all that matches, or to go through the samples."""

import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from samplebank.database import Connection, Sql
from samplebank.database.planning import estimated
from samplebank.search.sets import Members

#: matches that are gathered: a few more than are always counted, as an estimate is not exact
LITTLE = 12_000
#: rows of the narrowest list of sets from which on gathering is dear: some 25 ms
DEAR = 6_000
#: rows of a set that are gathered once at most, rather than looked up for each sample
MOST_AT_ONCE = 10_000
#: seconds for which an estimate of all samples is remembered: a busy service takes in some thousands meanwhile
REMEMBERED = 10.0
#: connections that are remembered
MOST_KNOWN = 1000
ALL_SAMPLES = Sql("SELECT id FROM sample")


class Widths(NamedTuple):
    """Estimated rows: of all samples that the sets can be about, and of the sets of each list of which one must hold a sample."""

    samples: float
    sets: list[list[float]]
    #: the part of the samples that the search can find: in the window, and visible
    part: float = 1.0
    #: rows after which the page ends
    wanted: int = 0

    @property
    def density(self) -> float:
        """The part of all samples that matches, as far as the lists do not depend on each other."""
        return math.prod(min(1.0, sum(rows) / max(self.samples, 1.0)) for rows in self.sets)

    @property
    def matches(self) -> float:
        return self.samples * self.density

    @property
    def found(self) -> float:
        """The matches that the search can find."""
        return self.part * self.matches

    @property
    def is_narrow_beside_rows(self) -> bool:
        """Whether there are fewer samples that the search can find than rows of the narrowest list of sets."""
        return self.part * self.samples < sum(self.sets[self.narrowest])

    @property
    def narrowest(self) -> int:
        """The place of the list with the fewest rows."""
        return min(range(len(self.sets)), key=lambda place: sum(self.sets[place]))

    @property
    def few(self) -> float:
        """Rows of a set that are gathered once, rather than looked up for each of the samples that are gone through."""
        return min(MOST_AT_ONCE, self.wanted / self.density) if self.density else MOST_AT_ONCE

    @property
    def is_dear_to_gather(self) -> bool:
        """Whether gathering reads very many rows, and more than going through the samples until the page ends.

        Gathering reads the narrowest list. Where there is one list only, the rows of the list are the matches.
        """
        gathered = sum(self.sets[self.narrowest])
        return len(self.sets) > 1 and gathered > DEAR and self.wanted <= gathered * self.density


class Findable(NamedTuple):
    """The samples that any search of the caller can find in the window.

    `samples` is a query for the samples, `matches` writes a query with a row for each match, which is looked for among these.
    """

    samples: Sql
    matches: Callable[[Widths], Sql]


class Few:
    """Remembers for some seconds that there are few samples at all, so that no search can match many.

    The memory belongs to a connection: each connection leads to one database.
    """

    def __init__(self) -> None:
        #: by process of the server: until when there are few samples, and how many at most
        self._known: dict[int, tuple[float, float]] = {}

    def note(self, db: Connection, samples: float) -> None:
        if len(self._known) > MOST_KNOWN:
            self._known.clear()
        self._known[db.get_server_pid()] = time.monotonic() + REMEMBERED, samples

    def are_at_most(self, db: Connection, most: float) -> bool:
        until, samples = self._known.get(db.get_server_pid(), (0.0, 0.0))
        return time.monotonic() < until and samples <= most


FEW = Few()


async def estimate(
    db: Connection, sets: Sequence[Sequence[Members]], seen: Sql = ALL_SAMPLES, found: Sql = ALL_SAMPLES
) -> Widths | None:
    """Estimate all sets, the samples `seen` that the sets can be about, and the samples `found` of all that a search can find.

    None where the planner joins sets, so that the sets cannot be told apart.
    """
    bounds = [one for one in (seen, found) if one is not ALL_SAMPLES]
    rows = await estimated(db, [ALL_SAMPLES, *bounds, *(one.ids for some in sets for one in some)])
    if rows is None:
        return None
    every, *others = rows
    FEW.note(db, every)
    left = iter(others)
    samples = every if seen is ALL_SAMPLES else next(left)
    part = 1.0 if found is ALL_SAMPLES else min(1.0, next(left) / max(every, 1.0))
    return Widths(samples, [[next(left) for _ in some] for some in sets], part)
