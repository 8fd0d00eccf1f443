"""Queries for the ids of samples, over those of their rows that the caller may see: nothing else is ever matched on."""

from typing import NamedTuple

import msgspec

from samplebank.accounts.access import see_rows, see_samples, sees_judgement, submissions_open_samples
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import Where
from samplebank.database.times import TimeRange
from samplebank.search.criteria import all_of, any_of
from samplebank.search.keywords import Keyword, contains, digests, mentions
from samplebank.search.window import IndexWindow, lies_in, lies_in_window


class Kind(NamedTuple):
    """A kind of row that a sample has, with the permission to see it.

    Rows without readers are seen with their sample, which is `owner` then. It is also read where it alone tells
    whether the row is `current`: a sample is what its latest classification and its latest verdict say, those that its
    metadata show.
    """

    alias: str
    table: str
    permission: Permission
    owner: str | None = None
    current: str = "TRUE"
    current_by_owner: bool = False


SUBMISSION = Kind("u", "submission", Permission.VIEW_SUBMISSION)
ANALYSIS = Kind("a", "analysis", Permission.VIEW_ANALYSIS)
LINK = Kind("l", "link", Permission.VIEW_ANALYSIS)
FACT = Kind("f", "static_fact", Permission.VIEW_SAMPLES, "o.id = f.sample_id")
CLASSIFICATION = Kind(
    "c",
    "classification",
    Permission.VIEW_SAMPLES,
    "o.id = c.sample_id",
    "o.classification_id = c.id",
    current_by_owner=True,
)
VERDICT = Kind("v", "verdict", Permission.VIEW_SAMPLES, "o.id = v.sample_id", "v.latest")

KEYWORD_KINDS = {
    "submission": SUBMISSION,
    "analysis": ANALYSIS,
    "link": LINK,
    "classification": CLASSIFICATION,
    "verdict": VERDICT,
    "fact": FACT,
}
DIGESTS = ("sha256", "sha512", "sha1", "md5")
USER_KINDS = {"submittedByUser": SUBMISSION, "analysedByUser": ANALYSIS, "linkedByUser": LINK}
#: the rows whose own times are searched; the sample's and those over several submissions are written out below
ROW_TIMES = {
    "classificationCreated": (CLASSIFICATION, "c.created_time"),
    "submissionCreated": (SUBMISSION, "u.submitted_time"),
    "submissionObserved": (SUBMISSION, "u.observed_time"),
    "submissionExpiry": (SUBMISSION, "u.expiry_time"),
    "analysisCreated": (ANALYSIS, "a.created_time"),
    "linkCreated": (LINK, "l.created_time"),
}
SAMPLE_CREATED = "sampleCreated"
FIRST_SUBMITTED = "firstSubmitted"
LAST_SUBMITTED = "lastSubmitted"
TIME_FIELDS = (SAMPLE_CREATED, *ROW_TIMES, FIRST_SUBMITTED, LAST_SUBMITTED)


#: the condition of who sees all rows
EVERY_ROW = Where().sql


class Slice(msgspec.Struct, frozen=True):
    """The newest part of all samples: those with at least this id and this creation time."""

    least_id: int
    since: int


class Members(NamedTuple):
    """A set of samples: the column of their ids, what it comes from, and when a row of it speaks for its sample.

    A row that does proves by being there that the sample may be found at all, so that the sample need not be read.
    """

    id: str
    source: str
    speaks: str = "FALSE"

    @property
    def ids(self) -> str:
        return f"SELECT {self.id} AS id {self.source}"

    @property
    def spoken_for(self) -> str:
        return f"SELECT {self.id} AS id, {self.speaks} AS spoken_for {self.source}"


