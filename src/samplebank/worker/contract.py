"""The contract between an analyser and the worker that runs it: what it is told, and what it may answer.

An analyser runs in a child process without network, programs or writable files; it only ever reads the sample.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import msgspec

JSON = Any  # msgspec knows no recursive types
Assessment = Literal["benign", "unknown", "malicious", "informational"]
TagType = Literal["family", "behaviour", "yara"]
StatusOverride = Literal["malicious", "benign"]

NO_FINDINGS = -1
MIB = 1024 * 1024


class SampleFile(msgspec.Struct, frozen=True, kw_only=True):
    """`classification` and `submission` are as the service sends them; `options` are those of the policy."""

    path: Path
    sha256: str
    size: int
    classification: dict[str, JSON] | None = None
    options: dict[str, str] = {}
    submission: dict[str, JSON] = {}


class Tag(msgspec.Struct, frozen=True):
    type: TagType
    value: str


class Detection(msgspec.Struct, frozen=True):
    name: str
    assessment: Assessment


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """A file that shows what the analysis found; `internal`: not for the customer's eyes."""

    file_name: str
    data: bytes
    mime_type: str = "application/octet-stream"
    internal: bool = False
    potentially_malicious: bool = False


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """`score` is 0 (harmless) to 100 (malicious), or -1 for no findings; `result` is any JSON object."""

    score: int = NO_FINDINGS
    result: dict[str, JSON] = {}
    tags: list[Tag] = []
    detections: list[Detection] = []
    possible_detections: int | None = None
    status_override: StatusOverride | None = None
    profile: str | None = None
    evidence: list[Evidence] = []


class Rejected(Exception):
    """This analyser cannot analyse this file; the reason is a sentence for the analyst."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Analyser(ABC):
    """Each analysis runs in a process of its own, a copy of the one that made this instance, and ends with it.

    So nothing that an analysis changes is there for the next one, and a constructor must not start threads.
    """

    short_name: ClassVar[str]
    version: ClassVar[str]
    names: ClassVar[Mapping[str, str]]
    descriptions: ClassVar[Mapping[str, str]]
    schema: ClassVar[Mapping[str, JSON] | None] = None
    memory_bytes: ClassVar[int] = 1024 * MIB
    seconds: ClassVar[float] = 60.0
    #: the settings that the analyser takes; None lets any pass
    known_settings: ClassVar[frozenset[str] | None] = None

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.settings = settings

    def folders(self) -> tuple[Path, ...]:
        """Name what the analyser reads besides the sample and its own code."""
        return ()

    def prepare(self) -> None:  # noqa: B027 -- most have nothing to renew
        """Renew what analyses share, like compiled rules: called before each of them, in the process that makes theirs."""

    def problems(self) -> tuple[str, ...]:
        """Name what is wrong with what the analyser reads, in sentences for the operator's log."""
        return ()

    @abstractmethod
    def analyse(self, sample: SampleFile) -> Result:
        """Answer, or raise Rejected."""
