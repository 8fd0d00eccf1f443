"""A verdict: the assessment of a sample, computed when a job ends, or set by hand."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec

from samplebank.timespec import Millis

MALICIOUS = "malicious"
BENIGN = "benign"
UNKNOWN = "unknown"
#: scores of manual verdicts
MANUAL_SCORES = {MALICIOUS: 100, BENIGN: 0}
UNKNOWN_SCORE = -1
#: the lowest score of a suspicious verdict
SUSPICIOUS_SCORE = 30
#: the assessments of detections, the gravest first
ASSESSMENTS = (MALICIOUS, UNKNOWN, "informational", BENIGN)
#: Of a manual verdict `v`: the author took an earlier manual verdict back. A verdict set by hand has an override, and weighs
#: no analyses.
IS_WITHDRAWAL = """
    (v.status_override IS NULL OR EXISTS (SELECT FROM verdict_analysis w WHERE w.verdict_id = v.id))
"""


class Verdict(msgspec.Struct, frozen=True):
    """A stored verdict. `analyses`, `job_id` and `job_state` hold only the parts that the reader may see.

    `is_withdrawal`: an earlier manual verdict was taken back, so the verdict is that of the analyses, seen or not.
    """

    id: UUID
    sha256: bytes
    score: int
    status_override: str | None
    manual: bool
    contradicting: bool
    shared: bool
    comment: str | None
    user_id: int | None
    tags: list[dict[str, Any]]
    created_time: Millis
    job_id: UUID | None
    job_state: str | None
    analyses: list[dict[str, Any]]
    is_withdrawal: bool

    @property
    def flags(self) -> list[str]:
        named = (
            ("manual", self.manual),
            ("contradictingStatusOverrides", self.contradicting),
            ("shared", self.shared),
        )
        return [name for name, is_set in named if is_set]


def gravest_first(detections: Iterable[tuple[str, str]]) -> list[str]:
    """Name detections (name, assessment), the gravest first. Of equal detections the order of the worker stays."""
    grave = {assessment: place for place, assessment in enumerate(ASSESSMENTS)}
    ranked = sorted(detections, key=lambda one: grave.get(one[1], len(grave)))
    return list(dict.fromkeys(name for name, _ in ranked))


def is_malicious(score: int, status_override: str | None, malicious_score: int) -> bool:
    """Whether the override is malicious or, without an override, the score is at least `malicious_score`."""
    return status_override == MALICIOUS or (status_override is None and score >= malicious_score)


def word_of(score: int, status_override: str | None, malicious_score: int) -> str:
    """Sum up a verdict in one word: the override, or malicious, suspicious, benign or unknown by the score."""
    if status_override is not None:
        return status_override
    if score <= UNKNOWN_SCORE:
        return UNKNOWN
    if score >= malicious_score:
        return MALICIOUS
    return "suspicious" if score >= min(SUSPICIOUS_SCORE, malicious_score) else BENIGN


def word_for(verdict: Verdict | None, malicious_score: int) -> str:
    """As `word_of`, of the latest verdict of a sample. Without a verdict, unknown."""
    return UNKNOWN if verdict is None else word_of(verdict.score, verdict.status_override, malicious_score)
