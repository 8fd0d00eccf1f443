"""What a rule of an own file may use: rules of other files, variables and modules, and no other files."""

import os
from pathlib import Path

import msgspec
import pytest

from samplebank.worker.analysers.testing import sample_file
from samplebank.worker.contract import Tag
from samplebank.worker.sandboxed import SandboxedAnalyser
from worker.rule_files import RULE, named


@pytest.mark.parametrize(
    "condition",
    [
        'filename == "invoice.PDF.exe"',
        'filepath == "C:\\\\Users\\\\x\\\\"',
        'extension == ".exe"',
        'filetype == "EXE"',
        'owner == ""',
    ],
)
async def test_rules_may_ask_for_the_name_and_the_type(
    own_rules: SandboxedAnalyser, rules: Path, sample: Path, condition: str
) -> None:
    (rules / "one.yar").write_text(f"rule Asking {{ condition: {condition} }}")
    about = msgspec.structs.replace(
        sample_file(sample),
        submission={"fileName": "C:\\Users\\x\\invoice.PDF.exe"},
        classification={"type": "pebin"},
    )

    known, unknown = await own_rules.analyse(about), await own_rules.analyse(sample_file(sample))

    assert known.tags == [Tag("yara", "Asking")]
    assert unknown.tags == ([Tag("yara", "Asking")] if "owner" in condition else [])


async def test_a_file_may_use_private_rules_of_other_files(
    own_rules: SandboxedAnalyser, rules: Path, sample: Path
) -> None:
    (rules / "lib").mkdir()
    (rules / "z.yar").write_text(
        'private rule Needle { strings: $a = "needle" condition: $a } rule Public { condition: true }'
    )
    (rules / "lib" / "hay.yar").write_text(
        'private rule Hay { strings: $a = "hay" condition: $a and Needle }'
    )
    (rules / "a.yar").write_text("rule Both { meta: score = 90 condition: Hay and Needle }")
    (rules / "lost.yar").write_text("rule Lost { condition: Nowhere and Needle }")
    (rules / "b.yar").write_text(
        "// rule Needle and rule Both are elsewhere\nrule Third { condition: false }"
    )

    result = await own_rules.analyse(sample_file(sample))

    found = [(rule["file"], rule["rule"]) for rule in result.result["rules"]]
    assert sorted(found) == [("a.yar", "Both"), ("z.yar", "Public")]
    assert list(result.result["brokenRuleFiles"]) == ["lost.yar"]


@pytest.mark.parametrize("first", ["a_needle.yar", "z_needle.yar"])
async def test_a_file_may_use_rules_of_two_files_of_which_one_uses_the_other(
    own_rules: SandboxedAnalyser, rules: Path, sample: Path, first: str
) -> None:
    (rules / first).write_text('rule A_Needle { strings: $a = "needle" condition: $a }')
    (rules / "hay.yar").write_text("rule Hay { condition: A_Needle }")
    (rules / "both.yar").write_text("rule Both { condition: A_Needle and Hay }")

    result = await own_rules.analyse(sample_file(sample))

    assert sorted(named(result)) == ["A_Needle", "Both", "Hay"]
    assert result.result["brokenRuleFiles"] == {}


async def test_files_whose_rules_use_each_other_in_a_ring_are_broken(
    own_rules: SandboxedAnalyser, rules: Path, sample: Path
) -> None:
    (rules / "asking.yar").write_text("rule Asking { condition: One }")
    (rules / "one.yar").write_text("rule One { condition: Two }")
    (rules / "two.yar").write_text("rule Two { condition: One }")

    result = await own_rules.analyse(sample_file(sample))

    assert sorted(result.result["brokenRuleFiles"]) == ["asking.yar", "one.yar", "two.yar"]


async def test_a_module_that_is_not_there_costs_the_rules_that_use_the_module(
    own_rules: SandboxedAnalyser, rules: Path, sample: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (rules / "apk.yar").write_text(
        'import "androguard" rule Phone { condition: androguard.app_name("x") }' + RULE % ("Other", 40)
    )

    result = await own_rules.analyse(sample_file(sample))

    assert [rule["rule"] for rule in result.result["rules"]] == ["Other"]
    said = vars(caplog.records[-1])["fields"]["reason"]
    assert said.startswith("apk.yar in ")
    assert "1 rules are left out: depends on ignored module `androguard`" in said


async def test_a_rule_cannot_include_files(own_rules: SandboxedAnalyser, rules: Path, sample: Path) -> None:
    (rules / "include.yar").write_text(f'include "{os.devnull}"')

    result = await own_rules.analyse(sample_file(sample))

    assert set(result.result["brokenRuleFiles"]) == {"include.yar"}
