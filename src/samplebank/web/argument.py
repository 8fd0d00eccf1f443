"""A verdict as an argument: who said what, with which weight, and what the verdict would be without a witness. Pure."""

import re
from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from samplebank.jobs.waiting import CHILDREN
from samplebank.verdicts.model import UNKNOWN_SCORE, Verdict, gravest_first, word_of
from samplebank.verdicts.weighing import Assessment, Finding, weigh

#: witnesses for whom the score is looked for at which the verdict becomes another
MOST_FLIPPED: Final = 12
HIGHEST: Final = 100
#: how an analysis of children names a child
CHILD: Final = re.compile(r".* (?P<sha256>[0-9a-f]{64})")


class Flip(msgspec.Struct, frozen=True):
    """The verdict becomes `word` if the witness `rises` to `score`, or falls to `score`."""

    rises: bool
    score: int
    word: str


class Witness(msgspec.Struct, frozen=True):
    """An analysis that counts. `weight` is the share of the score in percent, None for an analysis that says nothing."""

    id: UUID
    name: str
    version: str
    score: int
    weight: int | None
    detections: list[str]
    #: the sample that decided, of an analysis of children
    child: str | None
    tags: list[str]
    is_out: bool
    flip: Flip | None
    #: the analyses to leave out after a click on the switch of the witness
    switched: list[UUID]


class Argument(msgspec.Struct, frozen=True):
    """`word` and `score` are of the stored verdict, `doubted` and `doubted_score` of the verdict without some witnesses.

    `is_partial`: analyses that the reader may not see made a part of the verdict, or all of the verdict.
    """

    word: str
    score: int
    is_manual: bool
    is_withdrawal: bool
    override: str | None
    is_contradicting: bool
    is_partial: bool
    comment: str | None
    witnesses: list[Witness]
    is_doubted: bool
    doubted: str
    doubted_score: int

    @property
    def speaking(self) -> list[Witness]:
        """The witnesses with findings, the strongest first."""
        return sorted((one for one in self.witnesses if one.weight is not None), key=lambda one: -one.score)

    @property
    def silent(self) -> list[Witness]:
        return [one for one in self.witnesses if one.weight is None and not one.is_out]


def argue(verdict: Verdict, malicious_score: int, without: Collection[UUID] = ()) -> Argument:
    """Take a verdict apart, leaving out the analyses `without`. Only analyses that the reader may see take part."""
    given = [_finding(analysis) for analysis in verdict.analyses]
    kept = [finding for finding in given if finding.id not in without]
    weighed = weigh(kept)
    is_partial = _is_partial(verdict, weigh(given))
    shares = {share.id: share.impact for share in weighed.shares}
    if is_partial and len(kept) == len(given):
        shares = _stored_shares(verdict)
    left_out = [finding.id for finding in given if finding.id in without]
    override = verdict.status_override
    is_doubted = len(kept) < len(given)
    score = weighed.score if is_doubted else verdict.score
    return Argument(
        word=word_of(verdict.score, override, malicious_score),
        score=verdict.score,
        is_manual=verdict.manual,
        is_withdrawal=verdict.is_withdrawal,
        override=override,
        is_contradicting=verdict.contradicting,
        is_partial=is_partial,
        comment=verdict.comment,
        witnesses=[
            _witness(
                analysis,
                shares,
                left_out,
                None if is_partial else _flip(kept, analysis, override, malicious_score),
            )
            for analysis in verdict.analyses
        ],
        is_doubted=is_doubted,
        doubted=word_of(score, override, malicious_score),
        doubted_score=score,
    )


def _is_partial(verdict: Verdict, weighed: Assessment) -> bool:
    """Whether the analyses that the reader may see weigh otherwise than all analyses of the verdict did."""
    if verdict.manual and not verdict.is_withdrawal:
        return False
    stored = _stored_shares(verdict)
    return weighed.score != verdict.score or any(
        stored[share.id] != share.impact for share in weighed.shares if share.id in stored
    )


def _stored_shares(verdict: Verdict) -> dict[UUID, int | None]:
    """The share of each visible analysis in the weight of all analyses."""
    return {UUID(one["id"]): one["impact"] for one in verdict.analyses if "impact" in one}


def _finding(analysis: dict[str, Any]) -> Finding:
    return Finding(UUID(analysis["id"]), analysis["analysisScore"])


def _witness(
    analysis: dict[str, Any], shares: dict[UUID, int | None], left_out: Sequence[UUID], flip: Flip | None
) -> Witness:
    id_ = UUID(analysis["id"])
    is_out = id_ in left_out
    found = ((str(one["name"]), str(one["assessment"])) for one in analysis["triggeredDetections"])
    detections = gravest_first(found)
    child = (
        CHILD.fullmatch(detections[0]) if detections and analysis["userAgent"]["name"] == CHILDREN else None
    )
    switched = [one for one in left_out if one != id_] if is_out else [*left_out, id_]
    return Witness(
        id=id_,
        name=analysis["userAgent"]["name"],
        version=analysis["userAgent"]["version"],
        score=analysis["analysisScore"],
        weight=shares.get(id_),
        detections=detections,
        child=None if child is None else child["sha256"],
        tags=[str(tag["value"]) for tag in analysis["tags"]],
        is_out=is_out,
        flip=flip,
        switched=switched,
    )


def _flip(
    kept: Sequence[Finding], analysis: dict[str, Any], override: str | None, malicious_score: int
) -> Flip | None:
    """The nearest score of the witness at which the verdict becomes another; None where no score does, or with an override."""
    id_, score = UUID(analysis["id"]), analysis["analysisScore"]
    if override is not None or len(kept) > MOST_FLIPPED or not any(finding.id == id_ for finding in kept):
        return None

    def word_with(changed: int) -> str:
        findings = [Finding(one.id, changed if one.id == id_ else one.score) for one in kept]
        return word_of(weigh(findings).score, None, malicious_score)

    now = word_with(score)
    for distance in range(1, HIGHEST + 1):
        for changed in (score - distance, score + distance):
            if UNKNOWN_SCORE < changed <= HIGHEST and (word := word_with(changed)) != now:
                return Flip(changed > score, changed, word)
    return None
