"""A backup of a bucket goes into another bucket and an external database, and from there back into folders."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import S3Store

from kit.bank import ROBOT, Bank, Sample, eventually, name_of
from kit.postgres import Postgres
from kit.s3 import BUCKET, S3Server
from kit.service import Service, running
from s3.conftest import objects_of
from samplebank.database.connection import connect_alone
from samplebank.installation import removals

OTHER = "restored/bank"


def well(service: Service, *command: str) -> dict[str, Any]:
    """What a command of the program says that has to succeed."""
    done = service.run(*command, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def faults_of_bytes(service: Service) -> list[str]:
    """What a full look finds wrong with stored bytes."""
    found = json.loads(service.run("doctor", "--full", "--json").stdout)["findings"]
    looks = [one for one in found if one["subject"].startswith("bytes of ")]
    assert len(looks) == 2
    return [one["said"] for one in looks if one["level"] == "fault"]


@pytest.fixture
def analysed(far: Bank) -> Sample:
    """A sample with evidence of other bytes."""
    sample, report = far.submitted(), Sample(20_000)
    place = f"{sample.path}/analysis/{far.analyse(sample, name_of('w'))}/evidence"
    far.data(far.call("POST", f"{place}/e.bin", ROBOT, data=report.data))
    return sample


@pytest.fixture
def elsewhere(s3: S3Server, postgres: Postgres, tmp_path: Path) -> Service:
    """An empty installation with a database and a bucket of its own."""
    postgres.order("CREATE DATABASE elsewhere")
    settings = {
        **s3.environment(),
        "SAMPLEBANK_DATABASE_URL": postgres.url.removesuffix("postgres") + "elsewhere",
        "SAMPLEBANK_BLOB_URL": f"s3://{BUCKET}/{OTHER}",
    }
    return Service(tmp_path / "elsewhere", settings)


def test_a_backup_goes_from_a_bucket_to_a_bucket_and_back_to_folders(
    remote: Service, analysed: Sample, s3: S3Server, elsewhere: Service, tmp_path: Path
) -> None:
    first, second = str(tmp_path / "first"), str(tmp_path / "second")
    plain = Service(tmp_path / "plain")

    made = well(remote, "backup", first)
    well(elsewhere, "restore", first)
    wrong = faults_of_bytes(elsewhere)
    used = elsewhere.run("restore", first)
    again = well(elsewhere, "backup", second)
    well(plain, "restore", second)
    wrong += faults_of_bytes(plain)

    assert wrong == []
    assert objects_of(s3.store(OTHER), analysed.sha256) != []
    assert (used.returncode, "The database has tables" in used.stderr) == (1, True)
    assert (again["files"], again["samples"]) == (made["files"], made["samples"])
    assert (plain.blobs / "sample" / analysed.sha256[:2] / analysed.sha256).read_bytes() == analysed.data


@pytest.fixture
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of its own: other tests damage bytes of the shared service."""
    with running(tmp_path_factory.mktemp("plain")) as plain:
        yield plain


def test_a_backup_of_folders_goes_into_a_bucket(plain: Service, s3: S3Server, tmp_path: Path) -> None:
    sample = Bank(plain.url, plain.keys).submitted()
    url = f"s3://{BUCKET}/from/folders"
    target = Service(tmp_path / "target", {**s3.environment(), "SAMPLEBANK_BLOB_URL": url})

    well(plain, "backup", str(tmp_path / "backups"))
    well(target, "restore", str(tmp_path / "backups"))

    (key,) = objects_of(s3.store("from/folders"), sample.sha256)
    assert obstore.get(s3.store("from/folders"), key).bytes().to_bytes() == sample.data
    assert faults_of_bytes(target) == []


async def test_objects_of_deleted_samples_stay_until_a_backup_has_ended(
    far: Bank, remote: Service, objects: S3Store
) -> None:
    sample = far.submitted()
    backup = await connect_alone(remote.database_url)
    await removals.hold_back(backup)

    far.delete(sample.path)
    is_gone = eventually(lambda: far.get(sample.path, "mia").status_code == 404)
    during = objects_of(objects, sample.sha256)
    await backup.close()

    assert is_gone
    assert during != []
    assert eventually(lambda: objects_of(objects, sample.sha256) == [])
