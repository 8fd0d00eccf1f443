"""Rules are tried on clean files before the rules are installed."""

import json
from pathlib import Path

import pytest

from cli.program import Program

RULE = 'rule %s { meta: score = %s strings: $a = "needle" condition: $a }\n'


@pytest.fixture
def hay(tmp_path: Path) -> Path:
    """A folder of three clean files, two of which have a needle."""
    folder = tmp_path / "hay"
    (folder / "below").mkdir(parents=True)
    (folder / "one").write_text("a needle")
    (folder / "below" / "two").write_text("another needle")
    (folder / "three").write_text("hay")
    return folder


def test_rules_that_flag_clean_files_are_told_with_the_files(
    program: Program, hay: Path, tmp_path: Path
) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "all.yar").write_text(RULE % ("Grave", 80) + RULE % ("Mild", 10))
    (tmp_path / "rules" / "broken.yar").write_text("rule {")

    tried = program.run("yara", "test", tmp_path / "rules", hay, "--clean", "0", "--json")

    told = json.loads(tried.out)
    assert tried.status == 1
    assert {name: told[name] for name in ("rules", "files", "flagged", "suspicious", "malicious")} == {
        "rules": 2, "files": 3, "flagged": 2, "suspicious": 2, "malicious": 2
    }  # fmt: skip
    assert [(one["rule"], one["file"], one["score"], one["flagged"]) for one in told["flagging"]] == [
        ("Grave", "all.yar", 80, 2),
        ("Mild", "all.yar", 10, 2),
    ]
    assert told["flagging"][0]["examples"] == [f"{hay}/below/two", f"{hay}/one"]
    assert list(told["broken"]) == ["broken.yar"]


def test_a_file_of_rules_that_flags_little_passes(program: Program, hay: Path, tmp_path: Path) -> None:
    (tmp_path / "mild").write_text(RULE % ("Mild", 10))

    tried = program.run("yara", "test", tmp_path / "mild", hay, "--clean", "5")

    assert tried.status == 0
    assert (
        "2 of 8 clean files would have been flagged: 0 with 70 or more, 0 with 30 to 69. Rules: 1."
        in tried.out
    )


def test_missing_rules_are_named(program: Program, tmp_path: Path) -> None:
    tried = program.run("yara", "test", tmp_path / "nowhere")

    assert tried.status == 2
    assert "neither a folder nor a file" in " ".join(tried.complaints)
