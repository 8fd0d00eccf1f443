"""Search for samples: what is asked for, and the list that answers it."""

from collections.abc import Sequence

import msgspec

from samplebank.accounts.access import Caller, see_samples
from samplebank.accounts.model import Permission
from samplebank.database import Where, order_by
from samplebank.jobs.queries import TimeRange
from samplebank.search import rows
from samplebank.search.criteria import Criterion, all_of, set_conditions, within
from samplebank.search.keywords import Keywords
from samplebank.search.sample_listing import SampleListing
from samplebank.search.sets import (
    ANALYSIS,
    CLASSIFICATION,
    FACT,
    LINK,
    SUBMISSION,
    USER_KINDS,
    VERDICT,
    Sets,
    Slice,
)
from samplebank.search.window import IndexWindow

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


def samples_matching(
    caller: Caller, wanted: SampleCriterion, window: IndexWindow, sort: Sequence[str] = ()
) -> SampleListing:
    """The samples that match and that the caller may see, newest first unless sorted otherwise."""
    names = [_plain(name) for name in sort] or [NEWEST_FIRST]

    def condition(where: Where, part: Slice | None) -> bool:
        """Write the condition; whether it asks for more than the window."""
        see_samples(where, caller, "s", Permission.VIEW_SAMPLES)
        where.add("s.deleted_time IS NULL")
        where.add("s.activity_time >= {}", window.start)
        if window.end is not None:
            where.add("s.created_time <= {}", window.end)
        if part is not None:
            where.add("s.created_time >= {}", part.since)
        asked = conditions(Sets(where, caller, part), wanted, "s")
        where.conditions.extend(asked)
        return bool(asked)

    where = Where()
    # what is asked for is looked up once for the whole count, not for each of its parts
    in_parts = not condition(where, None)
    source = _source(where, caller, names)
    order = order_by(names, SORTS, "s.id")
    slices = names == [NEWEST_FIRST] and not wanted.digests
    return SampleListing(
        caller, source, where, order, window, condition if slices else None, in_parts=in_parts
    )


def conditions(sets: Sets, wanted: SampleCriterion, alias: str) -> list[str]:
    """What must hold of the sample `alias`."""
    where, id_ = sets.where, f"{alias}.id"
    found = [
        f"{alias}.{algorithm} = ANY ({where.value(values)}::bytea[])"
        for algorithm, values in wanted.digests.items()
    ]
    if wanted.customers:
        customers = f"u.customer_id = ANY ({where.value(wanted.customers)}::bigint[])"
        found.append(within(id_, [sets.with_row(SUBMISSION, customers)]))
    if wanted.tlps:
        tlps = where.value(wanted.tlps)
        kinds = (SUBMISSION, ANALYSIS, LINK)
        found.append(
            within(id_, [sets.with_row(kind, f"{kind.alias}.tlp = ANY ({tlps}::text[])") for kind in kinds])
        )
    if wanted.users is not None:
        found.extend(_by_users(sets, wanted.users, id_))
    if wanted.times.is_bounded:
        matching = [sets.at_time(field, wanted.times) for field in wanted.times.fields]
        found.extend(_any_or_every(id_, matching, every=wanted.times.every))
    if wanted.keywords is not None:
        fields = wanted.keywords.fields
        found.extend(within(id_, sets.with_words(words, fields)) for words in wanted.keywords.demands)
    return [*found, *_lists(sets, wanted, id_)]


def _lists(sets: Sets, wanted: SampleCriterion, id_: str) -> list[str]:
    """The criteria lists."""
    where = sets.where
    return [
        *set_conditions(
            wanted.submissions, lambda c: sets.with_row(SUBMISSION, rows.of_submission(where, c)), id_
        ),
        *set_conditions(wanted.analyses, lambda c: sets.with_row(ANALYSIS, rows.of_analysis(where, c)), id_),
        *set_conditions(wanted.links, lambda c: sets.with_row(LINK, rows.of_link(where, c)), id_),
        *set_conditions(
            wanted.classifications,
            lambda c: sets.with_row(CLASSIFICATION, rows.of_classification(where, c)),
            id_,
        ),
        *set_conditions(wanted.verdicts, lambda c: sets.with_row(VERDICT, rows.of_verdict(where, c)), id_),
        *set_conditions(wanted.facts, lambda c: sets.with_row(FACT, rows.of_fact(where, c)), id_),
        *set_conditions(
            wanted.sub_criteria,
            lambda c: f"SELECT x.id FROM sample x WHERE {all_of(conditions(sets, c, 'x'))}",
            id_,
        ),
    ]


def _by_users(sets: Sets, users: Users, id_: str) -> list[str]:
    ids = sets.where.value(users.ids)
    kinds = [USER_KINDS[field] for field in users.fields]
    made = [sets.with_row(kind, f"{kind.alias}.user_id = ANY ({ids}::bigint[])") for kind in kinds]
    return _any_or_every(id_, made, every=users.every)


def _any_or_every(id_: str, sets: list[str], *, every: bool) -> list[str]:
    return [within(id_, [one]) for one in sets] if every else [within(id_, sets)]


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
                f" LEFT JOIN LATERAL (SELECT max({kind.alias}.{column}) AS latest FROM {kind.source}"
                f" WHERE {kind.alias}.sample_id = s.id AND {seen}) {alias} ON TRUE"
            )
    return source
