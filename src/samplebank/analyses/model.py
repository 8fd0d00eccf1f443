"""An analysis: one result of a worker for a sample."""

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
    """What a worker says, checked. `result` is any JSON value, as it was sent."""

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
    """A stored analysis; `job_state` is that of the job whose task named it."""

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
    has_evidence: bool
    job_id: UUID | None
    job_state: str | None
