"""The bench opens files of known content as the service does: what comes out is opened in turn."""

import hashlib
import re
from pathlib import Path

import pytest
from bench.opened import Expectation, Outcome, opened

from samplebank.worker.sandboxed import SandboxedAnalyser
from worker.made_containers import locked, zipped

PROGRAM = b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0" + bytes(300)
PROGRAM_IS_MET = Expectation(sha256=hashlib.sha256(PROGRAM).hexdigest())


class Opening:
    """Opens a file of this content, with an expectation."""

    def __init__(self, extract: SandboxedAnalyser, path: Path) -> None:
        self._extract, self._path = extract, path

    async def __call__(self, data: bytes, expected: Expectation, *passwords: str) -> Outcome:
        self._path.write_bytes(data)
        return await opened(self._extract, self._path, expected, passwords)


@pytest.fixture
def opening(extract_analyser: SandboxedAnalyser, tmp_path: Path) -> Opening:
    return Opening(extract_analyser, tmp_path / "sample")


async def test_a_file_within_a_file_within_a_file_is_found(opening: Opening) -> None:
    outcome = await opening(zipped({"inner.zip": zipped({"a.exe": PROGRAM})}), PROGRAM_IS_MET)

    assert (outcome.is_met, outcome.files) == (True, 2)


async def test_files_of_a_closed_container_do_not_count(opening: Opening) -> None:
    closed = locked({"a.exe": PROGRAM}, "nobody knows")

    assert not (await opening(closed, PROGRAM_IS_MET)).is_met
    assert (await opening(closed, PROGRAM_IS_MET, "nobody knows")).is_met


@pytest.mark.parametrize(("name", "is_met"), [("letter.txt", True), ("other.txt", False)])
async def test_a_file_that_is_only_listed_counts_by_its_name(
    opening: Opening, name: str, *, is_met: bool
) -> None:
    expected = Expectation(name=re.compile(r"^letter\.txt$"))

    assert (await opening(zipped({name: b"some words"}), expected)).is_met is is_met


async def test_an_empty_file_says_why_nothing_came_out(opening: Opening) -> None:
    assert (await opening(b"", PROGRAM_IS_MET)).reason == "The file is empty."
