"""The verdict of a set of analyses. Pure arithmetic: the strongest findings decide."""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

import msgspec

from samplebank.verdicts.model import UNKNOWN_SCORE

#: the weight of a score is the score to this power, so that many weak findings do not outweigh a strong finding
POWER = 4


class Finding(msgspec.Struct, frozen=True):
    """The parts of an analysis that count: score -1 (no findings) to 100, tags as (type, value)."""

    id: UUID
    score: int
    status_override: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    triggered_detections: int = 0


class Share(msgspec.Struct, frozen=True):
    """How far an analysis is from the overall score, and how much of the overall score the analysis made, in percent."""

    id: UUID
    difference: int | None
    impact: int | None


class Assessment(msgspec.Struct, frozen=True):
    score: int
    status_override: str | None
    contradicting: bool
    shares: tuple[Share, ...]
    tags: tuple[tuple[str, str, int], ...]
    triggered_detections: int


def weigh(findings: Sequence[Finding]) -> Assessment:
    """Weigh findings to a verdict. The shares come in the order of the findings."""
    weights = {f.id: max(f.score, 1) ** POWER for f in findings if f.score != UNKNOWN_SCORE}
    total = sum(weights.values())
    weighted = sum(weights[finding.id] * finding.score for finding in findings if finding.id in weights)
    score = rounded(weighted, total) if total else UNKNOWN_SCORE
    overrides = {finding.status_override for finding in findings} - {None}
    counted = Counter(tag for finding in findings for tag in dict.fromkeys(finding.tags))
    return Assessment(
        score=score,
        status_override=overrides.pop() if len(overrides) == 1 else None,
        contradicting=len(overrides) > 1,
        shares=tuple(_share(finding, weights, total, score) for finding in findings),
        tags=tuple((type_, value, count) for (type_, value), count in sorted(counted.items())),
        triggered_detections=sum(finding.triggered_detections for finding in findings),
    )


def _share(finding: Finding, weights: dict[UUID, int], total: int, score: int) -> Share:
    weight = weights.get(finding.id)
    if weight is None:
        return Share(finding.id, None, None)
    return Share(finding.id, finding.score - score, rounded(100 * weight, total))


def rounded(numerator: int, denominator: int) -> int:
    """The quotient, to the nearest whole number, halves away from zero. `denominator` is positive."""
    half_up = (2 * abs(numerator) + denominator) // (2 * denominator)
    return half_up if numerator >= 0 else -half_up
