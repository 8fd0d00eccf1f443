"""What a criterion says of one row: a submission, an analysis, a link, a classification, a verdict, a fact."""

from collections.abc import Sequence
from typing import Any

import msgspec

from samplebank.database import Where
from samplebank.search.criteria import Criterion, all_of, any_of, row_conditions
from samplebank.search.keywords import spellings
from samplebank.search.paths import PathCriterion, in_flat_map, in_json

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


class Agent(msgspec.Struct, frozen=True):
    """A user agent with one of the names and one of the versions, if any are given."""

    name: list[str] | None = None
    version: list[str] | None = None


class Tag(msgspec.Struct, frozen=True):
    type: str
    value: str


class SubmissionCriterion(Criterion, frozen=True, kw_only=True):
    file_name: list[str] | None = None
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
    tags: list[Tag] | None = None
    include_flags: list[str] | None = None
    exclude_flags: list[str] | None = None


class FactCriterion(Criterion, frozen=True, kw_only=True):
    key: list[str] | None = None
    value: list[str] | None = None
    user_agent: list[Agent] | None = None


def of_submission(where: Where, wanted: SubmissionCriterion) -> str:
    return all_of(
        [
            *is_one_of(
                where, "u.file_name", "text", [t for name in wanted.file_name or () for t in spellings(name)]
            ),
            *is_one_of(where, "u.mime_type", "text", wanted.mime_type),
            *by_agent(where, "u", wanted.user_agent),
            *row_conditions(wanted.meta_data, lambda path: in_flat_map(where, "submission", "u", path)),
            *flagged(SUBMISSION_FLAGS, wanted.include_flags, wanted.exclude_flags),
        ]
    )


def of_analysis(where: Where, wanted: AnalysisCriterion) -> str:
    return all_of(
        [
            *by_agent(where, "a", wanted.user_agent),
            *row_conditions(
                wanted.analysis_result, lambda path: in_json(where, "analysis", "a", "result", path)
            ),
        ]
    )


def of_link(where: Where, wanted: LinkCriterion) -> str:
    return all_of(
        [
            *is_one_of(where, "l.type", "text", wanted.link_type),
            *is_one_of(where, "l.reference", "bytea", wanted.reference),
            *by_agent(where, "l", wanted.user_agent),
        ]
    )


def of_classification(where: Where, wanted: ClassificationCriterion) -> str:
    return all_of(
        [
            *is_one_of(where, "c.type", "text", wanted.type),
            *is_one_of(where, "c.super_type", "text", wanted.super_type),
            *is_one_of(where, "c.arch", "text", wanted.arch),
            *is_one_of(where, "c.platform", "text", wanted.platform),
            *is_one_of(where, "c.version", "text", wanted.version),
            *row_conditions(
                wanted.meta_data, lambda path: in_json(where, "classification", "c", "meta_data", path)
            ),
        ]
    )


def of_verdict(where: Where, wanted: VerdictCriterion) -> str:
    conditions = flagged(VERDICT_FLAGS, wanted.include_flags, wanted.exclude_flags)
    if wanted.minimum_score is not None:
        conditions.append(f"v.score >= {where.value(wanted.minimum_score)}")
    if wanted.maximum_score is not None:
        conditions.append(f"v.score <= {where.value(wanted.maximum_score)}")
    if wanted.tags:
        # encoded here, because lists in a list would become one array of two dimensions
        tags = [msgspec.json.encode([tag]) for tag in wanted.tags]
        conditions.append(f"v.tags @> ANY ({where.value(tags)}::jsonb[])")
    return all_of(conditions)


def of_fact(where: Where, wanted: FactCriterion) -> str:
    return all_of(
        [
            *is_one_of(where, "f.key", "text", wanted.key),
            *is_one_of(where, "f.value", "text", wanted.value),
            *by_agent(where, "f", wanted.user_agent),
        ]
    )


def is_one_of(where: Where, column: str, type_: str, values: Sequence[Any] | None) -> list[str]:
    """At most one condition: lists that are empty or not given filter nothing."""
    return [f"{column} = ANY ({where.value(list(values))}::{type_}[])"] if values else []


def by_agent(where: Where, alias: str, agents: Sequence[Agent] | None) -> list[str]:
    """At most one condition: made by one of the agents."""
    if not agents:
        return []
    return [
        any_of(
            [
                all_of(
                    [
                        *is_one_of(where, f"{alias}.agent_name", "text", agent.name),
                        *is_one_of(where, f"{alias}.agent_version", "text", agent.version),
                    ]
                )
                for agent in agents
            ]
        )
    ]


def flagged(flags: dict[str, str], wanted: Sequence[str] | None, unwanted: Sequence[str] | None) -> list[str]:
    """Has any of the wanted flags, and none of the unwanted."""
    conditions = []
    if wanted:
        conditions.append(any_of([flags[name] for name in wanted]))
    if unwanted:
        conditions.append(f"({any_of([flags[name] for name in unwanted])}) IS NOT TRUE")
    return conditions
