"""A submission: the observation of a sample at one customer. Only a submission gives a customer access."""

from uuid import UUID

import msgspec

from samplebank.database import Columns
from samplebank.timespec import Millis


class Submission(msgspec.Struct, frozen=True, gc=False):
    """A stored submission. `acl` holds the ids of subjects to whom the submitter granted access."""

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
    """A submission as requested: checked, with every default filled in."""

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
    #: the place in the line of the tasks of the job that is opened (`jobs.lanes`)
    shift: Millis = 0


COLUMNS = Columns.of(Submission, "u", sha256="s.sha256")
FROM = "submission u JOIN sample s ON s.id = u.sample_id"
