"""What a criterion says of one row: a submission, an analysis, a link, a classification, a verdict, a fact."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from samplebank.database import Sql, all_of, any_of, one_of
from samplebank.database.ordering import BEGINNING
from samplebank.search.criteria import Criterion, row_condition
from samplebank.search.filters import Filters
from samplebank.search.keywords import contains, literal, read_keyword, spellings, spellings_of_parts
from samplebank.search.paths import Document, PathCriterion, in_flat_map, in_json
from samplebank.verdicts.model import SUSPICIOUS_SCORE

SUBMISSION_FLAGS = {
    "trustedAgent": "u.trusted_agent",
    "eventGeneratedNormal": "u.event = 'normal'",
    "eventGeneratedAlerted": "u.event = 'alerted'",
    "eventGeneratedAlertedFlood": "u.event = 'alertedFlood'",
}
VERDICT_FLAGS = {
    "manual": "v.manual",
    "shared": "v.shared",
    "contradictingStatusOverrides": "v.contradicting",
}
#: what a verdict says in a word; NULL of a verdict without findings. As in the index `verdict_class`
CLASS = f"""
    CASE WHEN v.malicious THEN 'malicious'
         WHEN v.status_override = 'benign'
              OR (v.status_override IS NULL AND v.score >= 0 AND v.score < {SUSPICIOUS_SCORE}) THEN 'benign'
         WHEN v.status_override IS NULL AND v.score >= {SUSPICIOUS_SCORE} THEN 'suspicious' END
