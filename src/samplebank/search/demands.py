"""What a search demands of a sample: digests, sets of samples, and a range of creation times."""

import msgspec

from samplebank.database import Sql, all_of, any_of, joined, one_of
from samplebank.search.creation import Creation
from samplebank.search.criteria import within, without
from samplebank.search.sets import Members
from samplebank.search.widths import Widths


class Demands(msgspec.Struct, frozen=True):
    """The demands on a sample: digests, sets to be in (one of each list), sets not to be in, and a range of creation times.

    The range may be among the sets, too.
    """

    digests: dict[str, list[bytes]]
    sets: list[list[Members]]
    excluded: list[Members]
    creation: Creation | None = None

    def on(self, alias: str) -> Sql:
        """As a condition on the sample `alias`."""
        digests = [
            one_of(f"{alias}.{algorithm}", "bytea", values) for algorithm, values in self.digests.items()
        ]
        return all_of([*digests, *self._created(alias), *self._within(f"{alias}.id", self.sets)])

    def members(self, first: int = 0) -> Members:
        """As a set: the samples of the list of sets in the place `first` of which the rest holds, too."""
        if self.digests or not self.sets or not self.sets[first]:
            return Members("x.id", Sql("FROM sample x WHERE {}", self.on("x")))
        others = [*self.sets[:first], *self.sets[first + 1 :]]
        source = joined(" UNION ALL ", [one.spoken_for for one in self.sets[first]])
        rest = all_of(self._within("x.id", others))
        return Members("x.id", Sql("FROM ({}) x WHERE {}", source, rest), Sql("x.spoken_for"))

    def looked_up(self, alias: str, widths: Widths, by_sample: list[list[Members]]) -> Sql:
        """As a condition on the sample `alias`, when samples are gone through.

        Sets of few rows are gathered once; rows of the others are looked up for each sample, as sets of `by_sample`.
        """
        lists = zip(self.sets, by_sample, widths.sets, strict=True)
        demanded = [
            any_of(
                other.has(f"{alias}.id") if rows > widths.few else within(f"{alias}.id", [one.ids])
                for one, other, rows in zip(*some, strict=True)
            )
            for some in lists
        ]
        excluded = [without(f"{alias}.id", one.ids) for one in self.excluded]
        return all_of([*self._created(alias), *demanded, *excluded])

    def _created(self, alias: str) -> list[Sql]:
        return [] if self.creation is None else [self.creation.of(alias)]

    def _within(self, id_: str, sets: list[list[Members]]) -> list[Sql]:
        demanded = [within(id_, [one.ids for one in some]) for some in sets]
        return [*demanded, *(without(id_, one.ids) for one in self.excluded)]
