"""`samplebank restore`: only whole backups, only into empty installations, and nothing half done."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from bench.databases import connected

from backups.conftest import names_in, told
from kit.databases import LATIN1, own_database
from kit.service import PROGRAM, Service

NOTE = "restore-under-way.json"


@pytest.fixture
def copy(made: Path, folder: Path) -> Path:
    """A folder of backups to be damaged."""
    shutil.copytree(made, folder)
    return folder


@pytest.fixture
def empty(tmp_path: Path) -> Service:
    """An installation that does not exist yet."""
    return Service(tmp_path)


def newest(folder: Path) -> Path:
    return folder / names_in(folder)[-1]


def some_blob(folder: Path) -> Path:
    return next(path for path in (folder / "blobs" / "sample").glob("*/*") if path.stat().st_size)


def said_of(folder: Path, **fields: object) -> None:
    """Change what the manifest says."""
    path = newest(folder) / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def cut_dump(folder: Path) -> None:
    dump = newest(folder) / "database.dump"
    dump.write_bytes(dump.read_bytes()[:-1])


def change_dump(folder: Path) -> None:
    dump = newest(folder) / "database.dump"
    content = bytearray(dump.read_bytes())
    content[len(content) // 2] ^= 1
    dump.write_bytes(content)


def change_blob(folder: Path) -> None:
    blob = some_blob(folder)
    blob.write_bytes(bytes(byte ^ 1 for byte in blob.read_bytes()))


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a cut dump": (cut_dump, "its file database.dump does not match"),
    "a changed dump": (change_dump, "its file database.dump does not match"),
    "a changed list": (
        lambda folder: (newest(folder) / "blobs.list").write_text(""),
        "its file blobs.list does not match",
    ),
    "a cut manifest": (
        lambda folder: (newest(folder) / "manifest.json").write_text('{"format":'),
        "its file manifest.json does not match",
    ),
    "a missing file": (lambda folder: some_blob(folder).unlink(), "1 of its"),
    "a cut file": (lambda folder: some_blob(folder).write_bytes(b""), "1 of its"),
    "a changed file": (change_blob, "Nothing was restored"),
    "a partial backup": (
        lambda folder: newest(folder).rename(f"{newest(folder)}.partial"),
        "holds no complete backup, only the interrupted",
    ),
    "a newer schema": (lambda folder: said_of(folder, revision="9999"), "was made by a newer release"),
    "a newer form": (lambda folder: said_of(folder, format=2), "was made by a newer release"),
    "a newer server": (lambda folder: said_of(folder, postgres=99), "is of PostgreSQL 99"),
    "no sign": (lambda folder: (folder / "samplebank-backups").unlink(), "holds no backups of Samplebank"),
}


@pytest.mark.parametrize(("spoil", "reason"), FAULTS.values(), ids=FAULTS)
def test_what_cannot_be_restored_whole_is_refused(
    copy: Path, empty: Service, spoil: Callable[[Path], object], reason: str
) -> None:
    spoil(copy)

    done = empty.run("restore", str(copy))

    data = empty.folder / "data"
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert reason in done.stderr
    assert not (data / "postgres").exists()
    assert not (data / NOTE).exists()
    assert [path for path in (data / "blobs").rglob("*") if path.is_file()] == []


def test_an_installation_in_use_is_refused(service: Service, made: Path) -> None:
    keys = (service.folder / "data" / "credentials.toml").read_text()

    done = service.run("restore", str(made))

    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "The database has tables: a restore needs an empty installation" in done.stderr
    assert (service.folder / "data" / "credentials.toml").read_text() == keys


async def test_a_database_that_cannot_hold_every_name_is_left_empty(
    service: Service, made: Path, empty: Service
) -> None:
    async with own_database(service, like=LATIN1) as url:
        empty.environment["SAMPLEBANK_DATABASE_URL"] = url
        done = empty.run("restore", str(made))
        async with connected(url) as db:
            tables = await db.fetchval(
                "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            )

    assert (done.returncode, len(done.stderr.splitlines()), tables) == (1, 1, 0)
    assert "The database has the encoding LATIN1" in done.stderr
    assert not (empty.folder / "data" / "blobs").exists()


def test_a_blob_folder_in_use_is_refused(made: Path, empty: Service) -> None:
    kept = empty.folder / "data" / "blobs" / "sample" / "ab" / ("ab" * 32)
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"kept")

    done = empty.run("restore", str(made))

    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "is in use: a restore needs an empty blob store" in done.stderr
    assert kept.read_bytes() == b"kept"


def test_a_backup_of_a_time_is_chosen(service: Service, copy: Path, empty: Service) -> None:
    first = newest(copy).name
    told(service, copy)

    done = empty.run("restore", str(copy), "--at", first, "--json")
    early = empty.run("restore", str(copy), "--at", "2020-01-01T00:00:00Z")
    wrong = empty.run("restore", str(copy), "--at", "yesterday")

    assert json.loads(done.stdout)["backup"] == str(copy / first)
    assert f"the oldest is {first}" in early.stderr
    assert (wrong.returncode, "A time is" in wrong.stderr) == (2, True)


def test_a_restore_that_is_told_to_end_says_how_to_go_on(made: Path, empty: Service) -> None:
    note = empty.folder / "data" / NOTE
    process = subprocess.Popen(
        [*PROGRAM, "restore", str(made)], env=empty.environment, stderr=subprocess.PIPE, text=True
    )
    while not (note.exists() and note.stat().st_size):
        assert process.poll() is None
    process.terminate()
    _, complaints = process.communicate(timeout=60)

    assert (process.returncode, len(complaints.splitlines())) == (143, 1)
    assert complaints.startswith(
        f"samplebank: Interrupted. The restore into {empty.folder / 'data'} has begun"
    )


def test_an_interrupted_restore_is_told_and_begun_anew(made: Path, empty: Service) -> None:
    note = empty.folder / "data" / NOTE
    process = subprocess.Popen([*PROGRAM, "restore", str(made)], env=empty.environment)
    while not (note.exists() and note.stat().st_size):
        assert process.poll() is None
    process.kill()
    process.wait()
    content = note.read_bytes()

    refused = [empty.run(command) for command in ("serve", "doctor")]
    again = empty.run("restore", str(made))
    examined = empty.run("doctor", "--json")
    note.write_bytes(content)  # as if killed before the last step
    last = empty.run("restore", str(made))

    for done in refused:
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
        assert "was interrupted, or is under way: repeat `samplebank restore`" in done.stderr
    assert (again.returncode, last.returncode) == (0, 0), again.stderr + last.stderr
    faults = [one for one in json.loads(examined.stdout)["findings"] if one["level"] == "fault"]
    assert {one["subject"] for one in faults} <= {"housework"}
    assert not note.exists()
