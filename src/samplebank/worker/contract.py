"""The contract between an analyser and the worker: what the worker tells, and what the analyser may answer.

An analyser runs in a child process without network, programs or writable files. The analyser only reads the sample.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import msgspec

JSON = Any  # msgspec knows no recursive types
Assessment = Literal["benign", "unknown", "malicious", "informational"]
TagType = Literal["family", "behaviour", "yara"]
Relation = Literal["child", "downloads", "loads", "executes"]
StatusOverride = Literal["malicious", "benign"]
FactKind = Literal[
    "tlsh",
    "imphash",
    "authentihash",
    "rich-hash",
    "pdb",
    "section",
    "icon",
    "certificate",
    "dotnet-mvid",
    "build-id",
    "go-build-id",
    "macho-uuid",
    "import-hash",
    "lnk-machine",
    "lnk-mac",
    "pdf-id",
    "vba-project",
    "macro",
    "version-info",
    "message-domain",
]

NO_FINDINGS = -1
#: the lowest score of a suspicion: a verdict of 0 to 29 is "benign"
SUSPICIOUS_SCORE = 30
MIB = 1024 * 1024


class SampleFile(msgspec.Struct, frozen=True, kw_only=True):
    """`classification` and `submission` are as sent by the service; `options` come from the policy."""

    path: Path
    sha256: str
    size: int
    classification: dict[str, JSON] | None = None
    options: dict[str, str] = {}
    submission: dict[str, JSON] = {}


class Tag(msgspec.Struct, frozen=True):
    type: TagType
    value: str


class Fact(msgspec.Struct, frozen=True):
    """A value that follows from the bytes of the sample, in a way that never changes. The service finds samples by facts.

    The first value of a kind stays, whoever tells another value later.
    """

    kind: FactKind
    value: str


class Detection(msgspec.Struct, frozen=True):
    name: str
    assessment: Assessment


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """A file that shows the findings of the analysis. `internal` evidence is hidden from the customer."""

    file_name: str
    data: bytes
    mime_type: str = "application/octet-stream"
    internal: bool = False
    potentially_malicious: bool = False


class Child(msgspec.Struct, frozen=True, kw_only=True):
    """A file found inside of the sample, to become another sample.

    `name` is the path within the sample. `how` names what opened the sample, such as `zip`. `password` has words, one on a
    line, that may open the child.
    """

    name: str
    data: bytes
    relation: Relation = "child"
    how: str = ""
    password: str | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """`score` is 0 (harmless) to 100 (malicious), or -1 for no findings; `result` is any JSON object.

    Of the `children` the worker tells in `result["children"]` which were stored: path, size, SHA-256 and outcome.
    """

    score: int = NO_FINDINGS
    result: dict[str, JSON] = {}
    tags: list[Tag] = []
    detections: list[Detection] = []
    possible_detections: int | None = None
    status_override: StatusOverride | None = None
    profile: str | None = None
    evidence: list[Evidence] = []
    children: list[Child] = []
    facts: list[Fact] = []


class Rejected(Exception):
    """This analyser cannot analyse this file; the reason is a sentence for the analyst."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Analyser(ABC):
    """Base of all analysers. Each analysis runs in a separate process: a copy of the process that made the instance.

    The copy ends with the analysis, so changes made by an analysis are gone in the next analysis.
    A constructor must not start threads: the copy would lack the threads.
    """

    short_name: ClassVar[str]
    version: ClassVar[str]
    names: ClassVar[Mapping[str, str]]
    descriptions: ClassVar[Mapping[str, str]]
    schema: ClassVar[Mapping[str, JSON] | None] = None
    memory_bytes: ClassVar[int] = 1024 * MIB
    seconds: ClassVar[float] = 60.0
    #: bytes of a Result with the data of its evidence and children
    answer_bytes: ClassVar[int] = 32 * MIB
    #: the settings that the analyser takes; None: any setting passes
    known_settings: ClassVar[frozenset[str] | None] = None
    #: whether `prepare` also renews what came from a folder that was replaced as a whole; else the analyser is made anew
    renews_folders: ClassVar[bool] = False

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.settings = settings

    def folders(self) -> tuple[Path, ...]:
        """Name the folders that the analyser reads besides the sample and the code of the analyser."""
        return ()

    def prepare(self) -> None:  # noqa: B027 -- most analysers have nothing to renew
        """Renew what all analyses share, like compiled rules. Called before each analysis, in the process that is copied."""

    def problems(self) -> tuple[str, ...]:
        """Name problems with the files that the analyser reads, in sentences for the operator's log."""
        return ()

    @abstractmethod
    def analyse(self, sample: SampleFile) -> Result:
        """Analyse the sample. Raises `Rejected`."""
