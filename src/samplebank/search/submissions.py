"""Search for submissions: what is asked for, and the list that answers it."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import NamedTuple, Protocol
from uuid import UUID

from samplebank.accounts.access import see_rows
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Columns, Connection, Page, Sql, Statement, all_of, any_of, one_of, order_by
from samplebank.database.times import TimeRange
from samplebank.search import rows
from samplebank.search.criteria import row_condition
from samplebank.search.filters import Filters
from samplebank.search.keywords import Keyword, Keywords, contains, digests, find_common, mentions
from samplebank.search.listing import SERIAL, Gathering, SearchListing, depth, planned
from samplebank.search.rows import SubmissionCriterion
from samplebank.search.window import IndexWindow
from samplebank.submissions.model import Submission

# The digest is looked up for the rows of the page only: PostgreSQL works such columns out after LIMIT.
COLUMNS = Columns.of(Submission, "u", sha256="(SELECT s.sha256 FROM sample s WHERE s.id = u.sample_id)")
FROM = "submission u"
LATEST_FIRST = "-observedTimestamp"
SORTS = {
    "fileName": "u.file_name",
    "mimeType": "u.mime_type",
    "expiryTimestamp": "u.expiry_time?",
    "observedTimestamp": "u.observed_time",
    "submittedTimestamp": "u.submitted_time",
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


class Way(Protocol):
    """A way to the submissions on a page."""

    async def rows(self, db: Connection, page: Page) -> list[Submission] | None:
        """The submissions in order; None where this way does not find the page."""


class InOrder(NamedTuple):
    """All submissions in the order that is asked for, until the page is full."""

    where: Sql
    order: str

    async def rows(self, db: Connection, page: Page) -> list[Submission] | None:
        async with planned(db, *SERIAL):
            return await _selected(db, self.where, self.order, page)


class AmongTheNewest(NamedTuple):
    """The newest few thousand submissions by the time in `column`, which fill most pages that begin with the newest."""

    where: Sql
    order: str
    column: str

    async def rows(self, db: Connection, page: Page) -> list[Submission] | None:
        newest = depth(page)
        if newest is None:
            return None
        async with planned(db, *SERIAL):
            since = await OLDEST_OF_NEWEST[self.column].value(db, newest=newest)
            where = all_of([self.where, Sql(f"u.{self.column} >= {{}}", since or 0)])
            found = await _selected(db, where, self.order, page)
        return found if len(found) == page.limit else None


class Gathered(NamedTuple):
    """All submissions that match, gathered with their number. `keys` are the columns of the order.

    `find` is given words that are too common to look for.
    """

    find: Callable[[frozenset[str]], Sql]
    keywords: Sequence[Keyword]
    keys: Sequence[str]
    order: str
    gathering: Gathering

    async def rows(self, db: Connection, page: Page) -> list[Submission] | None:
        query = Sql(
            f"""
            WITH found AS MATERIALIZED (
                SELECT {", ".join(dict.fromkeys(["u.id", *self.keys]))} FROM {FROM} WHERE {{}}
            )
            SELECT total.n, {COLUMNS.sql} FROM (SELECT count(*) AS n FROM found) total
              LEFT JOIN {FROM} ON u.id = ANY (ARRAY(SELECT u.id FROM found u {self.order} {page.clause()}))
             {self.order}
            """,
            self.find(await find_common(db, self.keywords)),
        )
        rows = await self.gathering.rows(db, query)
        # beside a page without rows the number stands alone
        return None if rows is None else [COLUMNS.read(row[1:]) for row in rows if row[1] is not None]


async def _selected(db: Connection, where: Sql, order: str, page: Page) -> list[Submission]:
    query = Sql(f"SELECT {COLUMNS.sql} FROM {FROM} WHERE {{}} {order} {page.clause()}", where)
    return [COLUMNS.read(row) for row in await query.rows(db)]


class SubmissionListing(SearchListing[Submission]):
    """Submissions that match, found by the first of `ways` that finds the page."""

    def __init__(self, where: Sql, order: str, ways: Sequence[Way], gathering: Gathering) -> None:
        super().__init__(COLUMNS, FROM, where, order, number=where.count(FROM))
        self.gathering = gathering
        self._ways = ways

    async def page(self, db: Connection, page: Page) -> list[Submission]:
        for way in self._ways:
            found = await way.rows(db, page)
            if found is not None:
                return found
        return []


def submissions_matching(
    caller: Caller, wanted: SubmissionSearch, window: IndexWindow, sort: Sequence[str] = ()
) -> SubmissionListing:
    """The submissions that match and that the caller may see, latest observed first unless sorted otherwise."""
    names = list(sort) or [LATEST_FIRST]
    order = order_by(names, SORTS, "u.id")
    where = matching(caller, wanted, window)
    gathering = Gathering()
    ways: list[Way] = []
    if wanted.keywords or wanted.meta_data or wanted.sub_criteria:
        # other conditions are counted in an index, without the rows
        keys = [SORTS[name.removeprefix("-")].removesuffix("?") for name in names]
        find = partial(matching, caller, wanted, window)
        ways.append(Gathered(find, wanted.all_keywords, keys, order, gathering))
    if len(names) == 1 and names[0] in SLICED and not (wanted.ids or wanted.samples):
        ways.append(AmongTheNewest(where, order, SLICED[names[0]]))
    ways.append(InOrder(where, order))
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
