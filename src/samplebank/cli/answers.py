"""The answers of the SampleDB v2 API: the fields that the client commands read."""

from typing import Generic, TypeVar

import msgspec

from samplebank.verdicts.model import MANUAL_SCORES, gravest_first

Data = TypeVar("Data")


class Shown(msgspec.Struct, frozen=True, rename="camel"):
    """The base of answers. Fields without a name here are passed over, so a newer service stays readable."""


class Message(Shown, frozen=True):
    message: str
    field: str | None = None


class MetaData(Shown, frozen=True):
    """`next` is the cursor of the next page."""

    next: str | None = None
    count_at_least: int | None = None


class Envelope(Shown, Generic[Data], frozen=True):
    data: Data
    count: int = 0
    meta_data: MetaData = MetaData()


class Refused(Shown, frozen=True):
    messages: list[Message]


class SampleInfo(Shown, frozen=True):
    id: str
    size: int


class Customer(Shown, frozen=True):
    id: int
    short_name: str


class Token(Shown, frozen=True):
    """A solved challenge."""

    id: str
    sha256: str


class Upload(Shown, frozen=True):
    sample: SampleInfo
    challenge: Token
    exists: bool


class Challenge(Shown, frozen=True):
    id: str
    offset: int
    length: int


class Submission(Shown, frozen=True):
    id: str
    customer: Customer


class SentFile(Shown, frozen=True):
    """What became of a file. Without an id, the service has just seen a similar submission, and stored nothing."""

    sample_sha256: str
    id: str | None = None
    customer: Customer | None = None
    job_id: str | None = msgspec.field(name="jobID", default=None)


class Job(Shown, frozen=True):
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


class Task(Shown, frozen=True):
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


class WorkerInfo(Shown, frozen=True):
    id: str
    short_name: str
    last_seen_timestamp: int | None = None


class Option(Shown, frozen=True):
    key: str
    value: str


class PlanRule(Shown, frozen=True):
    """A rule of the policy, in the version that chose the workers. `on` tells the criteria of the rule."""

    id: str
    version: int
    name: str
    description: str
    matches: str
    on: list[str]


class Replanned(Shown, frozen=True):
    """What a file type that came late added to a job."""

    timestamp: int
    type: str
    super_type: str
    workers: list[str]
    previous_job_id: str | None = msgspec.field(name="previousJobID", default=None)


class Plan(Shown, frozen=True):
    """Why a job has its workers. Without rules, the default policy chose."""

    job_id: str = msgspec.field(name="jobID")
    workers: list[WorkerInfo]
    options: list[Option]
    rules: list[PlanRule]
    replanned: Replanned | None = None


class Tag(Shown, frozen=True):
    type: str
    value: str


class JobInfo(Shown, frozen=True):
    id: str


class Author(Shown, frozen=True):
    short_name: str


class Agent(Shown, frozen=True):
    name: str
    version: str = ""


class Detection(Shown, frozen=True):
    name: str
    assessment: str


class Contribution(Shown, frozen=True):
    """What an analysis adds to a verdict. An analysis without findings has no impact."""

    id: str
    analysis_score: int
    user_agent: Agent
    tags: list[Tag] = []
    triggered_detections: list[Detection] = []
    impact: int | None = None

    @property
    def finding(self) -> str | None:
        """The name of the gravest detection."""
        names = gravest_first((one.name, one.assessment) for one in self.triggered_detections)
        return names[0] if names else None


class Verdict(Shown, frozen=True):
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
    def is_manual(self) -> bool:
        return "manual" in self.flags

    @property
    def is_withdrawal(self) -> bool:
        """Whether an earlier verdict by hand was taken back. Then the verdict is that of the analyses, seen or not.

        The interface does not tell. A verdict by hand has no analyses, and the score of its status.
        """
        by_hand = MANUAL_SCORES.get(self.status_override or "")
        return self.is_manual and (by_hand != self.score or bool(self.analysis))

    @property
    def by_hand(self) -> bool:
        return self.is_manual and not self.is_withdrawal


class Note(Shown, frozen=True):
    id: str
    sample_sha256: str
    text: str
    customer: Customer
    tlp: str
    created_by_user: Author
    created_timestamp: int


class Classification(Shown, frozen=True):
    super_type: str | None = None
    type: str | None = None


class Sample(Shown, frozen=True):
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


class Analysis(Shown, frozen=True):
    analysis_id: str = msgspec.field(name="analysisID")
    analysis_score: int
    user_agent: Agent
    customer: Customer
    created_timestamp: int
    tags: list[Tag] = []
    analysis_result: msgspec.Raw = msgspec.Raw(b"null")


class Link(Shown, frozen=True):
    id: str
    type: str
    customer: Customer
    created_timestamp: int
    referenced_sample: Sample | None = None


class Sighting(Shown, frozen=True):
    """A submission of the sample."""

    id: str
    customer: Customer
    file_name: str
    tlp: str
    submitted_timestamp: int


class TreeNode(Shown, frozen=True):
    """A sample in the tree of a sample. With the flag `repeated`, the sample stands above with everything below."""

    depth: int
    sample: Sample
    flags: list[str] = []
    file_name: str | None = None
    relation: str | None = None


class Tree(Shown, frozen=True):
    """Each parent stands before its children."""

    nodes: list[TreeNode]
    is_more: bool = False
