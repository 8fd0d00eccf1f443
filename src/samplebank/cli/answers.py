"""The answers of the SampleDB v2 API: the fields that the client commands read."""

from typing import Generic, TypeVar

import msgspec

Data = TypeVar("Data")


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    """The base of answers. Fields without a name here are passed over, so a newer service stays readable."""


class Message(_Answer, frozen=True):
    message: str
    field: str | None = None


class MetaData(_Answer, frozen=True):
    """`next` is the cursor of the next page."""

    next: str | None = None
    count_at_least: int | None = None


class Envelope(_Answer, Generic[Data], frozen=True):
    data: Data
    count: int = 0
    meta_data: MetaData = MetaData()


class Refused(_Answer, frozen=True):
    messages: list[Message]


class SampleInfo(_Answer, frozen=True):
    id: str
    size: int


class Customer(_Answer, frozen=True):
    id: int
    short_name: str


class Token(_Answer, frozen=True):
    """A solved challenge."""

    id: str
    sha256: str


class Upload(_Answer, frozen=True):
    sample: SampleInfo
    challenge: Token
    exists: bool


class Challenge(_Answer, frozen=True):
    id: str
    offset: int
    length: int


class Submission(_Answer, frozen=True):
    id: str
    customer: Customer


class SentFile(_Answer, frozen=True):
    """What became of a file. Without an id, the service has just seen a similar submission, and stored nothing."""

    sample_sha256: str
    id: str | None = None
    customer: Customer | None = None
    job_id: str | None = msgspec.field(name="jobID", default=None)


class Job(_Answer, frozen=True):
    id: str
    state: str
    customer: Customer
    enqueued_timestamp: int
    analysed_sample: SampleInfo
    start_timestamp: int | None = None
    end_timestamp: int | None = None

    @property
    def ended(self) -> bool:
        return self.state in {"done", "timeout"}


class Task(_Answer, frozen=True):
    id: str
    worker: str
    state: str
    message: str | None = None
    start_timestamp: int | None = None
    end_timestamp: int | None = None

    @property
    def ended(self) -> bool:
        return self.state not in {"enqueued", "executing"}

    @property
    def failed(self) -> bool:
        return self.state in {"failed", "timeout"}


class WorkerInfo(_Answer, frozen=True):
    id: str
    short_name: str
    last_seen_timestamp: int | None = None


class Option(_Answer, frozen=True):
    key: str
    value: str


class PlanRule(_Answer, frozen=True):
    """A rule of the policy, in the version that chose the workers. `on` tells the criteria of the rule."""

    id: str
    version: int
    name: str
    description: str
    matches: str
    on: list[str]


class Replanned(_Answer, frozen=True):
    """What a file type that came late added to a job."""

    timestamp: int
    type: str
    super_type: str
    workers: list[str]
    previous_job_id: str | None = msgspec.field(name="previousJobID", default=None)


class Plan(_Answer, frozen=True):
    """Why a job has its workers. Without rules, the default policy chose."""

    job_id: str = msgspec.field(name="jobID")
    workers: list[WorkerInfo]
    options: list[Option]
    rules: list[PlanRule]
    replanned: Replanned | None = None


class Tag(_Answer, frozen=True):
    type: str
    value: str


class JobInfo(_Answer, frozen=True):
    id: str


class Author(_Answer, frozen=True):
    short_name: str


class Agent(_Answer, frozen=True):
    name: str
    version: str = ""


class Contribution(_Answer, frozen=True):
    """What an analysis adds to a verdict. An analysis without findings has no impact."""

    id: str
    analysis_score: int
    user_agent: Agent
    tags: list[Tag] = []
    impact: int | None = None


class Verdict(_Answer, frozen=True):
    """A verdict. The comment and the author of a verdict by hand are told to those concerned only."""

    score: int
    status_override: str | None = None
    tags: list[Tag] | None = None
    job: JobInfo | None = None
    flags: list[str] = []
    comment: str | None = None
    created_timestamp: int | None = None
    created_by_user: Author | None = None
    analysis: list[Contribution] = []

    @property
    def by_hand(self) -> bool:
        return "manual" in self.flags


class Note(_Answer, frozen=True):
    id: str
    sample_sha256: str
    text: str
    customer: Customer
    tlp: str
    created_by_user: Author
    created_timestamp: int


class Classification(_Answer, frozen=True):
    super_type: str | None = None
    type: str | None = None


class Sample(_Answer, frozen=True):
    sha256: str
    size: int
    latest_classification: Classification | None = None
    latest_verdict: Verdict | None = None
    created_timestamp: int = 0
    first_submitted_timestamp: int | None = None
    last_submitted_timestamp: int | None = None
    md5: str | None = None
    sha1: str | None = None
    sha512: str | None = None


class Analysis(_Answer, frozen=True):
    analysis_id: str = msgspec.field(name="analysisID")
    analysis_score: int
    user_agent: Agent
    customer: Customer
    created_timestamp: int
    tags: list[Tag] = []


class Link(_Answer, frozen=True):
    id: str
    type: str
    customer: Customer
    created_timestamp: int
    referenced_sample: Sample | None = None


class Sighting(_Answer, frozen=True):
    """A submission of the sample."""

    id: str
    customer: Customer
    file_name: str
    tlp: str
    submitted_timestamp: int


class Workload(_Answer, frozen=True):
    """The tasks of a worker. Without `last_seen_timestamp` the worker has never asked for work."""

    id: str
    short_name: str
    localized_name: str
    localized_description: str
    waiting_tasks: int
    executing_tasks: int
    last_seen_timestamp: int | None = None
    waiting_since_timestamp: int | None = None
