"""Search for submissions: the demands of the search, and the list of the answer."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from uuid import UUID

import msgspec

from samplebank.accounts.access import see_rows
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import TRUE, Connection, Page, Sql, all_of, any_of, one_of
from samplebank.database.counting import Count, count_rows, tallied
from samplebank.database.listing import OrderedListing, TalliedListing
from samplebank.database.ordering import BEGINNING, Key, Order
from samplebank.database.times import TimeRange
from samplebank.search import rows
from samplebank.search.criteria import row_condition
from samplebank.search.filters import Filters
from samplebank.search.keywords import (
    Keyword,
    Keywords,
    contains,
    digests_among,
    keywords_in_parts,
    mentions,
)
from samplebank.search.listing import Gathering, Way
from samplebank.search.numbers import (
    number_of_all_submissions,
    number_of_nearly_all_submissions,
    number_of_read_submissions,
    number_of_submissions_of,
)
from samplebank.search.rows import SubmissionCriterion
from samplebank.search.submission_parts import COLUMNS, FROM, Parts, parts_of
from samplebank.search.submission_ranges import SUBMITTED, OfRange
from samplebank.search.submission_ways import Gathered, InOrder, Much
from samplebank.search.window import IndexWindow
from samplebank.submissions.model import Submission

LATEST_FIRST = "-observedTimestamp"
SORTS = {
    "fileName": Key(f"left(u.file_name, {BEGINNING})", "text", field="file_name"),
    "mimeType": Key(f"left(u.mime_type, {BEGINNING})", "text", field="mime_type"),
    "expiryTimestamp": Key("u.expiry_time", may_be_null=True, field="expiry_time"),
    "observedTimestamp": Key("u.observed_time", field="observed_time"),
    "submittedTimestamp": Key("u.submitted_time", field="submitted_time"),
}
TIMES = {
    "submittedTimestamp": "u.submitted_time",
    "observedTimestamp": "u.observed_time",
    "expiryTimestamp": "u.expiry_time",
}
TLPS = ("amber", "green", "clear")
#: the text of one field, inside the text of the row that the index knows
TEXTS = {
    "fileName": ("lower(u.file_name)",),
    "mimeType": ("lower(u.mime_type)",),
    "metaData": ("lower(values_text(u.meta_data))",),
    "userAgent": ("lower(u.agent_name)", "lower(u.agent_version)"),
}
KEYWORD_FIELDS = ("id", "sampleSha256", "tlp", *TEXTS)


class SubmissionSearch(SubmissionCriterion, frozen=True, kw_only=True):
    """All demands of a submission search. Every demand must hold; None or an empty list demands nothing."""

    ids: list[UUID] | None = None
    samples: list[bytes] | None = None
    customers: list[int] | None = None
    tlps: list[str] | None = None
    times: TimeRange = TimeRange()
    keywords: Keywords | None = None
    sub_criteria: list["SubmissionSearch"] | None = None


class SubmissionListing(OrderedListing[Submission]):
    """Matching submissions, found by the first of `ways` that finds the page.

    `number` is an expression for the number of matches, where a tally knows, and `all_but` a slower expression. `parts`
    are the same submissions, where an index has the submissions without the rows of others.
    """

    def __init__(
        self,
        where: Sql,
        order: Order,
        ways: Sequence[Way[Submission]],
        gathering: Gathering,
        *,
        number: Sql | None,
        parts: Parts | None = None,
        all_but: Sql | None = None,
    ) -> None:
        super().__init__(COLUMNS, FROM, where, order)
        self._parts = parts
        self._all_but = all_but
        self._gathering = gathering
        self.ways = ways
        self._number = number
        self.is_dear = number is None and all_but is None

    @property
    def known_count(self) -> Count | None:
        return self._gathering.count

    async def page(self, db: Connection, page: Page) -> list[Submission]:
        for way in self.ways:
            found = await way.find(db, page)
            if found is not None:
                return list(found)
        return []

    async def count(self, db: Connection, budget: float) -> Count:
        known = self._gathering.count or await tallied(db, self._number)
        if known is None and self._parts is not None:
            return await count_rows(db, self._parts.matches, budget)
        known = known or await tallied(db, self._all_but, budget)
        return known or await super().count(db, budget)


def submissions_matching(
    caller: Caller, wanted: SubmissionSearch, window: IndexWindow, sort: Sequence[str] = ()
) -> OrderedListing[Submission]:
    """The matching submissions that the caller may see, latest observed first unless sorted otherwise."""
    order = Order(Sql(FROM), tuple(sort) or (LATEST_FIRST,), SORTS, Key("u.id", "uuid", field="id"))
    where = matching(caller, wanted, window)
    gathering = Gathering()
    ways: list[Way[Submission]] = [InOrder(where, order)]
    if wanted.keywords or wanted.meta_data or wanted.sub_criteria:
        find = partial(matching, caller, wanted, window)
        gathered = Gathered(find, keywords_in_parts(wanted), order, gathering)
        walked = matching(caller, wanted, window, by_index=False)
        much = Much(where, walked, order, gathering)
        ways = [much, gathered, much._replace(milliseconds=None)]
    if wanted != SubmissionSearch():
        ranged = OfRange.of(where, order, wanted.times)
        if ranged is not None and len(ways) == 1:
            ways = [ranged]
        number = _number_of_range(caller, wanted, window)
        return SubmissionListing(where, order, ways, gathering, number=None, all_but=number)
    number = number_of_all_submissions(caller, window)
    if number is not None and see_rows(caller, "u", Permission.VIEW_SUBMISSION) is TRUE:
        return TalliedListing(COLUMNS, FROM, where, order, number)
    parts = parts_of(caller, _lies_in(window), order)
    if parts:
        ways, number = [parts, *ways], number_of_read_submissions(caller, window)
    all_but = number_of_nearly_all_submissions(caller, window)
    return SubmissionListing(where, order, ways, gathering, number=number, parts=parts, all_but=all_but)


def _number_of_range(caller: Caller, wanted: SubmissionSearch, window: IndexWindow) -> Sql | None:
    """An expression for the number of submissions that were submitted in a range, where nothing else is asked for."""
    times = wanted.times
    others = filters(None, by_index=True).condition(msgspec.structs.replace(wanted, times=TimeRange()))
    return (
        number_of_submissions_of(caller, window, times)
        if others is TRUE and times.fields == (SUBMITTED,)
        else None
    )


def matching(
    caller: Caller,
    wanted: SubmissionSearch,
    window: IndexWindow,
    common: frozenset[str] | None = None,
    *,
    by_index: bool = True,
) -> Sql:
    """The condition on a submission `u`; the index is not asked for `common` words, and without `by_index` for no word."""
    visible = see_rows(caller, "u", Permission.VIEW_SUBMISSION)
    return all_of([visible, _lies_in(window), filters(common, by_index=by_index).condition(wanted)])


def _lies_in(window: IndexWindow) -> Sql:
    since = Sql("u.submitted_time >= {}", window.start)
    return since if window.end is None else all_of([since, Sql("u.submitted_time <= {}", window.end)])


@lru_cache(64)
def filters(common: frozenset[str] | None, *, by_index: bool) -> Filters[SubmissionSearch]:
    """The condition of each field of a search; the index is asked for words as in `matching`."""
    return Filters(
        SubmissionSearch,
        ids=lambda ids: one_of("u.id", "uuid", ids),
        customers=lambda customers: one_of("u.customer_id", "bigint", customers),
        tlps=rows.one_of_texts("u.tlp"),
        **rows.OF_SUBMISSION,
        samples=_of_samples,
        times=lambda times: times.condition,
        keywords=lambda keywords: all_of(
            [
                _occurs(words, keywords.fields, partial(mentions, common=common, by_index=by_index))
                for words in keywords.demands
            ]
        ),
        sub_criteria=lambda criteria: row_condition(criteria, filters(common, by_index=by_index).condition),
    )


def _occurs(words: tuple[Keyword, ...], fields: frozenset[str], mention: Callable[..., Sql]) -> Sql:
    """At least one word is in at least one field. `mention` is `mentions`, with a way to use the index."""
    found = []
    if fields >= TEXTS.keys():
        found.append(mention("submission", "u", words))
    else:
        # the index finds the word in the text of the row; which field it is in shows the row itself
        texts = [contains(text, words) for name in TEXTS if name in fields for text in TEXTS[name]]
        if texts:
            found.append(all_of([any_of(texts), mention("submission", "u", words, common=None)]))
    ids = [word.id for word in words if word.id is not None]
    if ids and "id" in fields:
        found.append(one_of("u.id", "uuid", ids))
    samples = digests_among(words).get("sha256")
    if samples and "sampleSha256" in fields:
        found.append(_of_samples(samples))
    tlps = [tlp for tlp in TLPS if any(word.text.lower() in tlp for word in words)]
    if tlps and "tlp" in fields:
        found.append(one_of("u.tlp", "text", tlps))
    return any_of(found)


def _of_samples(samples: list[bytes]) -> Sql:
    found = Sql("SELECT id FROM sample WHERE {}", one_of("sha256", "bytea", samples))
    return Sql("u.sample_id = ANY (ARRAY({}))", found)
