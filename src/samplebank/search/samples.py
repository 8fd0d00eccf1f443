"""Search for samples: what is asked for, and the list that answers it."""

from collections.abc import Sequence

import msgspec

from samplebank.accounts.access import see_samples
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Where, order_by
from samplebank.database.times import TimeRange
from samplebank.search import rows
from samplebank.search.criteria import Criterion, all_of, set_demands, within, without
from samplebank.search.keywords import Keyword, Keywords
from samplebank.search.sample_listing import Everything, SampleListing
from samplebank.search.sets import (
    ANALYSIS,
    CLASSIFICATION,
    FACT,
    LINK,
    SUBMISSION,
    USER_KINDS,
    VERDICT,
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

    #: (algorithm, placeholder of the values)
    digests: list[tuple[str, str]]
    sets: list[list[Members]]
    excluded: list[Members]

    def on(self, alias: str) -> list[str]:
        """As conditions on the sample `alias`."""
        own = [f"{alias}.{algorithm} = ANY ({values}::bytea[])" for algorithm, values in self.digests]
        return [*own, *self._within(f"{alias}.id", self.sets)]

    def members(self) -> Members:
        """As a set: the samples of the first list of sets of which the rest holds, too."""
        if self.digests or not self.sets or not self.sets[0]:
            return Members("x.id", f"FROM sample x WHERE {all_of(self.on('x'))}")
        first, *others = self.sets
        source = " UNION ALL ".join(one.spoken_for for one in first)
        rest = all_of(self._within("x.id", others))
        return Members("x.id", f"FROM ({source}) x WHERE {rest}", "x.spoken_for")

    def _within(self, id_: str, sets: list[list[Members]]) -> list[str]:
        demanded = [within(id_, [one.ids for one in some]) for some in sets]
        return [*demanded, *(without(id_, one.ids) for one in self.excluded)]


def samples_matching(
    caller: Caller, wanted: SampleCriterion, window: IndexWindow, sort: Sequence[str] = ()
) -> SampleListing:
    """The samples that match and that the caller may see, newest first unless sorted otherwise."""
    names = [_plain(name) for name in sort] or [NEWEST_FIRST]

    def condition(where: Where, part: Slice | None) -> Demands:
        """Write the condition on a sample `s`; answers what it asks for beyond the window."""
        _may_be_found(where, caller, window)
        if part is not None:
            where.add("s.created_time >= {}", part.since)
        asked = demands(Sets(where, caller, part=part), wanted)
        where.conditions.extend(asked.on("s"))
        return asked

    def everything(where: Where, common: frozenset[str]) -> str:
        return _found(where, caller, window, demands(Sets(where, caller, window, common=common), wanted))

    where = Where()
    asked = condition(where, None)
    return SampleListing(
        caller,
        _source(where, caller, names),
        where,
        order_by(names, SORTS, "s.id"),
        window,
        newest=condition if names == [NEWEST_FIRST] and not wanted.digests else None,
        everything=Everything(everything, wanted.all_keywords) if asked.sets else None,
        by_digest=bool(asked.digests) and not (asked.sets or asked.excluded),
        # what is asked for is looked up once for the whole count, not for each of its parts
        in_parts=not (asked.digests or asked.sets or asked.excluded),
    )


def _may_be_found(where: Where, caller: Caller, window: IndexWindow) -> None:
    see_samples(where, caller, "s", Permission.VIEW_SAMPLES)
    lies_in_window(where, caller, "s", window)


def _found(where: Where, caller: Caller, window: IndexWindow, asked: Demands) -> str:
    """Where all that is found comes from. The sample itself is read only where no row of it speaks for it."""
    sample = Where()
    sample.parameters = where.parameters
    sample.add("s.id = m.id")
    _may_be_found(sample, caller, window)
    # A subquery for one value: the planner makes no join of it, which would read the samples of the others, too.
    return f"""
        FROM ({asked.members().spoken_for}) m
         WHERE m.spoken_for OR (SELECT TRUE FROM sample s WHERE {sample.sql})
    """


def demands(sets: Sets, wanted: SampleCriterion) -> Demands:
    """What must hold of a sample."""
    where = sets.where
    digests = [(algorithm, where.value(values)) for algorithm, values in wanted.digests.items()]
    found: list[list[Members]] = []
    if wanted.keywords is not None:
        fields = wanted.keywords.fields
        found.extend(sets.with_words(words, fields) for words in wanted.keywords.demands)
    if wanted.customers:
        customers = f"u.customer_id = ANY ({where.value(wanted.customers)}::bigint[])"
        found.append([sets.with_row(SUBMISSION, customers)])
    if wanted.tlps:
        tlps = where.value(wanted.tlps)
        kinds = (SUBMISSION, ANALYSIS, LINK)
        found.append([sets.with_row(kind, f"{kind.alias}.tlp = ANY ({tlps}::text[])") for kind in kinds])
    if wanted.users is not None:
        found.extend(_by_users(sets, wanted.users))
    if wanted.times.is_bounded:
        matching = [sets.at_time(field, wanted.times) for field in wanted.times.fields]
        found.extend(_any_or_every(matching, every=wanted.times.every))
    demanded, excluded = _lists(sets, wanted)
    return Demands(digests, [*found, *demanded], excluded)


def _lists(sets: Sets, wanted: SampleCriterion) -> tuple[list[list[Members]], list[Members]]:
    """The criteria lists."""
    where = sets.where
    found = (
        set_demands(wanted.submissions, lambda c: sets.with_row(SUBMISSION, rows.of_submission(where, c))),
        set_demands(wanted.analyses, lambda c: sets.with_row(ANALYSIS, rows.of_analysis(where, c))),
        set_demands(wanted.links, lambda c: sets.with_row(LINK, rows.of_link(where, c))),
        set_demands(
            wanted.classifications,
            lambda c: sets.with_row(CLASSIFICATION, rows.of_classification(where, c)),
        ),
        set_demands(wanted.verdicts, lambda c: sets.with_row(VERDICT, rows.of_verdict(where, c))),
        set_demands(wanted.facts, lambda c: sets.with_row(FACT, rows.of_fact(where, c))),
        set_demands(wanted.sub_criteria, lambda c: demands(sets, c).members()),
    )
    return [one for demanded, _ in found for one in demanded], [one for _, out in found for one in out]


def _by_users(sets: Sets, users: Users) -> list[list[Members]]:
    ids = sets.where.value(users.ids)
    kinds = [USER_KINDS[field] for field in users.fields]
    made = [sets.with_row(kind, f"{kind.alias}.user_id = ANY ({ids}::bigint[])") for kind in kinds]
    return _any_or_every(made, every=users.every)


def _any_or_every(sets: list[Members], *, every: bool) -> list[list[Members]]:
    return [[one] for one in sets] if every else [sets]


def _plain(name: str) -> str:
    sign, bare = ("-", name[1:]) if name.startswith("-") else ("", name)
    return sign + ALIASES.get(bare, bare)


def _source(where: Where, caller: Caller, sort: Sequence[str]) -> str:
    """The sample, with what it is sorted by: over the rows that the caller may see."""
    source = "sample s"
    names = dict.fromkeys(name.removeprefix("-") for name in sort)
    if "sampleClassificationType" in names:
        source += " LEFT JOIN classification c ON c.id = s.classification_id"
    sets = Sets(where, caller)
    for name in names:
        if name in LATEST:
            alias, kind, column = LATEST[name]
            seen = sets.visible(kind)
            source += (
                f" LEFT JOIN LATERAL (SELECT max({kind.alias}.{column}) AS latest FROM {kind.table} {kind.alias}"
                f" WHERE {kind.alias}.sample_id = s.id AND {seen}) {alias} ON TRUE"
            )
    return source
