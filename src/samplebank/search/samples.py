"""Search for samples: the demands of the search, and the list of the answer."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from samplebank.accounts.access import see_samples
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import TRUE, Sql, all_of, joined, one_of
from samplebank.database.times import TimeRange
from samplebank.search import rows
from samplebank.search.creation import Creation
from samplebank.search.criteria import Criterion, set_demands
from samplebank.search.demands import Demands
from samplebank.search.filters import Filters
from samplebank.search.keywords import Keywords, keywords_in_parts
from samplebank.search.latest_rows import by_latest_row
from samplebank.search.listing import Gathering, Way
from samplebank.search.numbers import (
    findable_samples,
    number_of_all_samples,
    number_of_listed_samples,
    number_of_nearly_all_samples,
)
from samplebank.search.sample_listing import Number, SampleListing, no_query
from samplebank.search.sample_order import NEWEST_FIRST, order_of
from samplebank.search.sample_parts import SampleParts, parts_of, parts_of_range
from samplebank.search.sample_ways import (
    Ask,
    Beginning,
    ByDigest,
    Everything,
    Gathered,
    InOrder,
    Lists,
    Much,
    OfRange,
)
from samplebank.search.sets import (
    ANALYSIS,
    CLASSIFICATION,
    DERIVED,
    FACT,
    LINK,
    SAMPLE_CREATED,
    SUBMISSION,
    USER_KINDS,
    VERDICT,
    Kind,
    Members,
    Sets,
    Slice,
)
from samplebank.search.widths import Findable, Widths
from samplebank.search.window import IndexWindow, lies_in_window, parts_of_window


class Users(msgspec.Struct, frozen=True):
    """Rows made by one of the users: of any kind in `fields`, or (`every`) of each kind."""

    ids: list[int]
    fields: tuple[str, ...]
    every: bool


class SampleCriterion(Criterion, frozen=True, kw_only=True):
    """All demands of a sample search. Every demand must hold; None or an empty list demands nothing."""

    digests: dict[str, list[bytes]] = msgspec.field(default_factory=dict)
    customers: list[int] | None = None
    tlps: list[str] | None = None
    users: Users | None = None
    times: TimeRange = TimeRange()
    #: from so many bytes to fewer than so many
    size: tuple[int | None, int | None] = (None, None)
    keywords: Keywords | None = None
    submissions: list[rows.SubmissionCriterion] | None = None
    analyses: list[rows.AnalysisCriterion] | None = None
    links: list[rows.LinkCriterion] | None = None
    classifications: list[rows.ClassificationCriterion] | None = None
    verdicts: list[rows.VerdictCriterion] | None = None
    facts: list[rows.FactCriterion] | None = None
    derived: list[rows.DerivedCriterion] | None = None
    sub_criteria: list["SampleCriterion"] | None = None


def samples_matching(
    caller: Caller, wanted: SampleCriterion, window: IndexWindow, sort: Sequence[str] = ()
) -> SampleListing:
    """The matching samples that the caller may see, newest first unless sorted otherwise."""
    asked = _demanded(caller, wanted)
    may_be_found = _may_be_found(caller, window)
    order = order_of(caller, sort, asked.creation)
    ask = Ask(all_of([may_be_found, asked.on("s")]), order)
    gathering = Gathering()
    if asked.creation is not None and not (asked.sets or asked.digests or asked.excluded):
        of_range = OfRange(ask.where, partial(order_of, caller, sort), asked.creation)
        return _of_range(caller, window, ask, of_range, asked)
    if not asked.sets:
        return _among_all(caller, window, ask, asked, gathering)

    def found(common: frozenset[str], first: int) -> Sql:
        inner = demands(Sets(caller, window, common=common), wanted)
        return _found(caller, window, inner.members(first))

    def looked_up(widths: Widths) -> Sql:
        inner = demands(Sets(caller, by_index=False), wanted)
        return asked.looked_up("s", widths, inner.sets)

    def walked(part: Slice | None, widths: Widths) -> Sql:
        if part is None:
            return all_of([may_be_found, looked_up(widths)])
        inner = demands(Sets(caller, part=part, by_index=False), wanted)
        return all_of([may_be_found, Sql("s.created_time >= {}", part.since), inner.on("s")])

    is_newest_first = order.names == (NEWEST_FIRST,) and not asked.digests
    gathered = Gathered(ask, Everything(found, keywords_in_parts(wanted)), gathering, is_newest_first)
    lists = None if asked.digests else _lists(caller, window, order.names, looked_up)
    samples = findable_samples(caller, window, in_lists=lists is not None)
    findable = Findable(samples, lambda widths: _all(caller, window, looked_up(widths)))
    much = Much(ask, asked.sets, walked, window, findable, gathering, is_newest_first, lists=lists)
    ways: list[Way[int]] = [gathered, InOrder(ask)]
    if not asked.digests:
        ways = [much, gathered, much._replace(milliseconds=None)]
    return SampleListing(
        caller, ask, ways, lambda: Sql("SELECT DISTINCT m.id {}", found(frozenset(), 0)), gathering
    )


def _demanded(caller: Caller, wanted: SampleCriterion) -> Demands:
    """The demands of a search, with the range of creation times that every match lies in."""
    asked, times = demands(Sets(caller), wanted), wanted.times
    is_alone = times.fields == (SAMPLE_CREATED,)
    if not times.is_bounded or not (is_alone or (times.every and SAMPLE_CREATED in times.fields)):
        return asked
    # alone among the sets, the range need not be one of the sets
    sets = [] if is_alone and len(asked.sets) == 1 else asked.sets
    return msgspec.structs.replace(asked, sets=sets, creation=Creation(times))


def _among_all(
    caller: Caller, window: IndexWindow, ask: Ask, asked: Demands, gathering: Gathering
) -> SampleListing:
    """The samples of the window with the digests, where nothing is asked of other rows."""
    ways: list[Way[int]] = [ByDigest(ask) if asked.digests and not asked.excluded else InOrder(ask)]
    matches = partial(_all, caller, window, asked.on("s"))
    if asked.digests or asked.excluded:
        return SampleListing(caller, ask, ways, matches, gathering)
    by_row = by_latest_row(caller, ask.where, ask.order.names)
    ways = [Beginning(ask) if by_row is None else by_row, *ways]
    number, all_but = number_of_all_samples(caller, window), number_of_nearly_all_samples(caller, window)
    parts = parts_of(caller, window, ask.order.names) if number is None else None
    if parts is not None:
        return _of_readers(caller, window, ask, parts, ways)
    sees_all = see_samples(caller, "s", Permission.VIEW_SAMPLES) is TRUE
    is_quick = number is not None and sees_all
    first = partial(ask.order.ids, ask.where) if is_quick and by_row is None else no_query
    numbers = [*_known(number, is_told=True), *_known(all_but)]
    return SampleListing(
        caller, ask, ways, matches, gathering, numbers=numbers, first=first, is_quick=is_quick
    )


def _of_readers(
    caller: Caller, window: IndexWindow, ask: Ask, parts: SampleParts, others: Sequence[Way[int]]
) -> SampleListing:
    """The samples in the lists of a caller of few customers."""
    number = number_of_listed_samples(caller, window, parts.unlisted)
    # What is older than the window is counted, and the counting has a limit.
    is_told = number is not None and not parts.unlisted
    return SampleListing(
        caller,
        ask,
        [parts, *others],
        lambda: parts.matches,
        Gathering(),
        numbers=_known(number, is_told=is_told, has_one_plan=True),
        first=parts.first if parts.begins_with_listed else no_query,
        is_quick=is_told and parts.begins_with_listed,
    )


def _known(number: Sql | None, *, is_told: bool = False, has_one_plan: bool = False) -> list[Number]:
    return [] if number is None else [Number(number, is_told=is_told, has_one_plan=has_one_plan)]


def _of_range(
    caller: Caller, window: IndexWindow, ask: Ask, of_range: OfRange, asked: Demands
) -> SampleListing:
    """The samples of a range of creation times, where nothing else is asked for."""
    times, gathering = of_range.creation.times, Gathering()
    parts = parts_of_range(caller, window, times, ask.order.names)
    if parts is None:
        return SampleListing(caller, ask, [of_range], partial(_all, caller, window, asked.on("s")), gathering)
    number = number_of_listed_samples(caller, window, parts.unlisted, times)
    numbers = _known(number, has_one_plan=True)
    ways: list[Way[int]] = [parts, of_range]
    return SampleListing(caller, ask, ways, lambda: parts.matches, gathering, numbers=numbers)


def _lists(
    caller: Caller, window: IndexWindow, names: tuple[str, ...], looked_up: Callable[[Widths], Sql]
) -> Lists | None:
    parts = parts_of(caller, window, names)
    if parts is None:
        return None
    seen = see_samples(caller, "s", Permission.VIEW_SAMPLES)
    return Lists(parts, Sql("SELECT s.id FROM sample s WHERE {}", seen), looked_up)


def _may_be_found(caller: Caller, window: IndexWindow) -> Sql:
    return all_of([see_samples(caller, "s", Permission.VIEW_SAMPLES), lies_in_window(caller, "s", window)])


def _all(caller: Caller, window: IndexWindow, condition: Sql) -> Sql:
    """A query with one row for each sample `s` of the window for which the condition holds."""
    others = all_of([see_samples(caller, "s", Permission.VIEW_SAMPLES), condition])
    parts = [
        Sql("SELECT FROM sample s WHERE {} AND {}", part, others)
        for part in parts_of_window(caller, "s", window)
    ]
    return joined(" UNION ALL ", parts)


def _found(caller: Caller, window: IndexWindow, members: Members) -> Sql:
    """The source of all matches. The sample itself is read only where no row speaks for the sample."""
    # A subquery for one value: the planner makes no join, which would read the samples of the others, too.
    return Sql(
        """
        FROM ({}) m
         WHERE m.spoken_for OR (SELECT TRUE FROM sample s WHERE s.id = m.id AND {})
        """,
        members.spoken_for,
        _may_be_found(caller, window),
    )


#: the criteria lists: the field of the criterion, the kind of row looked at, and the filters of the row
ROW_LISTS: tuple[tuple[str, Kind, Filters[Any]], ...] = (
    ("submissions", SUBMISSION, rows.SUBMISSIONS),
    ("analyses", ANALYSIS, rows.ANALYSES),
    ("links", LINK, rows.LINKS),
    ("classifications", CLASSIFICATION, rows.CLASSIFICATIONS),
    ("verdicts", VERDICT, rows.VERDICTS),
    ("facts", FACT, rows.FACTS),
    ("derived", DERIVED, rows.DERIVED),
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
    if wanted.size != (None, None):
        found.append([sets.of_size(*wanted.size)])
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
