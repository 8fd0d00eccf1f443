"""`samplebank demo` shows everything, checks it, and leaves nothing."""

from pathlib import Path

import pytest

from cli.staging import Program


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def test_the_demo_shows_files_on_their_way_to_a_verdict(program: Program, temporary: Path) -> None:
    ended = program.run("demo", TMPDIR=str(temporary))

    assert (ended.status, ended.complaints) == (0, [])
    assert "-> +" in ended.out
    assert [line.split()[-3] for line in ended.out.splitlines() if line.startswith("eicar.com ")][-1:] != []
    assert "malicious" in ended.out


def test_the_demo_leaves_no_files(program: Program, temporary: Path) -> None:
    program.run("demo", TMPDIR=str(temporary))

    assert list(temporary.iterdir()) == []
