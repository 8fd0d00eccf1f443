"""The trial looks at a file as the service does: what comes out is opened in turn."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from trial.files import File
from trial.packages import Package, Registry
from trial.running import Outcome, Workers

from samplebank.worker.analysers import BUILT_IN
from worker.made_containers import locked, zipped

PROGRAM = b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0" + bytes(300)
PACKAGE = Package(registry=Registry.NPM, name="boxes", version="1.0.0", sha256="00" * 32)


@pytest.fixture(scope="module")
async def workers() -> AsyncIterator[Workers]:
    async with Workers.open(1, {"extract": BUILT_IN["extract"]}) as workers:
        yield workers


def stored(path: Path, data: bytes) -> File:
    path.write_bytes(data)
    return File(PACKAGE, path, path.name, hashlib.sha256(data).hexdigest(), "archives", len(data))


async def look(workers: Workers, path: Path, data: bytes, *passwords: str) -> Outcome:
    return await workers.look_at(stored(path, data), passwords)


def names(outcome: Outcome) -> set[str]:
    return {member.name for member in outcome.members}


async def test_a_file_within_a_file_within_a_file_comes_out(workers: Workers, tmp_path: Path) -> None:
    outcome = await look(workers, tmp_path / "sample", zipped({"inner.zip": zipped({"a.exe": PROGRAM})}))

    assert names(outcome) == {"inner.zip", "a.exe"}


async def test_a_file_in_the_folder_of_the_trial_is_found(
    workers: Workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert names(await look(workers, Path("sample"), zipped({"a.exe": PROGRAM}))) == {"a.exe"}


async def test_a_closed_container_holds_no_member_without_the_password(
    workers: Workers, tmp_path: Path
) -> None:
    closed = locked({"a.exe": PROGRAM}, "nobody knows")

    assert names(await look(workers, tmp_path / "closed", closed)) == set()
    assert names(await look(workers, tmp_path / "opened", closed, "nobody knows")) == {"a.exe"}


async def test_a_file_that_is_only_listed_is_a_member(workers: Workers, tmp_path: Path) -> None:
    assert names(await look(workers, tmp_path / "sample", zipped({"letter.txt": b"some words"}))) == {
        "letter.txt"
    }


async def test_a_file_without_a_result_says_why(workers: Workers, tmp_path: Path) -> None:
    outcome = await look(workers, tmp_path / "sample", b"")

    assert outcome.looked["extract"].failure == "The file is empty."
