"""Search for submissions: what is asked for, and the list that answers it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple
from uuid import UUID

from samplebank.accounts.access import see_rows
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Columns, Connection, Page, Statement, Where, order_by
from samplebank.database.times import TimeRange
from samplebank.search import rows
from samplebank.search.criteria import all_of, any_of, row_conditions
from samplebank.search.keywords import Keyword, Keywords, contains, digests, find_common, mentions
from samplebank.search.listing import SERIAL, SearchListing, depth, planned
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


class Everything(NamedTuple):
    """Writes the condition on all that is found, with what is known of its keywords; `keys` are what it is sorted by."""

    write: Callable[[frozenset[str]], Where]
    keywords: Sequence[Keyword]
    keys: Sequence[str]


class SubmissionListing(SearchListing[Submission]):
    """`sliced` is the column by which the newest rows are looked at first, if that helps; so for `everything`."""

    def __init__(
        self, where: Where, order: str, *, sliced: str | None, everything: Everything | None = None
    ) -> None:
        super().__init__(COLUMNS, FROM, where, order)
        self._sliced = sliced
        self._everything = everything

    async def page(self, db: Connection, page: Page) -> list[Submission]:
        gathered = await self._gathered(db, page)
        if gathered is not None:
            return gathered
        newest = depth(page)
        async with planned(db, *SERIAL):
            if self._sliced is not None and newest is not None:
                found = await self._within(db, page, newest, self._sliced)
                if len(found) == page.limit:
                    return found
            return await super().page(db, page)

    async def _gathered(self, db: Connection, page: Page) -> list[Submission] | None:
        if self._everything is None:
            return None
        where = self._everything.write(await find_common(db, self._everything.keywords))
        query = f"""
            WITH found AS MATERIALIZED (
                SELECT {", ".join(dict.fromkeys(["u.id", *self._everything.keys]))} FROM {FROM} WHERE {where.sql}
            )
            SELECT total.n, {COLUMNS.sql} FROM (SELECT count(*) AS n FROM found) total
              LEFT JOIN {FROM} ON u.id = ANY (ARRAY(SELECT u.id FROM found u {self.order} {page.clause()}))
             {self.order}
        """
        rows = await self._gather(db, query, where)
        # beside a page without rows the number stands alone
        return None if rows is None else [COLUMNS.read(row[1:]) for row in rows if row[1] is not None]

    async def _within(self, db: Connection, page: Page, newest: int, column: str) -> list[Submission]:
        since = await OLDEST_OF_NEWEST[column].value(db, newest=newest)
        where = self.where.copy()
        where.add(f"u.{column} >= {{}}", since or 0)
        query = f"SELECT {COLUMNS.sql} FROM {FROM} WHERE {where.sql} {self.order} {page.clause()}"
        return [COLUMNS.read(row) for row in await db.fetch(query, *where.parameters)]


def submissions_matching(
    caller: Caller, wanted: SubmissionSearch, window: IndexWindow, sort: Sequence[str] = ()
) -> SubmissionListing:
    """The submissions that match and that the caller may see, latest observed first unless sorted otherwise."""
    names = list(sort) or [LATEST_FIRST]
    few = bool(wanted.ids or wanted.samples)
    keys = [SORTS[name.removeprefix("-")].removesuffix("?") for name in names]
    everything = Everything(
        lambda common: matching(caller, wanted, window, common), wanted.all_keywords, keys
    )
    return SubmissionListing(
        matching(caller, wanted, window),
        order_by(names, SORTS, "u.id"),
        sliced=None if few or len(names) > 1 else SLICED.get(names[0]),
        # other conditions are counted in an index, without the rows
        everything=everything if wanted.keywords or wanted.meta_data or wanted.sub_criteria else None,
    )


def matching(
    caller: Caller, wanted: SubmissionSearch, window: IndexWindow, common: frozenset[str] | None = None
) -> Where:
    """The condition on a submission `u`; the index is not asked for words that are `common`."""
    where = Where()
    see_rows(where, caller, "u", Permission.VIEW_SUBMISSION)
    where.add("u.submitted_time >= {}", window.start)
    if window.end is not None:
        where.add("u.submitted_time <= {}", window.end)
    where.conditions.extend(conditions(where, wanted, common))
    return where


def conditions(where: Where, wanted: SubmissionSearch, common: frozenset[str] | None = None) -> list[str]:
    found = [
        *rows.is_one_of(where, "u.id", "uuid", wanted.ids),
        *rows.is_one_of(where, "u.customer_id", "bigint", wanted.customers),
        *rows.is_one_of(where, "u.tlp", "text", wanted.tlps),
        rows.of_submission(where, wanted),
    ]
    if wanted.samples:
        found.append(_of_samples(where, wanted.samples))
    if wanted.times.is_bounded:
        times = Where()
        times.parameters = where.parameters
        wanted.times.add_to(times)
        found.append(times.sql)
    if wanted.keywords is not None:
        keywords = wanted.keywords
        found.extend(_occurs(where, words, keywords.fields, common) for words in keywords.demands)
    found.extend(row_conditions(wanted.sub_criteria, lambda c: all_of(conditions(where, c, common))))
    return found


def _occurs(
    where: Where, words: tuple[Keyword, ...], fields: frozenset[str], common: frozenset[str] | None
) -> str:
    """At least one of the words is in at least one of the fields."""
    found = []
    if fields >= TEXTS.keys():
        found.append(mentions(where, "submission", "u", words, common))
    else:
        # the index finds the word in the text of the row; which field it is in shows the row itself
        texts = [contains(where, text, words) for name in TEXTS if name in fields for text in TEXTS[name]]
        if texts:
            found.append(f"({any_of(texts)}) AND {mentions(where, 'submission', 'u', words)}")
    ids = [word.id for word in words if word.id is not None]
    if ids and "id" in fields:
        found.append(f"u.id = ANY ({where.value(ids)}::uuid[])")
    samples = digests(words, "sha256")
    if samples and "sampleSha256" in fields:
        found.append(_of_samples(where, samples))
    tlps = [tlp for tlp in TLPS if any(word.text.lower() in tlp for word in words)]
    if tlps and "tlp" in fields:
        found.append(f"u.tlp = ANY ({where.value(tlps)}::text[])")
    return any_of(found)


def _of_samples(where: Where, samples: list[bytes]) -> str:
    found = f"SELECT id FROM sample WHERE sha256 = ANY ({where.value(samples)}::bytea[])"
    return f"u.sample_id = ANY (ARRAY({found}))"
