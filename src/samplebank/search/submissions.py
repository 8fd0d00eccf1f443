"""Search for submissions: the demands of the search, and the list of the answer."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple
from uuid import UUID

from samplebank.accounts.access import see_rows
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import TRUE, Connection, Page, Sql, all_of, any_of, one_of
from samplebank.database.counting import Count, count_rows, tallied
from samplebank.database.listing import OrderedListing, TalliedListing
from samplebank.database.ordering import BEGINNING, Key, Order
from samplebank.database.planning import estimated
from samplebank.database.times import TimeRange
from samplebank.search import rows
from samplebank.search.criteria import row_condition
from samplebank.search.filters import Filters
from samplebank.search.keywords import (
    Keyword,
    Keywords,
    contains,
    digests_among,
    find_common,
    keywords_in_parts,
    mentions,
)
from samplebank.search.listing import MOST_GATHERED, PATIENCE, Gathering, Way, rows_within
from samplebank.search.numbers import (
    number_of_all_submissions,
    number_of_nearly_all_submissions,
    number_of_read_submissions,
)
from samplebank.search.rows import SubmissionCriterion
from samplebank.search.submission_parts import COLUMNS, FROM, Parts, parts_of
from samplebank.search.widths import LITTLE
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


class InOrder(NamedTuple):
    """All submissions in the requested order, until the page is full. Given up after so many `milliseconds`."""

    where: Sql
    order: Order
    milliseconds: int | None = None

    async def find(self, db: Connection, page: Page) -> Sequence[Submission] | None:
        query = self.order.rows(COLUMNS.selected, self.order.source, self.where, page)
        return _read(await rows_within(db, query, self.milliseconds))


class Much(NamedTuple):
    """A search for much: submissions in the requested order, with a look at each, until the page is full.

    Given up after so many `milliseconds`, and for a search for little. `walked` is the condition without indexes of words.
    """

    where: Sql
    walked: Sql
    order: Order
    gathering: Gathering
    milliseconds: int | None = PATIENCE
    little: float = LITTLE

    async def find(self, db: Connection, page: Page) -> Sequence[Submission] | None:
        if not self.gathering.is_much:
            (matches,) = await estimated(db, [Sql(f"SELECT FROM {FROM} WHERE {{}}", self.where)]) or [0.0]
            if matches <= self.little:
                return None
        found = await InOrder(self.walked, self.order, self.milliseconds).find(db, page)
        if found is not None and self.gathering.count is None:
            self.gathering.count = Count(page.offset + len(found), is_exact=False)
        return found


class Gathered(NamedTuple):
    """All matching submissions, gathered with the number of matches.

    `find_all` is given words too common to look for. Given up for a search for much.
    """

    find_all: Callable[[frozenset[str]], Sql]
    keywords: Sequence[Keyword]
    order: Order
    gathering: Gathering

    async def find(self, db: Connection, page: Page) -> Sequence[Submission] | None:
        if self.gathering.is_much:
            return None
        query = self._gathered(self.find_all(await find_common(db, self.keywords)), page)
        rows = await rows_within(db, query, None)
        if rows is None:
            return None
        number = rows[0][0]
        is_all = number < MOST_GATHERED
        self.gathering.note(number, is_all=is_all)
        # beside a page without rows the number stands alone
        return _read([row[1:] for row in rows if row[1]]) if is_all else None

    def _gathered(self, where: Sql, page: Page) -> Sql:
        # an array, of which the planner expects few: the submissions are found by their ids, and sorted
        little = f"SELECT id FROM found WHERE (SELECT count(*) < {MOST_GATHERED} FROM found)"
        among = Sql(f"u.id = ANY (ARRAY({little}))")
        return Sql(
            f"""
            WITH found AS MATERIALIZED (SELECT u.id FROM {FROM} WHERE {{}} LIMIT {MOST_GATHERED})
            SELECT total.n, {COLUMNS.sql} FROM (SELECT count(*) AS n FROM found) total
              LEFT JOIN {FROM} ON u.id = ANY (ARRAY({{}})) {self.order.sql}
            """,
            where,
            self.order.ids(among, page),
        )


def _read(rows: Sequence[Any] | None) -> list[Submission] | None:
    return None if rows is None else [COLUMNS.read(row) for row in rows]


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
        return SubmissionListing(where, order, ways, gathering, number=None)
    number = number_of_all_submissions(caller, window)
    if number is not None and see_rows(caller, "u", Permission.VIEW_SUBMISSION) is TRUE:
        return TalliedListing(COLUMNS, FROM, where, order, number)
    parts = parts_of(caller, _lies_in(window), order)
    if parts:
        ways, number = [parts, *ways], number_of_read_submissions(caller, window)
    all_but = number_of_nearly_all_submissions(caller, window)
    return SubmissionListing(where, order, ways, gathering, number=number, parts=parts, all_but=all_but)


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
