"""Queries for the ids of samples. A query matches only on rows that the caller may see."""

from typing import NamedTuple

import msgspec

from samplebank.accounts.access import see_rows, see_samples, sees_judgement, submissions_open_samples
from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.database import FALSE, TRUE, Sql, all_of, any_of, one_of
from samplebank.database.times import TimeRange
from samplebank.search.keywords import Keyword, contains, digests_among, mentions, patterns_of
from samplebank.search.window import IndexWindow, lies_in_window


class Kind(NamedTuple):
    """A kind of row of a sample, with the permission to see the row.

    Rows without readers are seen with the sample, which is `owner` then. The sample is also read where only the sample tells
    whether the row is `current`: a sample is what the latest classification and the latest verdict say, as the metadata of
    the sample show both.
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
DERIVED = Kind("d", "derived_value", Permission.VIEW_SAMPLES, "o.id = d.sample_id")
CLASSIFICATION = Kind(
    "c",
    "classification",
    Permission.VIEW_SAMPLES,
    "o.id = c.sample_id",
    # `coalesce` hides the comparison. Else the planner multiplies the shares of comparison and owner, and expects a single row.
    "coalesce(o.classification_id = c.id, false)",
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
#: what everybody reads of a verdict by hand, as keywords search the texts. A withdrawal has the tags of the analyses
TOLD_TO_ALL = ("coalesce(v.status_override, '')", "lower(values_text(v.tags))")
DIGESTS = ("sha256", "sha512", "sha1", "md5")
USER_KINDS = {"submittedByUser": SUBMISSION, "analysedByUser": ANALYSIS, "linkedByUser": LINK}
#: rows with own times; times of the sample, and times over several submissions, are written out below
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


class Slice(msgspec.Struct, frozen=True):
    """The newest part of all samples: from an id and a creation time on."""

    least_id: int
    since: int


class Members(NamedTuple):
    """A set of samples: the column of ids, the source, and the condition on which a row speaks for its sample.

    A row that speaks for a sample proves that the sample may be found, so the sample itself need not be read.
    """

    id: str
    source: Sql
    speaks: Sql = FALSE

    @property
    def ids(self) -> Sql:
        return Sql(f"SELECT {self.id} AS id {{}}", self.source)

    def has(self, sample: str) -> Sql:
        """The sample has a row of the set, looked up for each sample by itself.

        One value of a subquery: the planner makes no join.
        """
        return Sql(f"(SELECT TRUE {{}} AND {self.id} = {sample} LIMIT 1)", self.source)

    @property
    def spoken_for(self) -> Sql:
        return Sql(f"SELECT {self.id} AS id, {{}} AS spoken_for {{}}", self.speaks, self.source)


class Sets:
    """Writes sets of samples.

    `window` is the window of the search, `part` the limit of the search, `common` the words too common to look for. Without
    `by_index` keywords are looked for in rows known otherwise.
    """

    def __init__(
        self,
        caller: Caller,
        window: IndexWindow | None = None,
        *,
        part: Slice | None = None,
        common: frozenset[str] | None = None,
        by_index: bool = True,
    ) -> None:
        self._caller = caller
        self._window = window
        self._part = part
        self._common = common
        self._by_index = by_index
        self._visible: dict[Kind, Sql] = {}

    def with_row(self, kind: Kind, condition: Sql) -> Members:
        """The samples with a visible row of the kind for which the condition holds."""
        conditions = [condition, Sql(kind.current), self.visible(kind)]
        source = f"{kind.table} {kind.alias}"
        if self._reads_owner(kind):
            source += f" JOIN sample o ON {kind.owner}"
        if self._part is not None:
            conditions.append(Sql(f"{kind.alias}.sample_id >= {{}}", self._part.least_id))
        return Members(
            f"{kind.alias}.sample_id",
            Sql(f"FROM {source} WHERE {{}}", all_of(conditions)),
            self._speaks(kind),
        )

    def _reads_owner(self, kind: Kind) -> bool:
        return kind.owner is not None and (kind.current_by_owner or self.visible(kind) is not TRUE)

    def _speaks(self, kind: Kind) -> Sql:
        """The condition on which a visible row of the kind shows that the sample may be found."""
        window = self._window
        if window is None:
            return FALSE
        if self._reads_owner(kind):
            return lies_in_window(self._caller, "o", window)
        # A sample is active no earlier than its submissions and verdicts, and is deleted later. Whether a sample was
        # created before a given end can only be read from the sample.
        if window.end is None and kind is SUBMISSION and submissions_open_samples(self._caller):
            return Sql("u.submitted_time >= {}", window.start)
        if window.end is None and kind is VERDICT:
            return Sql("v.created_time >= {}", window.start)
        return FALSE

    def visible(self, kind: Kind) -> Sql:
        """The condition that the caller may see the row; made once for each kind."""
        known = self._visible.get(kind)
        if known is None:
            if kind.owner is None:
                known = see_rows(self._caller, kind.alias, kind.permission)
            else:
                # the found sample is checked anyway; said here, the condition keeps out the rows of all other customers
                known = see_samples(self._caller, "o", kind.permission)
            self._visible[kind] = known
        return known

    def with_words(self, words: tuple[Keyword, ...], fields: frozenset[str]) -> list[Members]:
        """Where at least one of the words occurs: one query for each field where a word can occur."""
        digests = digests_among(words)
        asked = [algorithm for algorithm in DIGESTS if algorithm in digests and algorithm in fields]
        sets = [self.with_digest(algorithm, digests[algorithm]) for algorithm in asked]
        patterns = patterns_of(words)
        for name, kind in KEYWORD_KINDS.items():
            if name in fields:
                said = mentions(
                    kind.table, kind.alias, words, self._common, by_index=self._by_index, patterns=patterns
                )
                sets.append(self.with_row(kind, self._readable(said, words) if kind is VERDICT else said))
        if "sha256" in digests and "link" in fields:
            sets.append(self.with_row(LINK, one_of("l.reference", "bytea", digests["sha256"])))
        return sets

    def _readable(self, said: Sql, words: tuple[Keyword, ...]) -> Sql:
        """A verdict mentions a word where the caller may read: the comment of a judgement is not for everybody."""
        judgement = sees_judgement(self._caller, "v.judged_for")
        if judgement is TRUE:
            return said
        told = [contains(text, words) for text in TOLD_TO_ALL]
        return all_of([said, any_of([Sql("NOT v.manual"), judgement, *told])])

    def with_digest(self, algorithm: str, wanted: list[bytes]) -> Members:
        return Members("h.id", Sql("FROM sample h WHERE {}", one_of(f"h.{algorithm}", "bytea", wanted)))

    def of_size(self, least: int | None, below: int | None) -> Members:
        """Of at least so many bytes, and of fewer than so many."""
        bounds = [(">=", least), ("<", below)]
        lies = [Sql(f"z.size {sign} {{}}", bound) for sign, bound in bounds if bound is not None]
        return Members("z.id", Sql("FROM sample z WHERE {}", all_of(lies)))

    def at_time(self, field: str, times: TimeRange) -> Members:
        """The named time lies within the bounds."""
        if field == SAMPLE_CREATED:
            return Members("t.id", Sql("FROM sample t WHERE {}", times.within("t.created_time")))
        if field in ROW_TIMES:
            kind, column = ROW_TIMES[field]
            return self.with_row(kind, times.within(column))
        return self._at_edge(times, first=field == FIRST_SUBMITTED)

    def _at_edge(self, times: TimeRange, *, first: bool) -> Members:
        """The first (or last) submission in the caller's sight lies within the bounds, and no other before (after)."""
        lies = times.within("u.submitted_time")
        bound = times.start if first else times.end
        if bound is not None:
            beyond = Sql(f"e.submitted_time {'<' if first else '>='} {{}}", bound)
            seen = self.visible(SUBMISSION._replace(alias="e"))
            none = "NOT EXISTS (SELECT FROM submission e WHERE e.sample_id = u.sample_id AND {} AND {})"
            lies = all_of([lies, Sql(none, beyond, seen)])
        return self.with_row(SUBMISSION, lies)
