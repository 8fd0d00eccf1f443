"""Search for submissions: what is asked for, and the list that answers it."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple
from uuid import UUID

from samplebank.accounts.access import see_rows
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Columns, Connection, Page, Sql, Statement, all_of, any_of, one_of
from samplebank.database.counting import Count
from samplebank.database.listing import OrderedListing
from samplebank.database.ordering import BEGINNING, Key, Order
from samplebank.database.times import TimeRange
from samplebank.search import rows
from samplebank.search.criteria import row_condition
from samplebank.search.filters import Filters
from samplebank.search.keywords import Keyword, Keywords, contains, digests, find_common, mentions
from samplebank.search.listing import (
    MOST_GATHERED,
    SERIAL,
    TRY,
    Gathering,
    Way,
    depth,
    planned,
    rows_within,
)
from samplebank.search.rows import SubmissionCriterion
from samplebank.search.window import IndexWindow
from samplebank.submissions.model import Submission

# The digest is looked up for the rows of the page only: PostgreSQL works such columns out after LIMIT.
COLUMNS = Columns.of(Submission, "u", sha256="(SELECT s.sha256 FROM sample s WHERE s.id = u.sample_id)")
FROM = "submission u"
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
#: sorts that may look at the newest rows first, with their column
SLICED = {"-observedTimestamp": "observed_time", "-submittedTimestamp": "submitted_time"}
#: the time of the oldest of the newest submissions, by column
OLDEST_OF_NEWEST = {
    column: Statement(f"""
        SELECT min({column})
          FROM (SELECT {column} FROM submission ORDER BY {column} DESC, id DESC LIMIT :newest) newest
    """)
    for column in SLICED.values()
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
    """Everything that a submission search can ask for. All of it must hold; what is None or empty asks for nothing."""

    ids: list[UUID] | None = None
    samples: list[bytes] | None = None
    customers: list[int] | None = None
    tlps: list[str] | None = None
    times: TimeRange = TimeRange()
    keywords: Keywords | None = None
    sub_criteria: list["SubmissionSearch"] | None = None

    @property
    def all_keywords(self) -> list[Keyword]:
        own = self.keywords.words if self.keywords is not None else ()
        return [*own, *(word for one in self.sub_criteria or () for word in one.all_keywords)]


class InOrder(NamedTuple):
    """All submissions in the order that is asked for, until the page is full. Given up after so many `milliseconds`."""

    where: Sql
    order: Order
    milliseconds: int | None = None

    async def find(self, db: Connection, page: Page) -> Sequence[Submission] | None:
        query = self.order.rows(COLUMNS.selected, self.order.source, self.where, page)
        return _read(await rows_within(db, query, self.milliseconds))


class AmongTheNewest(NamedTuple):
    """The newest few thousand submissions by the time in `column`, which fill most pages that begin with the newest."""

    where: Sql
    order: Order
    column: str

    async def find(self, db: Connection, page: Page) -> Sequence[Submission] | None:
        newest = depth(page)
        if newest is None or page.after is not None:
            return None
        async with planned(db, *SERIAL):
            since = await OLDEST_OF_NEWEST[self.column].value(db, newest=newest)
            where = all_of([self.where, Sql(f"u.{self.column} >= {{}}", since or 0)])
            rows = await self.order.rows(COLUMNS.selected, self.order.source, where, page).rows(db)
        return _read(rows) if len(rows) == page.limit else None


class Gathered(NamedTuple):
    """All submissions that match, gathered with their number.

    `find_all` is given words that are too common to look for. Given up after so many `milliseconds`, and for a search for
    much.
    """

    find_all: Callable[[frozenset[str]], Sql]
    keywords: Sequence[Keyword]
    order: Order
    gathering: Gathering
    milliseconds: int | None = None

    async def find(self, db: Connection, page: Page) -> Sequence[Submission] | None:
        if self.gathering.is_much:
            return None
        query = self._gathered(self.find_all(await find_common(db, self.keywords)), page)
        rows = await rows_within(db, query, self.milliseconds)
        if rows is None:
            return None
        number = rows[0][0]
        is_all = number < MOST_GATHERED
        self.gathering.note(number, is_all=is_all)
        # beside a page without rows the number stands alone
        return _read([row[1:] for row in rows if row[1]]) if is_all else None

    def _gathered(self, where: Sql, page: Page) -> Sql:
        among = Sql(f"u.id IN (SELECT id FROM found) AND (SELECT count(*) < {MOST_GATHERED} FROM found)")
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
    """Submissions that match, found by the first of `ways` that finds the page."""

    is_dear = True

    def __init__(
        self, where: Sql, order: Order, ways: Sequence[Way[Submission]], gathering: Gathering
    ) -> None:
        super().__init__(COLUMNS, FROM, where, order)
        self._gathering = gathering
        self._ways = ways

    async def page(self, db: Connection, page: Page) -> list[Submission]:
        for way in self._ways:
            found = await way.find(db, page)
            if found is not None:
                return list(found)
        return []

    async def count(self, db: Connection, budget: float) -> Count:
        return self._gathering.count or await super().count(db, budget)


def submissions_matching(
    caller: Caller, wanted: SubmissionSearch, window: IndexWindow, sort: Sequence[str] = ()
) -> SubmissionListing:
    """The submissions that match and that the caller may see, latest observed first unless sorted otherwise."""
    order = Order(Sql(FROM), tuple(sort) or (LATEST_FIRST,), SORTS, Key("u.id", "uuid", field="id"))
    where = matching(caller, wanted, window)
    gathering = Gathering()
    column = SLICED.get(order.names[0]) if len(order.names) == 1 else None
    ways: list[Way[Submission]] = [InOrder(where, order)]
    if wanted.keywords or wanted.meta_data or wanted.sub_criteria:
        # other conditions are counted in an index, without the rows
        find = partial(matching, caller, wanted, window)
        tried = Gathered(find, wanted.all_keywords, order, gathering, TRY)
        in_order = InOrder(where, order, TRY) if column is None else AmongTheNewest(where, order, column)
        ways = [tried, in_order, tried._replace(milliseconds=None), *ways]
    elif column is not None and not (wanted.ids or wanted.samples):
        ways = [AmongTheNewest(where, order, column), *ways]
    return SubmissionListing(where, order, ways, gathering)


def matching(
    caller: Caller, wanted: SubmissionSearch, window: IndexWindow, common: frozenset[str] | None = None
) -> Sql:
    """The condition on a submission `u`; the index is not asked for words that are `common`."""
    conditions = [
        see_rows(caller, "u", Permission.VIEW_SUBMISSION),
        Sql("u.submitted_time >= {}", window.start),
    ]
    if window.end is not None:
        conditions.append(Sql("u.submitted_time <= {}", window.end))
    return all_of([*conditions, filters(common).condition(wanted)])


@lru_cache(64)
def filters(common: frozenset[str] | None) -> Filters[SubmissionSearch]:
    """What each field of a search asks for; the index is not asked for words that are `common`."""
    return Filters(
        SubmissionSearch,
        ids=lambda ids: one_of("u.id", "uuid", ids),
        customers=lambda customers: one_of("u.customer_id", "bigint", customers),
        tlps=rows.one_of_texts("u.tlp"),
        **rows.OF_SUBMISSION,
        samples=_of_samples,
        times=lambda times: times.condition,
        keywords=lambda keywords: all_of(
            [_occurs(words, keywords.fields, common) for words in keywords.demands]
        ),
        sub_criteria=lambda criteria: row_condition(criteria, filters(common).condition),
    )


def _occurs(words: tuple[Keyword, ...], fields: frozenset[str], common: frozenset[str] | None) -> Sql:
    """At least one of the words is in at least one of the fields."""
    found = []
    if fields >= TEXTS.keys():
        found.append(mentions("submission", "u", words, common))
    else:
        # the index finds the word in the text of the row; which field it is in shows the row itself
        texts = [contains(text, words) for name in TEXTS if name in fields for text in TEXTS[name]]
        if texts:
            found.append(all_of([any_of(texts), mentions("submission", "u", words)]))
    ids = [word.id for word in words if word.id is not None]
    if ids and "id" in fields:
        found.append(one_of("u.id", "uuid", ids))
    samples = digests(words, "sha256")
    if samples and "sampleSha256" in fields:
        found.append(_of_samples(samples))
    tlps = [tlp for tlp in TLPS if any(word.text.lower() in tlp for word in words)]
    if tlps and "tlp" in fields:
        found.append(one_of("u.tlp", "text", tlps))
    return any_of(found)


def _of_samples(samples: list[bytes]) -> Sql:
    found = Sql("SELECT id FROM sample WHERE {}", one_of("sha256", "bytea", samples))
    return Sql("u.sample_id = ANY (ARRAY({}))", found)
