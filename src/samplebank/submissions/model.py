"""A submission: the observation of a sample at one customer. Only a submission gives a customer access."""

from uuid import UUID

import msgspec

from samplebank.timespec import Millis


class Submission(msgspec.Struct, frozen=True, gc=False):
    """A stored submission; the ACL holds ids of subjects, granted by the submitter when it submitted."""

    id: UUID
    sha256: bytes
    customer_id: int
    user_id: int
    tlp: str
    acl: list[int]
    file_name: str
    mime_type: str
    agent_name: str
    agent_version: str
    meta_data: dict[str, str]
    observed_time: Millis
    submitted_time: Millis
    expiry_time: Millis | None
    trusted_agent: bool
    event: str | None

    @property
    def flags(self) -> list[str]:
        flags = ["trustedAgent"] if self.trusted_agent else []
        return [*flags, f"eventGenerated{self.event[0].upper()}{self.event[1:]}"] if self.event else flags


class NewSubmission(msgspec.Struct, frozen=True):
    """What a submitter says, checked, with every default filled in."""

    customer_id: int
    readers: list[int]
    tlp: str
    acl: list[int]
    file_name: str
    mime_type: str
    agent_name: str
    agent_version: str
    meta_data: dict[str, str]
    observed_time: Millis
    expiry_time: Millis | None
    trusted_agent: bool


COLUMNS = """
    u.id, s.sha256, u.customer_id, u.user_id, u.tlp, u.acl, u.file_name, u.mime_type, u.agent_name, u.agent_version,
    u.meta_data, u.observed_time, u.submitted_time, u.expiry_time, u.trusted_agent, u.event
"""
FROM = "submission u JOIN sample s ON s.id = u.sample_id"
