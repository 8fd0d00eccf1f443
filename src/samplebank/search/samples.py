"""Search for samples: what is asked for, and the list that answers it."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from samplebank.accounts.access import see_samples
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Sql, all_of, joined, one_of, order_by
from samplebank.database.times import TimeRange
from samplebank.search import rows
from samplebank.search.criteria import Criterion, set_demands, within, without
from samplebank.search.filters import Filters
from samplebank.search.keywords import Keyword, Keywords
from samplebank.search.listing import Gathering
from samplebank.search.sample_listing import (
    AmongTheNewest,
    Ask,
    ByDigest,
    Everything,
    Gathered,
    InOrder,
    SampleListing,
    Way,
    number_gathered,
)
from samplebank.search.sets import (
    ANALYSIS,
    CLASSIFICATION,
    FACT,
    LINK,
    SUBMISSION,
    USER_KINDS,
    VERDICT,
    Kind,
    Members,
    Sets,
    Slice,
)
from samplebank.search.window import IndexWindow, lies_in_window

NEWEST_FIRST = "-sampleCreatedTimestamp"
SORTS = {
    "sampleCreatedTimestamp": "s.created_time",
    "sampleSize": "s.size",
    "sampleClassificationType": "c.type?",
    "lastUpdatedSubmission": "submitted.latest?",
    "lastUpdatedAnalysis": "analysed.latest?",
    "lastUpdatedLink": "linked.latest?",
}
#: the advanced search calls the same things otherwise
ALIASES = {
    "lastAddedSubmission": "lastUpdatedSubmission",
    "lastAddedAnalysis": "lastUpdatedAnalysis",
    "lastAddedLink": "lastUpdatedLink",
}
LATEST = {
    "lastUpdatedSubmission": ("submitted", SUBMISSION, "submitted_time"),
    "lastUpdatedAnalysis": ("analysed", ANALYSIS, "created_time"),
    "lastUpdatedLink": ("linked", LINK, "created_time"),
}


class Users(msgspec.Struct, frozen=True):
    """Rows made by one of the users: of any of the kinds in `fields`, or (`every`) of each of them."""

    ids: list[int]
    fields: tuple[str, ...]
    every: bool


class SampleCriterion(Criterion, frozen=True, kw_only=True):
    """Everything that a sample search can ask for. All of it must hold; what is None or empty asks for nothing."""

    digests: dict[str, list[bytes]] = msgspec.field(default_factory=dict)
    customers: list[int] | None = None
    tlps: list[str] | None = None
    users: Users | None = None
    times: TimeRange = TimeRange()
    keywords: Keywords | None = None
    submissions: list[rows.SubmissionCriterion] | None = None
    analyses: list[rows.AnalysisCriterion] | None = None
    links: list[rows.LinkCriterion] | None = None
    classifications: list[rows.ClassificationCriterion] | None = None
    verdicts: list[rows.VerdictCriterion] | None = None
    facts: list[rows.FactCriterion] | None = None
    sub_criteria: list["SampleCriterion"] | None = None

    @property
    def all_keywords(self) -> list[Keyword]:
        own = self.keywords.words if self.keywords is not None else ()
        return [*own, *(word for one in self.sub_criteria or () for word in one.all_keywords)]


class Demands(msgspec.Struct, frozen=True):
    """What must hold of a sample: digests, sets to be in (one of each list), and sets to be in none of."""

    digests: dict[str, list[bytes]]
    sets: list[list[Members]]
    excluded: list[Members]

    def on(self, alias: str) -> Sql:
        """As a condition on the sample `alias`."""
        own = [one_of(f"{alias}.{algorithm}", "bytea", values) for algorithm, values in self.digests.items()]
        return all_of([*own, *self._within(f"{alias}.id", self.sets)])

    def members(self) -> Members:
        """As a set: the samples of the first list of sets of which the rest holds, too."""
        if self.digests or not self.sets or not self.sets[0]:
            return Members("x.id", Sql("FROM sample x WHERE {}", self.on("x")))
        first, *others = self.sets
        source = joined(" UNION ALL ", [one.spoken_for for one in first])
        rest = all_of(self._within("x.id", others))
        return Members("x.id", Sql("FROM ({}) x WHERE {}", source, rest), Sql("x.spoken_for"))

    def _within(self, id_: str, sets: list[list[Members]]) -> list[Sql]:
        demanded = [within(id_, [one.ids for one in some]) for some in sets]
        return [*demanded, *(without(id_, one.ids) for one in self.excluded)]


def samples_matching(
    caller: Caller, wanted: SampleCriterion, window: IndexWindow, sort: Sequence[str] = ()
) -> SampleListing:
    """The samples that match and that the caller may see, newest first unless sorted otherwise."""
    names = [_plain(name) for name in sort] or [NEWEST_FIRST]
    asked = demands(Sets(caller), wanted)
    may_be_found = _may_be_found(caller, window)
    ask = Ask(_source(caller, names), all_of([may_be_found, asked.on("s")]), order_by(names, SORTS, "s.id"))
    everything = Everything(
        lambda common: _found(caller, window, demands(Sets(caller, window, common=common), wanted)),
        wanted.all_keywords,
    )

    def within_slice(part: Slice) -> Sql:
        inner = demands(Sets(caller, part=part), wanted)
        return all_of([may_be_found, Sql("s.created_time >= {}", part.since), inner.on("s")])

    gathering = Gathering()
    is_newest_first = names == [NEWEST_FIRST]
    ways: list[Way] = []
    if asked.digests and not (asked.sets or asked.excluded):
        ways.append(ByDigest(ask))
    if asked.sets:
        ways.append(Gathered(ask, everything, is_newest_first and not asked.digests, gathering))
    if is_newest_first and not asked.digests:
        ways.append(AmongTheNewest(ask, within_slice, window))
    ways.append(InOrder(ask))
    return SampleListing(caller, ask, ways, number=_number(ask, asked, everything), gathering=gathering)


def _number(ask: Ask, asked: Demands, everything: Everything) -> Sql:
    """The number of samples that match."""
    if asked.sets:
        return number_gathered(everything)
    if asked.digests or asked.excluded:
        # what is asked for is looked up once for the whole count, not for each part of the count
        return Sql("(SELECT count(*) FROM sample s WHERE {})", ask.where)
    return ask.where.count("sample s")


def _may_be_found(caller: Caller, window: IndexWindow) -> Sql:
    return all_of([see_samples(caller, "s", Permission.VIEW_SAMPLES), lies_in_window(caller, "s", window)])


def _found(caller: Caller, window: IndexWindow, asked: Demands) -> Sql:
    """Where all that is found comes from. The sample itself is read only where no row of it speaks for it."""
    # A subquery for one value: the planner makes no join of it, which would read the samples of the others, too.
    return Sql(
        """
        FROM ({}) m
         WHERE m.spoken_for OR (SELECT TRUE FROM sample s WHERE s.id = m.id AND {})
        """,
        asked.members().spoken_for,
        _may_be_found(caller, window),
    )


#: the criteria lists: the field of the criterion, the kind of row that is looked at, and the filters of such a row
ROW_LISTS: tuple[tuple[str, Kind, Filters[Any]], ...] = (
    ("submissions", SUBMISSION, rows.SUBMISSIONS),
    ("analyses", ANALYSIS, rows.ANALYSES),
    ("links", LINK, rows.LINKS),
    ("classifications", CLASSIFICATION, rows.CLASSIFICATIONS),
    ("verdicts", VERDICT, rows.VERDICTS),
    ("facts", FACT, rows.FACTS),
)


def demands(sets: Sets, wanted: SampleCriterion) -> Demands:
    """What must hold of a sample."""
    found: list[list[Members]] = []
    if wanted.keywords is not None:
        fields = wanted.keywords.fields
        found.extend(sets.with_words(words, fields) for words in wanted.keywords.demands)
    if wanted.customers:
        found.append([sets.with_row(SUBMISSION, one_of("u.customer_id", "bigint", wanted.customers))])
    if wanted.tlps:
        kinds = (SUBMISSION, ANALYSIS, LINK)
        found.append(
            [sets.with_row(kind, one_of(f"{kind.alias}.tlp", "text", wanted.tlps)) for kind in kinds]
        )
    if wanted.users is not None:
        found.extend(_by_users(sets, wanted.users))
    if wanted.times.is_bounded:
        matching = [sets.at_time(field, wanted.times) for field in wanted.times.fields]
        found.extend(_any_or_every(matching, every=wanted.times.every))
    lists = [
        *(
            set_demands(getattr(wanted, field), _with_row(sets, kind, filters))
            for field, kind, filters in ROW_LISTS
        ),
        set_demands(wanted.sub_criteria, lambda c: demands(sets, c).members()),
    ]
    demanded = [one for some, _ in lists for one in some]
    return Demands(wanted.digests, [*found, *demanded], [one for _, excluded in lists for one in excluded])


def _with_row(sets: Sets, kind: Kind, filters: Filters[Any]) -> Callable[[Criterion], Members]:
    return lambda criterion: sets.with_row(kind, filters.condition(criterion))


def _by_users(sets: Sets, users: Users) -> list[list[Members]]:
    kinds = [USER_KINDS[field] for field in users.fields]
    made = [sets.with_row(kind, one_of(f"{kind.alias}.user_id", "bigint", users.ids)) for kind in kinds]
    return _any_or_every(made, every=users.every)


def _any_or_every(sets: list[Members], *, every: bool) -> list[list[Members]]:
    return [[one] for one in sets] if every else [sets]


def _plain(name: str) -> str:
    sign, bare = ("-", name[1:]) if name.startswith("-") else ("", name)
    return sign + ALIASES.get(bare, bare)


def _source(caller: Caller, sort: Sequence[str]) -> Sql:
    """The sample, with what it is sorted by: over the rows that the caller may see."""
    parts = [Sql("sample s")]
    names = dict.fromkeys(name.removeprefix("-") for name in sort)
    if "sampleClassificationType" in names:
        parts.append(Sql("LEFT JOIN classification c ON c.id = s.classification_id"))
    sets = Sets(caller)
    for name in names:
        if name in LATEST:
            alias, kind, column = LATEST[name]
            parts.append(
                Sql(
                    f"LEFT JOIN LATERAL (SELECT max({kind.alias}.{column}) AS latest FROM {kind.table} {kind.alias}"
                    f" WHERE {kind.alias}.sample_id = s.id AND {{}}) {alias} ON TRUE",
                    sets.visible(kind),
                )
            )
    return joined(" ", parts)
