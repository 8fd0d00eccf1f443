"""A verdict as an argument: weights, switches and flip points."""

from typing import Any
from uuid import UUID

import msgspec

from samplebank.verdicts.model import Verdict
from samplebank.web.argument import Flip, argue

YARA, STATIC, SILENT = UUID(int=1), UUID(int=2), UUID(int=3)
MALICIOUS = 70


def analysis(id_: UUID, name: str, score: int) -> dict[str, Any]:
    agent = {"name": name, "version": "1.0"}
    return {"id": str(id_), "analysisScore": score, "userAgent": agent, "tags": [], "triggeredDetections": []}


def verdict(score: int, *analyses: dict[str, Any], override: str | None = None) -> Verdict:
    return Verdict(
        id=UUID(int=9),
        sha256=b"",
        score=score,
        status_override=override,
        manual=False,
        contradicting=False,
        shared=False,
        comment=None,
        user_id=None,
        tags=[],
        created_time=0,
        job_id=None,
        job_state=None,
        analyses=list(analyses),
        is_withdrawal=False,
    )


BOTH = verdict(97, analysis(YARA, "yara", 99), analysis(STATIC, "static", 40), analysis(SILENT, "other", -1))


def test_each_witness_has_its_share_of_the_weight() -> None:
    argument = argue(BOTH, MALICIOUS)

    assert [(one.name, one.weight) for one in argument.speaking] == [("yara", 97), ("static", 3)]
    assert [one.name for one in argument.silent] == ["other"]
    assert (argument.word, argument.is_doubted) == ("malicious", False)


def test_a_witness_names_the_gravest_finding_first() -> None:
    found = [("odd", "informational"), ("strong", "malicious"), ("weak", "malicious"), ("odd", "unknown")]
    told = analysis(YARA, "yara", 99)
    told["triggeredDetections"] = [{"name": name, "assessment": assessment} for name, assessment in found]

    (witness,) = argue(verdict(99, told), MALICIOUS).witnesses

    assert witness.detections == ["strong", "weak", "odd"]


def test_an_analysis_of_children_names_the_child_that_decided() -> None:
    told = analysis(YARA, "children", 99)
    told["triggeredDetections"] = [{"name": f"a b/c.exe {'0' * 64}", "assessment": "malicious"}]

    (witness,) = argue(verdict(99, told), MALICIOUS).witnesses

    assert witness.child == "0" * 64


def test_without_a_witness_the_verdict_is_weighed_again() -> None:
    argument = argue(BOTH, MALICIOUS, [YARA])

    assert (argument.word, argument.score) == ("malicious", 97)
    assert (argument.doubted, argument.doubted_score) == ("suspicious", 40)


def test_a_switch_leaves_out_one_more_and_a_second_click_takes_the_witness_back() -> None:
    argument = argue(BOTH, MALICIOUS, [YARA])

    switches = {one.name: one.switched for one in argument.witnesses}
    assert switches == {"yara": [], "static": [YARA, STATIC], "other": [YARA, SILENT]}


def test_without_all_witnesses_nothing_is_known() -> None:
    argument = argue(BOTH, MALICIOUS, [YARA, STATIC, SILENT])

    assert (argument.doubted, argument.doubted_score) == ("unknown", -1)


def test_an_id_that_is_none_of_the_witnesses_changes_nothing() -> None:
    assert not argue(BOTH, MALICIOUS, [UUID(int=77)]).is_doubted


def test_the_flip_point_is_the_nearest_score_with_another_verdict() -> None:
    argument = argue(verdict(75, analysis(YARA, "yara", 75)), MALICIOUS)

    assert argument.witnesses[0].flip == Flip(rises=False, score=69, word="suspicious")


def test_a_weak_witness_may_flip_by_rising() -> None:
    argument = argue(verdict(60, analysis(YARA, "yara", 60)), MALICIOUS)

    assert argument.witnesses[0].flip == Flip(rises=True, score=70, word="malicious")


def test_a_verdict_of_analyses_that_the_reader_may_not_see_says_so() -> None:
    unseen, seen = argue(verdict(100), MALICIOUS), argue(BOTH, MALICIOUS)

    assert (unseen.is_partial, unseen.witnesses) == (True, [])
    assert not seen.is_partial


def test_beside_analyses_that_the_reader_may_not_see_a_witness_keeps_its_share_and_flips_nothing() -> None:
    told = {**analysis(YARA, "yara", 99), "impact": 50}

    argument = argue(verdict(99, told), MALICIOUS)

    (witness,) = argument.witnesses
    assert (argument.is_partial, witness.weight, witness.flip) == (True, 50, None)


def test_a_verdict_by_hand_has_no_part_that_is_not_seen() -> None:
    by_hand = msgspec.structs.replace(verdict(100, override="malicious"), manual=True)

    assert not argue(by_hand, MALICIOUS).is_partial


def test_with_an_override_no_score_decides() -> None:
    argument = argue(verdict(75, analysis(YARA, "yara", 75), override="benign"), MALICIOUS)

    assert argument.word == "benign"
    assert argument.witnesses[0].flip is None
