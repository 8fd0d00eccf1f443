"""The YARA analyser in its sandbox, with the rules of a user."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from samplebank.worker.analysers.testing import sample_file
from samplebank.worker.contract import Tag
from samplebank.worker.sandboxed import SandboxedAnalyser
from samplebank.worker.wire import analysis_request
from worker.rule_files import ELSEWHERE, HALF_BROKEN, RULE, move, named, replace


async def test_the_score_is_that_of_the_worst_rule(
    own_rules: SandboxedAnalyser, rules: Path, sample: Path
) -> None:
    (rules / "two.yar").write_text(RULE % ("Mild", 20) + RULE % ("Grave", 77))

    result = await own_rules.analyse(sample_file(sample))

    assert result.score == 77
    assert [found["patterns"][0]["offsets"] for found in result.result["rules"]] == [[2], [2]]


async def test_a_changed_folder_is_seen_before_the_next_scan(
    own_rules: SandboxedAnalyser, rules: Path, sample: Path
) -> None:
    before = await own_rules.analyse(sample_file(sample))
    (rules / "new.yara").write_text(RULE % ("New", 60))

    after = await own_rules.analyse(sample_file(sample))

    assert (before.score, after.score) == (-1, 60)


async def test_a_broken_rule_file_leaves_the_others_in_force(
    own_rules: SandboxedAnalyser, rules: Path, sample: Path
) -> None:
    (rules / "broken.yar").write_text("rule {")
    (rules / "good.yar").write_text(RULE % ("Good", 50))

    result = await own_rules.analyse(sample_file(sample))

    assert result.score == 50
    assert set(result.result["brokenRuleFiles"]) == {"broken.yar"}


@pytest.mark.parametrize(
    ("make", "name", "reason"),
    [
        pytest.param(lambda path: path.mkdir(), b"x.yar", "no regular file", id="folder"),
        pytest.param(lambda path: path.symlink_to(path.name), b"loop.yar", "symbolic links", id="link loop"),
        pytest.param(lambda path: path.symlink_to("nowhere"), b"dead.yar", "does not exist", id="dead link"),
        pytest.param(lambda path: path.symlink_to(ELSEWHERE), b"out.yar", "leads out", id="link to a file outside"),
        pytest.param(lambda path: path.symlink_to(ELSEWHERE.parent), b"out", "leads out", id="link to a folder outside"),
        pytest.param(os.mkfifo, b"pipe.yar", "no regular file", id="pipe"),
        pytest.param(lambda path: path.write_bytes(b"rule {"), b"deep.YAR", "syntax error", id="upper-case name"),
        pytest.param(lambda path: path.write_bytes(b"rule {"), b"\xff.yar", "syntax error", id="name that is no UTF-8"),
        pytest.param(lambda path: path.write_bytes(HALF_BROKEN), b"half.yar", "unknown pattern", id="broken rule among others"),
        pytest.param(lambda path: path.write_bytes(b"\xff\xfe\0"), b"utf16.yar", "truncated", id="damaged UTF-16"),
    ],
)  # fmt: skip
async def test_an_entry_that_is_no_rule_file_costs_itself_and_is_named_by_its_path(
    own_rules: SandboxedAnalyser,
    rules: Path,
    sample: Path,
    make: Callable[[Path], object],
    name: bytes,
    reason: str,
) -> None:
    (rules / "good.yar").write_text(RULE % ("Good", 50))
    (rules / "below").mkdir()
    make(rules / "below" / os.fsdecode(name))

    result = await own_rules.analyse(sample_file(sample))

    shown = "below/" + name.decode(errors="backslashreplace")
    assert [found["file"] for found in result.result["rules"]] == ["good.yar"]
    assert list(result.result["brokenRuleFiles"]) == [shown]
    assert reason in result.result["brokenRuleFiles"][shown]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\xef\xbb\xbf" + (RULE % ("Good", 50)).encode(), id="byte order mark"),
        pytest.param((RULE % ("Good", 50)).encode("utf-16"), id="UTF-16"),
        pytest.param("// Jos\xe9\n".encode("latin-1") + (RULE % ("Good", 50)).encode(), id="Latin-1"),
        pytest.param(b'rule Good { strings: $a = "\xe9" $b = /caf\xe9/ condition: any of them }', id="bytes"),
    ],
)
async def test_a_rule_file_may_be_in_another_encoding(
    own_rules: SandboxedAnalyser, rules: Path, sample: Path, content: bytes
) -> None:
    (rules / "good.yar").write_bytes(content)

    result = await own_rules.analyse(sample_file(sample))

    assert (result.score, result.result["brokenRuleFiles"]) == (50, {})


async def test_a_file_with_several_names_counts_once(
    own_rules: SandboxedAnalyser, rules: Path, sample: Path
) -> None:
    (rules / "..2026").mkdir()
    (rules / "..2026" / "good.yar").write_text(RULE % ("Good", 50))
    (rules / "..data").symlink_to("..2026")
    (rules / "good.yar").symlink_to("..data/good.yar")

    result = await own_rules.analyse(sample_file(sample))

    assert [found["file"] for found in result.result["rules"]] == ["good.yar"]


async def test_what_is_wrong_in_the_folder_is_logged_at_first_and_when_it_changes(
    own_rules: SandboxedAnalyser, rules: Path, sample: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (rules / "old.yar").write_text("rule {")
    await own_rules.check()
    first = [vars(record)["fields"]["reason"] for record in caplog.records]
    (rules / "new.yar").mkdir()

    for _ in range(2):
        await own_rules.analyse(sample_file(sample))

    later = [vars(record)["fields"]["reason"] for record in caplog.records[len(first) :]]
    assert [reason.partition(" in ")[0] for reason in first] == ["old.yar"]
    assert [reason.partition(" in ")[0] for reason in later] == ["new.yar"]


async def test_a_folder_that_is_replaced_is_read_anew(
    own_rules: SandboxedAnalyser, rules: Path, sample: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (rules / "old.yar").write_text(RULE % ("Old", 30))
    before = await own_rules.analyse(sample_file(sample))
    move(rules, rules.with_name("rules.old"))

    missing = await own_rules.analyse(sample_file(sample))
    said = vars(caplog.records[-1])["fields"]["reason"]
    replace(rules, {"new.yar": RULE % ("New", 60)})
    after = await own_rules.analyse(sample_file(sample))

    assert [named(one) for one in (before, missing, after)] == [["Old"], ["Old"], ["New"]]
    assert said.startswith(f"The folder of rules {rules} cannot be read: No such file")


async def test_a_new_folder_in_which_every_file_is_broken_leaves_the_rules_before_in_force(
    own_rules: SandboxedAnalyser, rules: Path, sample: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (rules / "good.yar").write_text(RULE % ("Good", 30))
    before = await own_rules.analyse(sample_file(sample))
    replace(rules, {"one.yar": "rule {", "two.yar": HALF_BROKEN.decode()})

    broken = await own_rules.analyse(sample_file(sample))
    said = vars(caplog.records[-1])["fields"]["reason"]
    replace(rules, {"one.yar": RULE % ("Mended", 40), "two.yar": "rule {"})
    mended = await own_rules.analyse(sample_file(sample))

    assert [named(one) for one in (before, broken, mended)] == [["Good"], ["Good"], ["Mended"]]
    assert said.startswith(f"No file of rules in {rules} can be used. The rules that were there before stay")


async def test_of_very_many_matches_the_worst_are_kept(
    own_rules: SandboxedAnalyser, rules: Path, sample: Path
) -> None:
    (rules / "many.yar").write_text("".join(RULE % (f"Mild{number}", 20) for number in range(501)))
    (rules / "z.yar").write_text(RULE % ("Grave", 100))

    result = await own_rules.analyse(sample_file(sample))

    assert (result.score, len(result.result["rules"])) == (100, 500)
    assert result.tags[0] == Tag("yara", "Grave")


@pytest.mark.parametrize(
    ("stated", "score"),
    [
        pytest.param('Score = "77"', 77, id="text"),
        pytest.param("SCORE = 77", 77, id="capitals"),
        pytest.param("score = 76.6", 77, id="fraction"),
        pytest.param('score = " 300 "', 100, id="too high"),
        pytest.param("score = -5", 0, id="below zero"),
        pytest.param('score = "high"', 50, id="no number"),
        pytest.param("score = false", 50, id="truth value"),
    ],
)
async def test_a_score_may_be_spelled_in_any_way(
    own_rules: SandboxedAnalyser, rules: Path, sample: Path, stated: str, score: int
) -> None:
    (rules / "one.yar").write_text((RULE % ("One", 1)).replace("score = 1", stated))

    assert (await own_rules.analyse(sample_file(sample))).score == score


async def test_a_match_is_told_with_its_places_and_its_text(
    own_rules: SandboxedAnalyser, rules: Path, sample: Path
) -> None:
    (rules / "one.yar").write_text(
        "rule Odd { strings: $a = /needle.{0,9}/ $b = { 63 61 66 e9 } condition: all of them }"
    )

    patterns = (await own_rules.analyse(sample_file(sample))).result["rules"][0]["patterns"]

    assert patterns == [
        {"name": "$a", "count": 1, "offsets": [2], "lengths": [15], "text": "needle in a hay"},
        {"name": "$b", "count": 1, "offsets": [26], "lengths": [4], "text": "caf\\xe9"},
    ]


async def test_very_many_matches_of_long_texts_have_a_result(
    own_rules: SandboxedAnalyser, rules: Path
) -> None:
    (rules.parent / "needles").write_bytes(b"needle" * 1000)
    strings = "".join(f"$a{number} = /needle.{{{number}}}/s " for number in range(30))
    description = "x" * 20_000
    (rules / "many.yar").write_text(
        "".join(
            f'rule R{number} {{ meta: description = "{description}" strings: {strings} condition: any of them }}'
            for number in range(50)
        )
    )

    result = await own_rules.analyse(sample_file(rules.parent / "needles"))

    assert len(result.result["rules"]) == 50
    assert sum(len(rule["patterns"]) for rule in result.result["rules"]) == 1000


async def test_the_best_rules_keep_their_families_where_more_rules_match_than_there_are_tags(
    own_rules: SandboxedAnalyser, rules: Path, sample: Path
) -> None:
    (rules / "many.yar").write_text("\n".join(RULE % (f"Rule_{number}", number) for number in range(101)))

    request = analysis_request(
        await own_rules.analyse(sample_file(sample)),
        customer="test",
        tlp="amber",
        agent={"name": "yara", "version": "1"},
    )

    assert request["tags"][:2] == [
        {"type": "yara", "value": "Rule_100"},
        {"type": "family", "value": "Staged"},
    ]


async def test_a_file_that_is_replaced_by_renaming_is_read_anew(
    own_rules: SandboxedAnalyser, rules: Path, sample: Path
) -> None:
    (rules / "one.yar").write_text(RULE % ("One", 30))
    before = await own_rules.analyse(sample_file(sample))
    (rules / "new").write_text(RULE % ("Two", 30))
    (rules / "new").replace(rules / "one.yar")

    after = await own_rules.analyse(sample_file(sample))

    assert [rule["rule"] for one in (before, after) for rule in one.result["rules"]] == ["One", "Two"]


async def test_a_folder_in_which_every_file_is_broken_leaves_the_rules_before_in_force(
    own_rules: SandboxedAnalyser, rules: Path, sample: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (rules / "one.yar").write_text(RULE % ("One", 30))
    before = await own_rules.analyse(sample_file(sample))
    (rules / "new").write_text("rule {")
    (rules / "new").replace(rules / "one.yar")

    broken = await own_rules.analyse(sample_file(sample))
    said = vars(caplog.records[-1])["fields"]["reason"]
    (rules / "one.yar").unlink()
    emptied = await own_rules.analyse(sample_file(sample))

    told = [[rule["rule"] for rule in one.result["rules"]] for one in (before, broken, emptied)]
    assert told == [["One"], ["One"], []]
    assert said.startswith(f"No file of rules in {rules} can be used. The rules that were there before stay")
