"""The clean files that rules are tried on: of many folders, the same in each run, found without a look at every file."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from samplebank.worker import clean_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Forty folders with ten files each, and what is no clean file."""
    for number in range(40):
        below = tmp_path / str(number % 4) / str(number)
        below.mkdir(parents=True)
        for name in range(10):
            (below / str(name)).write_text("x")
        (below / "link").symlink_to(below / "0")
        (below / "empty").touch()
    return tmp_path


def test_few_files_of_each_folder_are_taken_while_there_are_other_folders(folder: Path) -> None:
    found = clean_files.some_below(folder, 100)

    assert len(set(found)) == 100
    assert len({file.parent for file in found}) == 100 / clean_files.FROM_A_FOLDER
    assert found == clean_files.some_below(folder, 100)


def test_all_files_are_found_where_all_are_needed(folder: Path) -> None:
    found = clean_files.some_below(folder, 1000)

    assert sorted(found) == sorted(clean_files.below(folder))
    assert len(found) == 400


def test_no_more_folders_are_read_than_the_files_need(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    scan = os.scandir

    def noted(path: Path) -> Iterator[os.DirEntry[str]]:
        read.append(path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", noted)
    clean_files.some_below(folder, 20)

    assert len(read) < 15