class Sets:
    """Writes sets of samples whose parameters go to `where`.

    `window` is that of the search, `part` what it is limited to, `common` the words that are too common to look for.
    """

    def __init__(
        self,
        where: Where,
        caller: Caller,
        window: IndexWindow | None = None,
        *,
        part: Slice | None = None,
        common: frozenset[str] | None = None,
    ) -> None:
        self.where = where
        self._caller = caller
        self._window = window
        self._part = part
        self._common = common
        self._visible: dict[Kind, str] = {}

    def with_row(self, kind: Kind, condition: str) -> Members:
        """The samples that have a visible row of this kind with which the condition holds."""
        conditions = [condition, kind.current, self.visible(kind)]
        source = f"{kind.table} {kind.alias}"
        if self._reads_owner(kind):
            source += f" JOIN sample o ON {kind.owner}"
        if self._part is not None:
            conditions.append(f"{kind.alias}.sample_id >= {self.where.value(self._part.least_id)}")
        return Members(
            f"{kind.alias}.sample_id", f"FROM {source} WHERE {all_of(conditions)}", self._speaks(kind)
        )

    def _reads_owner(self, kind: Kind) -> bool:
        return kind.owner is not None and (kind.current_by_owner or self.visible(kind) != EVERY_ROW)

    def _speaks(self, kind: Kind) -> str:
        """When a visible row of this kind shows that its sample may be found."""
        window = self._window
        if window is None:
            return "FALSE"
        if self._reads_owner(kind):
            within = Where()
            within.parameters = self.where.parameters
            lies_in_window(within, self._caller, "o", window)
            return within.sql
        # A sample is active no earlier than its submissions and verdicts, and is deleted after them. That it was
        # created before an end that is given can only be read from itself.
        if window.end is None and kind is SUBMISSION and submissions_open_samples(self._caller):
            return f"u.submitted_time >= {self.where.value(window.start)}"
        if window.end is None and kind is VERDICT:
            return f"v.created_time >= {self.where.value(window.start)}"
        return "FALSE"

    def visible(self, kind: Kind) -> str:
        """The condition that the caller may see the row; written once for each kind."""
        known = self._visible.get(kind)
        if known is None:
            apart = Where()
            apart.parameters = self.where.parameters
            if kind.owner is None:
                see_rows(apart, self._caller, kind.alias, kind.permission)
            else:
                # the sample that is found is checked anyway; said here, it keeps out the rows of all other customers
                see_samples(apart, self._caller, "o", kind.permission)
            known = self._visible[kind] = apart.sql
        return known

    def with_words(self, words: tuple[Keyword, ...], fields: frozenset[str]) -> list[Members]:
        """Where at least one of the words occurs: one query for each field in which any can."""
        sets = []
        for algorithm in DIGESTS:
            wanted = digests(words, algorithm)
            if wanted and algorithm in fields:
                sets.append(self.with_digest(algorithm, wanted))
        for name, kind in KEYWORD_KINDS.items():
            if name in fields:
                said = mentions(self.where, kind.table, kind.alias, words, self._common)
                sets.append(self.with_row(kind, self._readable(said, words) if kind is VERDICT else said))
        references = digests(words, "sha256")
        if references and "link" in fields:
            sets.append(self.with_row(LINK, f"l.reference = ANY ({self.where.value(references)}::bytea[])"))
        return sets

    def _readable(self, said: str, words: tuple[Keyword, ...]) -> str:
        """That a verdict mentions a word where the caller may read it: the comment of a judgement is not for everybody."""
        judgement = sees_judgement(self.where, self._caller, "v.judged_for")
        if judgement == EVERY_ROW:
            return said
        override = contains(self.where, "coalesce(v.status_override, '')", words)
        return all_of([said, any_of(["NOT v.manual", judgement, override])])

    def with_digest(self, algorithm: str, wanted: list[bytes]) -> Members:
        return Members(
            "h.id", f"FROM sample h WHERE h.{algorithm} = ANY ({self.where.value(wanted)}::bytea[])"
        )

    def at_time(self, field: str, times: TimeRange) -> Members:
        """Where the time of this name lies within the bounds."""
        if field == SAMPLE_CREATED:
            return Members("t.id", f"FROM sample t WHERE {lies_in(self.where, 't.created_time', times)}")
        if field in ROW_TIMES:
            kind, column = ROW_TIMES[field]
            return self.with_row(kind, lies_in(self.where, column, times))
        return self._at_edge(times, first=field == FIRST_SUBMITTED)

    def _at_edge(self, times: TimeRange, *, first: bool) -> Members:
        """The first (or last) submission that the caller sees lies within: it does, and none lies before (after)."""
        condition = lies_in(self.where, "u.submitted_time", times)
        bound = times.start if first else times.end
        if bound is not None:
            beyond = f"e.submitted_time {'<' if first else '>='} {self.where.value(bound)}"
            seen = self.visible(SUBMISSION._replace(alias="e"))
            condition += f" AND NOT EXISTS (SELECT FROM submission e WHERE e.sample_id = u.sample_id AND {beyond} AND {seen})"
        return self.with_row(SUBMISSION, condition)
