"""The assignment that a worker gets with a claim. Names the fields a worker needs, and ignores all others."""

from pathlib import Path

import msgspec

from samplebank.worker.contract import JSON, SampleFile

DEFAULT_TLP = "amber"


class Identified(msgspec.Struct, frozen=True):
    id: str


class Sample(msgspec.Struct, frozen=True):
    """The sample of a task. A service that does not tell the size, in bytes, is taken to mean a large sample."""

    id: str
    size: int = 1 << 62


class Option(msgspec.Struct, frozen=True):
    key: str
    value: str


class Customer(msgspec.Struct, frozen=True, rename="camel"):
    short_name: str


class JobReference(msgspec.Struct, frozen=True):
    id: str
    customer: Customer | None = None


class Receipt(msgspec.Struct, frozen=True):
    """The service's answer to a child: `stored`, `known` or `refused`, with the bound that was reached."""

    outcome: str
    depth: int = 0
    reason: str | None = None
    submission_id: str | None = msgspec.field(name="submissionID", default=None)


class StoredObject(msgspec.Struct, frozen=True):
    """The object that holds the bytes of a sample, in the bucket of the service."""

    bucket: str
    key: str


class Assignment(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    task: Identified
    job: JobReference
    sample: Sample
    lease_token: str
    attempt: int = 1
    #: bytes of a result as JSON; None if the service names no bound
    max_result_size: int | None = None
    classification: dict[str, JSON] | None = None
    submission: dict[str, JSON] | None = None
    #: None where the bytes lie in a folder, and where nobody asked
    object: StoredObject | None = None
    options: list[Option] = []

    @property
    def customer(self) -> str:
        """The shortName of the customer: as the job names the customer, else as the submission does."""
        if self.job.customer is not None:
            return self.job.customer.short_name
        return msgspec.convert((self.submission or {}).get("customer"), Customer).short_name

    @property
    def tlp(self) -> str:
        return str((self.submission or {}).get("tlp") or DEFAULT_TLP)

    def sample_file(self, path: Path, size: int) -> SampleFile:
        return SampleFile(
            path=path,
            sha256=self.sample.id,
            size=size,
            classification=self.classification,
            options={option.key: option.value for option in self.options},
            submission=self.submission or {},
        )
