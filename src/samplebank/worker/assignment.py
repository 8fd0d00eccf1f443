"""What the service hands a worker with a claim; only what a worker needs is named, and unknown fields are let be."""

from pathlib import Path

import msgspec

from samplebank.worker.contract import JSON, SampleFile

DEFAULT_TLP = "amber"


class Identified(msgspec.Struct, frozen=True):
    id: str


class Option(msgspec.Struct, frozen=True):
    key: str
    value: str


class Customer(msgspec.Struct, frozen=True, rename="camel"):
    short_name: str


class JobReference(msgspec.Struct, frozen=True):
    id: str
    customer: Customer | None = None


class Assignment(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    task: Identified
    job: JobReference
    sample: Identified
    lease_token: str
    attempt: int = 1
    #: bytes of a result as JSON; None from a service that does not tell
    max_result_size: int | None = None
    classification: dict[str, JSON] | None = None
    submission: dict[str, JSON] | None = None
    options: list[Option] = []

    @property
    def customer(self) -> str:
        """The shortName of the job's customer: the job's own word, else that of its submission."""
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
