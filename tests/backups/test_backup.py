"""`samplebank backup` while the service runs: what waits, what goes on, and what is left of an interrupted backup."""

import json
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from backups.conftest import Backup, Gate, blob_of, delete, delete_analyses, names_in, told
from kit.bank import Bank, Sample, eventually
from kit.service import PROGRAM, Service


async def test_the_bytes_of_deleted_files_go_when_the_backup_has_ended(
    service: Service, bank: Bank, doomed: Sample, analysed: Sample, held_up: Backup, gate: Gate
) -> None:
    blobs = [blob_of(service.blobs, "sample", doomed), blob_of(service.blobs, "evidence", analysed)]
    delete(bank, doomed)
    delete_analyses(bank, analysed)
    during = [blob.exists() for blob in blobs]

    await gate.open()

    assert held_up.process.wait(60) == 0
    assert during == [True, True]
    assert eventually(lambda: not any(blob.exists() for blob in blobs))


async def test_uploads_and_jobs_go_on_during_a_backup(bank: Bank, held_up: Backup) -> None:
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker)
    ended = bank.update(job, tasks[worker], "success")
    read = bank.get(f"{sample.path}/raw")

    assert (ended.status_code, read.content) == (200, sample.data)
    assert held_up.process.poll() is None


async def test_a_killed_backup_is_named_partial_and_holds_nothing_back(
    service: Service, bank: Bank, doomed: Sample, folder: Path, gate: Gate
) -> None:
    blob = blob_of(service.blobs, "sample", doomed)
    await gate.open()
    before = Path(told(service, folder)["backup"]).name
    await gate.close()
    backup = Backup(service, folder)
    await gate.await_dump()

    backup.kill()
    await gate.open()
    left = names_in(folder)
    delete(bank, doomed)
    is_removed = eventually(lambda: not blob.exists())
    after = Path(told(service, folder)["backup"]).name

    assert left[0] == before
    assert [name.endswith(".partial") for name in left] == [False, True]
    assert is_removed
    assert names_in(folder) == [before, after]


def test_a_backup_that_cannot_be_written_leaves_the_backups_before_whole(
    service: Service, made: Path, folder: Path
) -> None:
    shutil.copytree(made, folder)
    limited = ["sh", "-c", 'ulimit -f 8; exec "$@"', "sh", *PROGRAM, "backup", str(folder)]

    done = subprocess.run(limited, env=service.environment, capture_output=True, text=True, check=False)

    before, partial = names_in(folder)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "The backup cannot be written" in done.stderr
    assert partial.endswith(".partial")
    assert (folder / before / "manifest.json").read_bytes() == (made / before / "manifest.json").read_bytes()


async def test_a_second_backup_at_once_is_refused(
    service: Service, held_up: Backup, folder: Path, tmp_path: Path
) -> None:
    same = service.run("backup", str(folder))
    other = service.run("backup", str(tmp_path / "new" / "other"))

    assert (same.returncode, len(same.stderr.splitlines())) == (1, 1)
    assert f"works on {folder}: wait for its end" in same.stderr
    assert (other.returncode, len(other.stderr.splitlines())) == (1, 1)
    assert "Another backup of this installation is under way" in other.stderr
    assert not (tmp_path / "new").exists()
    assert held_up.process.poll() is None


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_backup_that_is_told_to_end_says_what_is_left(
    held_up: Backup, number: signal.Signals, code: int
) -> None:
    held_up.process.send_signal(number)
    _, complaints = held_up.process.communicate(timeout=60)

    said = "Interrupted: backups before are whole, and the next backup uses what was copied."
    assert (held_up.process.returncode, complaints) == (code, f"samplebank: {said}\n")


def test_the_next_backup_copies_only_what_is_new(
    service: Service, bank: Bank, made: Path, folder: Path
) -> None:
    shutil.copytree(made, folder)
    sample = bank.submitted()

    said = told(service, folder)

    assert said["files"] > said["copied"] > 0
    assert blob_of(folder / "blobs", "sample", sample).read_bytes() == sample.data
    assert names_in(folder)[0] == names_in(made)[0]


def test_older_backups_go_with_the_bytes_that_only_they_have(
    service: Service, bank: Bank, doomed: Sample, folder: Path
) -> None:
    stays = bank.submitted()
    first = told(service, folder)
    delete(bank, doomed)
    had = blob_of(folder / "blobs", "sample", doomed).exists()

    second = told(service, folder, "--keep", "1")

    assert had
    assert second["removed"] == [Path(first["backup"]).name]
    assert names_in(folder) == [Path(second["backup"]).name]
    assert not blob_of(folder / "blobs", "sample", doomed).exists()
    assert blob_of(folder / "blobs", "sample", stays).exists()


def test_missing_bytes_of_the_installation_are_named_and_the_rest_is_saved(
    service: Service, bank: Bank, folder: Path
) -> None:
    sample, other = bank.submitted(), bank.submitted()
    blob = blob_of(service.blobs, "sample", sample)
    blob.write_bytes(b"x" * len(sample.data))

    done = service.run("backup", str(folder), "--json")
    blob.write_bytes(sample.data)

    assert (done.returncode, json.loads(done.stdout)["missing"]) == (1, [f"sample/{sample.sha256}"])
    assert f"sample/{sample.sha256} is missing or damaged in the installation" in done.stderr
    assert not blob_of(folder / "blobs", "sample", sample).exists()
    assert blob_of(folder / "blobs", "sample", other).exists()


async def test_a_blob_folder_that_goes_during_a_backup_leaves_the_backup_partial(
    service: Service, doomed: Sample, held_up: Backup, folder: Path, gate: Gate, tmp_path: Path
) -> None:
    assert blob_of(service.blobs, "sample", doomed).exists()
    service.blobs.rename(tmp_path / "unmounted")
    service.blobs.mkdir()
    try:
        await gate.open()
        _, complaints = held_up.process.communicate(timeout=60)
    finally:
        service.blobs.rmdir()
        (tmp_path / "unmounted").rename(service.blobs)

    assert (held_up.process.returncode, len(complaints.splitlines())) == (1, 1)
    assert "The blob store has lost its file samplebank-store" in complaints
    assert [name.endswith(".partial") for name in names_in(folder)] == [True]


def test_nobody_else_may_read_a_backup(made: Path) -> None:
    modes = {path.stat().st_mode & 0o077 for path in (made, *made.rglob("*"))}

    assert modes == {0}


def test_a_folder_of_something_else_is_refused(service: Service, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("Dear Alice")

    done = service.run("backup", str(tmp_path / "letters"))

    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "holds files that are no backups of Samplebank" in done.stderr
    assert [entry.name for entry in (tmp_path / "letters").iterdir()] == ["dear.txt"]


def test_a_folder_within_the_installation_is_refused(service: Service) -> None:
    done = service.run("backup", str(service.folder / "data" / "backups"))

    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "name a folder elsewhere" in done.stderr
    assert not (service.folder / "data" / "backups").exists()


def test_the_backups_of_another_installation_are_left_alone(
    service: Service, made: Path, folder: Path
) -> None:
    shutil.copytree(made, folder)
    (folder / "blobs" / "samplebank-store").write_text("6dd09d25-6b67-44e6-9a21-36a7b9e8e1b3\n")

    done = service.run("backup", str(folder))

    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "holds the backups of another installation" in done.stderr
    assert names_in(folder) == names_in(made)
