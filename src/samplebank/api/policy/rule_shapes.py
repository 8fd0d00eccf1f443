"""The shapes of rules in requests and answers."""

from collections.abc import Sized
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from samplebank.api.people import CustomerInfo, UserInfo
from samplebank.api.policy.default import (
    AnalysisWorkerInfo,
    AnalysisWorkerOptionRequest,
    AnalysisWorkerOptionResponse,
)
from samplebank.errors import Violations
from samplebank.http.shapes import Body, PageQuery, Several, Shown, Unique

Text = Annotated[str, Meta(min_length=1, max_length=1000)]
Texts = Several[Text]
Description = Annotated[str, Meta(max_length=10_000)]
Some = Annotated[Several[Text], Meta(min_length=1)]
#: the most combinations of a type with a super type, or of a metadata key with a value, that a rule matches
MOST_COMBINATIONS = 10_000
SomeCustomers = Annotated[Several[int | str], Meta(min_length=1)]


class RuleListQuery(PageQuery):
    include_deleted: bool = False


class AnalysisRuleCustomerMatchClauseRequest(Body):
    customer_or_group: SomeCustomers


class AnalysisRuleClassificationMatchClauseRequest(Body):
    type: Texts | None = None
    super_type: Texts | None = None


class AnalysisRuleSubmissionMatchClauseRequest(Body):
    meta_data_key: Some
    meta_data_value: Some


class AnalysisRuleMatchClauseRequest(Body):
    customer: AnalysisRuleCustomerMatchClauseRequest | None = None
    classification: AnalysisRuleClassificationMatchClauseRequest | None = None
    submission: AnalysisRuleSubmissionMatchClauseRequest | None = None


class AnalysisRuleActionWorkersClauseRequest(Body):
    set: Several[str] | None = None
    add: Several[str] | None = None
    remove: Several[str] | None = None


class AnalysisRuleActionOptionsClauseRequest(Body):
    set: Several[AnalysisWorkerOptionRequest] | None = None
    add: Several[AnalysisWorkerOptionRequest] | None = None
    remove: Several[str] | None = None


class AnalysisRuleActionClauseRequest(Body):
    workers: AnalysisRuleActionWorkersClauseRequest | None = None
    options: AnalysisRuleActionOptionsClauseRequest | None = None


class AnalysisRuleAddRequest(Body):
    name: Text
    description: Description
    match: AnalysisRuleMatchClauseRequest
    action: AnalysisRuleActionClauseRequest


class AnalysisRuleUpdateRequest(Body):
    name: Text | None = None
    description: Description | None = None
    match: AnalysisRuleMatchClauseRequest | None = None
    action: AnalysisRuleActionClauseRequest | None = None


class AnalysisRuleCustomerMatchClauseResponse(Shown):
    customer: Unique[CustomerInfo]


class AnalysisRuleClassificationMatchClauseResponse(Shown):
    type: Unique[str]
    super_type: Unique[str]


class AnalysisRuleSubmissionMatchClauseResponse(Shown):
    meta_data_key: Unique[str]
    meta_data_value: Unique[str]


class AnalysisRuleMatchClauseResponse(Shown):
    customer: AnalysisRuleCustomerMatchClauseResponse | None = None
    classification: AnalysisRuleClassificationMatchClauseResponse | None = None
    submission: AnalysisRuleSubmissionMatchClauseResponse | None = None


class AnalysisRuleActionWorkersClauseResponse(Shown):
    set: Unique[AnalysisWorkerInfo]
    add: Unique[AnalysisWorkerInfo]
    remove: Unique[AnalysisWorkerInfo]


class AnalysisRuleActionOptionsClauseResponse(Shown):
    set: Unique[AnalysisWorkerOptionResponse]
    add: Unique[AnalysisWorkerOptionResponse]
    remove: Unique[str]


class AnalysisRuleActionClauseResponse(Shown):
    workers: AnalysisRuleActionWorkersClauseResponse
    options: AnalysisRuleActionOptionsClauseResponse


class AnalysisRuleResponse(Shown):
    id: UUID
    name: str
    description: str
    match: AnalysisRuleMatchClauseResponse
    action: AnalysisRuleActionClauseResponse
    flags: Unique[Literal["deleted"]]
    created_timestamp: int
    created_by_user: UserInfo | None = None
    last_updated_by_user: UserInfo | None = None
    last_updated_timestamp: int | None = None
    deleted_by_user: UserInfo | None = None
    deleted_timestamp: int | None = None


def check_combinations(violations: Violations, field: str, first: Sized, second: Sized) -> None:
    """Refuse clauses of very many combinations, each of which is kept, so that no other rule matches the same."""
    if len(first) * len(second) > MOST_COMBINATIONS:
        said = f"The two lists of a clause make at most {MOST_COMBINATIONS} combinations; make several rules."
        violations.add(field, said)


def once(texts: "Texts | tuple[()]") -> tuple[str, ...]:
    """The texts in their order, each once."""
    return tuple(dict.fromkeys(texts))