"""


class Agent(msgspec.Struct, frozen=True):
    """A user agent with one of the names and one of the versions, if any are given."""

    name: list[str] | None = None
    version: list[str] | None = None


class Tag(msgspec.Struct, frozen=True):
    type: str
    value: str


class SubmissionCriterion(Criterion, frozen=True, kw_only=True):
    file_name: list[str] | None = None
    #: names with anything between the parts of each
    file_name_like: list[list[str]] | None = None
    mime_type: list[str] | None = None
    user_agent: list[Agent] | None = None
    meta_data: list[PathCriterion] | None = None
    include_flags: list[str] | None = None
    exclude_flags: list[str] | None = None


class AnalysisCriterion(Criterion, frozen=True, kw_only=True):
    user_agent: list[Agent] | None = None
    analysis_result: list[PathCriterion] | None = None


class LinkCriterion(Criterion, frozen=True, kw_only=True):
    link_type: list[str] | None = None
    reference: list[bytes] | None = None
    user_agent: list[Agent] | None = None


class ClassificationCriterion(Criterion, frozen=True, kw_only=True):
    type: list[str] | None = None
    super_type: list[str] | None = None
    arch: list[str] | None = None
    platform: list[str] | None = None
    version: list[str] | None = None
    meta_data: list[PathCriterion] | None = None


class VerdictCriterion(Criterion, frozen=True, kw_only=True):
    minimum_score: int | None = None
    maximum_score: int | None = None
    assessment: list[str] | None = None
    tags: list[Tag] | None = None
    include_flags: list[str] | None = None
    exclude_flags: list[str] | None = None


class FactCriterion(Criterion, frozen=True, kw_only=True):
    key: list[str] | None = None
    value: list[str] | None = None
    user_agent: list[Agent] | None = None


class DerivedCriterion(Criterion, frozen=True, kw_only=True):
    """A value that a worker derived from the bytes, by the digests of the kinds and values that are wanted."""

    digest: list[UUID] | None = None


def one_of_texts(column: str) -> Callable[[Sequence[str]], Sql]:
    return lambda values: one_of(column, "text", values)


def by_agent(alias: str) -> Callable[[Sequence[Agent]], Sql]:
    """Made by one of the agents."""
    return lambda agents: any_of([_is_agent(alias, agent) for agent in agents])


def _is_agent(alias: str, agent: Agent) -> Sql:
    given = (("name", agent.name), ("version", agent.version))
    return all_of([one_of(f"{alias}.agent_{field}", "text", values) for field, values in given if values])


def has_any(flags: dict[str, str]) -> Callable[[Sequence[str]], Sql]:
    """The row has any of the wanted flags."""
    return lambda wanted: any_of([Sql(flags[name]) for name in wanted])


def has_none(flags: dict[str, str]) -> Callable[[Sequence[str]], Sql]:
    """The row has none of the unwanted flags."""
    return lambda unwanted: Sql("({}) IS NOT TRUE", has_any(flags)(unwanted))


def _has_tag(tags: Sequence[Tag]) -> Sql:
    # encoded here, because lists in a list would become one array of two dimensions
    return Sql("v.tags @> ANY ({}::jsonb[])", [msgspec.json.encode([tag]) for tag in tags])


def _is_named(names: Sequence[str]) -> Sql:
    """The submission has one of the file names. The index knows the beginning of a name."""
    spelled = [text for name in names for text in spellings(name)]
    beginnings = list({text[:BEGINNING] for text in spelled})
    return all_of(
        [
            one_of(f"left(u.file_name, {BEGINNING})", "text", beginnings),
            one_of("u.file_name", "text", spelled),
        ]
    )


def _is_named_like(names: Sequence[Sequence[str]]) -> Sql:
    """The submission has a file name with the parts of one of the names. The index knows the longest part."""
    return any_of([_is_like(spelled) for parts in names for spelled in spellings_of_parts(parts)])


def _is_like(parts: Sequence[str]) -> Sql:
    longest = read_keyword(max(parts, key=len))
    pattern = "%".join(literal(part) for part in parts)
    named = Sql("lower(u.file_name) LIKE lower({})", pattern)
    return all_of([contains("u.search", [longest]), named])


def _in_meta_data(criteria: Sequence[PathCriterion]) -> Sql:
    return row_condition(criteria, partial(in_flat_map, Document("submission", "u", "meta_data")))


def _in_json(table: str, alias: str, column: str) -> Callable[[Sequence[PathCriterion]], Sql]:
    return lambda criteria: row_condition(criteria, partial(in_json, Document(table, alias, column)))


#: what each field of a submission's criterion asks for, whatever else a search for submissions has
OF_SUBMISSION: dict[str, Callable[[Any], Sql]] = {
    "file_name": _is_named,
    "file_name_like": _is_named_like,
    "mime_type": one_of_texts("u.mime_type"),
    "user_agent": by_agent("u"),
    "meta_data": _in_meta_data,
    "include_flags": has_any(SUBMISSION_FLAGS),
    "exclude_flags": has_none(SUBMISSION_FLAGS),
}
SUBMISSIONS = Filters(SubmissionCriterion, **OF_SUBMISSION)
ANALYSES = Filters(
    AnalysisCriterion, user_agent=by_agent("a"), analysis_result=_in_json("analysis", "a", "result")
)
LINKS = Filters(
    LinkCriterion,
    link_type=one_of_texts("l.type"),
    reference=lambda digests: one_of("l.reference", "bytea", digests),
    user_agent=by_agent("l"),
)
CLASSIFICATIONS = Filters(
    ClassificationCriterion,
    type=one_of_texts("c.type"),
    super_type=one_of_texts("c.super_type"),
    arch=one_of_texts("c.arch"),
    platform=one_of_texts("c.platform"),
    version=one_of_texts("c.version"),
    meta_data=_in_json("classification", "c", "meta_data"),
)
VERDICTS = Filters(
    VerdictCriterion,
    include_flags=has_any(VERDICT_FLAGS),
    exclude_flags=has_none(VERDICT_FLAGS),
    minimum_score=lambda score: Sql("v.score >= {}", score),
    maximum_score=lambda score: Sql("v.score <= {}", score),
    assessment=one_of_texts(f"({CLASS})"),
    tags=_has_tag,
)
FACTS = Filters(
    FactCriterion, key=one_of_texts("f.key"), value=one_of_texts("f.value"), user_agent=by_agent("f")
)
DERIVED = Filters(DerivedCriterion, digest=lambda digests: one_of("d.digest", "uuid", digests))
