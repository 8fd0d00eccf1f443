"""The criteria of searches: the shapes in requests, named as in the contract, and the reader of the criteria."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from samplebank.accounts.caller import Caller, sees_customer, unseen
from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.database.times import TimeRange
from samplebank.errors import Violations
from samplebank.http.shapes import Body
from samplebank.http.validation import read_time
from samplebank.samples.model import pasted
from samplebank.search.keywords import Keywords, read_keyword
from samplebank.search.window import IndexWindow
from samplebank.spelling import respelled
from samplebank.timespec import Millis

T = TypeVar("T")
START = "now - 1 month"
END = "now"
#: the most values of a list
MOST_VALUES = 10_000
#: the most entries of a criteria list: each entry becomes a query of its own
MOST_CRITERIA = 50
#: the most keywords that are demanded together: each keyword becomes a query of its own
MOST_DEMANDED = 100

#: a list of which any value may match; repetitions do no harm
Listed = Annotated[list[T], Meta(max_length=MOST_VALUES, extra_json_schema={"x-set": True})]
#: a criteria list
Criteria = Annotated[list[T], Meta(max_length=MOST_CRITERIA, extra_json_schema={"x-set": True})]
Value = Annotated[str, Meta(max_length=100_000)]
#: a customer or a user, by id or short name
Reference = int | str
#: the fewest characters of a keyword
SHORTEST = 3
Word = Annotated[str, Meta(min_length=SHORTEST, max_length=4096)]
Path = Annotated[str, Meta(min_length=1, max_length=4096)]
Strategy = Literal["all", "any"]
SubmissionFlag = Literal[
    "trustedAgent", "eventGeneratedNormal", "eventGeneratedAlerted", "eventGeneratedAlertedFlood"
]
VerdictFlag = Literal["manual", "shared", "contradictingStatusOverrides"]
Score = Annotated[int, Meta(ge=-1, le=100)]


class Choice(Body):
    """An entry of a criteria list. Of the entries neither required nor excluded, at least one must match."""

    required: bool | None = None
    exclude: bool | None = None


class UserAgentCriteria(Body):
    name: Listed[Value] | None = None
    version: Listed[Value] | None = None


class MetaDataSearchRequest(Choice):
    path: Path | None = None
    value: Listed[Value] | None = None


class AnalysisTagCriteria(Body):
    type: Literal["family", "behaviour", "yara"]
    value: Value


class SubmissionCriteria(Body):
    required: bool = False
    exclude: bool = False
    file_name: Listed[Value] | None = None
    mime_type: Listed[Value] | None = None
    user_agent: Criteria[UserAgentCriteria] | None = None
    meta_data: Criteria[MetaDataSearchRequest] | None = None
    include_flags: Listed[SubmissionFlag] | None = None
    exclude_flags: Listed[SubmissionFlag] | None = None


class AnalysisSearchRequest(Choice):
    user_agent: Criteria[UserAgentCriteria] | None = None
    analysis_result: Criteria[MetaDataSearchRequest] | None = None


class LinkSearchRequest(Choice):
    link_type: Listed[Literal["parent", "child", "downloads", "loads", "executes"]] | None = None
    reference: Listed[Value] | None = None
    user_agent: Criteria[UserAgentCriteria] | None = None


class ClassificationSearchRequest(Choice):
    type: Listed[Value] | None = None
    super_type: Listed[Value] | None = None
    arch: Listed[Value] | None = None
    platform: Listed[Value] | None = None
    version: Listed[Value] | None = None
    meta_data: Criteria[MetaDataSearchRequest] | None = None


class VerdictSearchRequest(Choice):
    minimum_score: Score | None = None
    maximum_score: Score | None = None
    tags: Listed[AnalysisTagCriteria] | None = None
    include_flags: Listed[VerdictFlag] | None = None
    exclude_flags: Listed[VerdictFlag] | None = None


class StaticFactSearchRequest(Choice):
    key: Listed[Value] | None = None
    value: Listed[Value] | None = None
    user_agent: Criteria[UserAgentCriteria] | None = None


class Reader:
    """Reads a search request. All violations are gathered and told at once."""

    def __init__(self, caller: Caller, directory: Directory, now: Millis) -> None:
        self.violations = Violations()
        self._caller = caller
        self._directory = directory
        self._now = now

    def window(self, start: object, end: object) -> IndexWindow:
        """Read the index window. An end at or after now leaves the window open, so that the newest rows are found."""
        first = read_time(
            self.violations, "indexStartTimestamp", START if start is None else start, self._now
        )
        last = read_time(self.violations, "indexEndTimestamp", end, self._now)
        if first is not None and last is not None and first > last:
            self.violations.add("indexStartTimestamp", "indexStartTimestamp is after indexEndTimestamp.")
        return IndexWindow(first or 0, None if last is None or last >= self._now else last)

    def times(
        self, wanted: Any, names: Sequence[str], at: str = "", columns: "dict[str, str] | None" = None
    ) -> TimeRange:
        """Read the time search of a request, or of the sub-criterion at the path `at`, over the fields `names`."""
        start = read_time(self.violations, f"{at}startTimestamp", wanted.start_timestamp, self._now)
        end = read_time(self.violations, f"{at}endTimestamp", wanted.end_timestamp, self._now)
        if start is not None and end is not None and start > end:
            self.violations.add(f"{at}startTimestamp", "startTimestamp is after endTimestamp.")
        chosen = chosen_fields(wanted.time_field_strategy, names)
        fields = tuple(columns[name] if columns else name for name in names if name in chosen)
        return TimeRange(start=start, end=end, fields=fields, every=wanted.time_match_strategy == "all")

    def keywords(self, wanted: Any, names: Sequence[str], default: Strategy, at: str = "") -> Keywords | None:
        if not wanted.keywords:
            return None
        every = (wanted.keyword_match_strategy or default) == "all"
        if every and len(wanted.keywords) > MOST_DEMANDED:
            said = (
                f"At most {MOST_DEMANDED} keywords can be demanded together; any of up to {MOST_VALUES} can."
            )
            self.violations.add(f"{at}keywords", said)
        texts = [pasted(text) for text in wanted.keywords]
        for position, text in enumerate(texts):
            if len(respelled("NFC", text)) < SHORTEST:
                said = f"A keyword has at least {SHORTEST} characters besides blanks at its ends."
                self.violations.add(f"{at}keywords[{position}]", said)
        words = tuple(read_keyword(text) for text in dict.fromkeys(texts))
        return Keywords(
            words=words, fields=frozenset(chosen_fields(wanted.keyword_field_strategy, names)), every=every
        )

    def digests(self, field: str, values: Iterable[str] | None, size: int) -> list[bytes]:
        """Read digests of `size` bytes from hexadecimal digits."""
        found = []
        for position, text in enumerate(values or ()):
            digest = _unhex(text)
            if digest is None or len(digest) != size:
                said = f"{text[:150]!r} is not a hash of {2 * size} hexadecimal digits."
                self.violations.add(f"{field}[{position}]", said)
            else:
                found.append(digest)
        return found

    def customers(
        self, field: str, references: Sequence[int | str] | None, *permissions: Permission
    ) -> list[int] | None:
        """Find the customers that a filter names. Unknown and invisible customers are refused with the same words."""
        found = []
        for position, reference in enumerate(references or ()):
            customer = self._directory.find_customer(reference)
            if customer is None or not sees_customer(self._caller, customer, *permissions):
                self.violations.add(f"{field}[{position}]", unseen("customer", reference))
            else:
                found.append(customer.id)
        return found or None

    def users(
        self, field: str, references: Sequence[int | str] | None, *permissions: Permission
    ) -> list[int]:
        """Find the users that a filter names: the caller, and the users of customers that the caller sees."""
        found = []
        for position, reference in enumerate(references or ()):
            user = self._directory.find_subject(reference)
            if (
                user is None
                or user.kind != "user"
                or not sees_customer(self._caller, user.customer, *permissions)
            ):
                self.violations.add(f"{field}[{position}]", unseen("user", reference))
            else:
                found.append(user.id)
        return found

    def paths(self, field: str, criteria: Sequence[MetaDataSearchRequest] | None) -> None:
        """Refuse criteria on metadata with neither a path nor a value."""
        for position, criterion in enumerate(criteria or ()):
            if criterion.path is None and not criterion.value:
                said = "A criterion on metadata names a path, values, or both."
                self.violations.add(f"{field}[{position}]", said)


def chosen_fields(names: Sequence[str] | None, every: Sequence[str]) -> set[str]:
    """The fields that a strategy chooses: the fields of its list, or all."""
    return set(every) if not names or "all" in names else set(names)


def as_criteria(wanted: Sequence[Any] | None, type_: type[T]) -> list[T] | None:
    """Turn criteria into the types of the search: the same fields, without the rules for requests."""
    if not wanted:
        return None
    return [msgspec.convert(criterion, type_, from_attributes=True) for criterion in wanted]


def _unhex(text: str) -> bytes | None:
    text = pasted(text)
    try:
        return bytes.fromhex(text) if text.isascii() and text.isalnum() else None
    except ValueError:
        return None
