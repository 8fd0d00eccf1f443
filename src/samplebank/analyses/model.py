"""An analysis: a result of a worker for a sample."""

from typing import Any
from uuid import UUID

import msgspec

from samplebank.timespec import Millis


class Tag(msgspec.Struct, frozen=True):
    type: str
    value: str


class Detection(msgspec.Struct, frozen=True):
    name: str
    assessment: str


class NewAnalysis(msgspec.Struct, frozen=True):
    """An analysis as sent by a worker, checked. `result` is any JSON value, unchanged."""

    customer_id: int
    tlp: str
    acl: list[int]
    readers: list[int]
    score: int
    status_override: str | None
    tags: list[Tag]
    detections: list[Detection]
    possible_detections: int | None
    profile: str | None
    internet_access: bool
    agent_name: str
    agent_version: str
    result: bytes


class Analysis(msgspec.Struct, frozen=True):
    """A stored analysis; `job_state` is the state of the job whose task named the analysis."""

    id: UUID
    sha256: bytes
    customer_id: int
    user_id: int
    tlp: str
    acl: list[int]
    score: int
    status_override: str | None
    tags: list[dict[str, str]]
    detections: list[dict[str, str]]
    possible_detections: int | None
    profile: str | None
    internet_access: bool
    agent_name: str
    agent_version: str
    created_time: Millis
    result: Any
    has_public_evidence: bool
    #: False for a reader who does not see internal evidence
    has_internal_evidence: bool
    job_id: UUID | None
    job_state: str | None

    @property
    def has_evidence(self) -> bool:
        return self.has_public_evidence or self.has_internal_evidence


class LatestAnalysis(msgspec.Struct, frozen=True):
    id: UUID
    score: int
    agent_name: str
    agent_version: str


class AnalysisSummary(msgspec.Struct, frozen=True):
    """The analysers of a sample, as (name, version), and the latest analysis."""

    analysers: list[tuple[str, str]]
    latest: LatestAnalysis | None
