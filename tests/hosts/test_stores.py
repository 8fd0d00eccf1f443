"""Every host has the blob store of the database, or does not start."""

from pathlib import Path

from hosts.conftest import Host
from kit.bank import Bank
from kit.hosts import blobs_of, host, refusal
from kit.postgres import Postgres
from kit.service import Service

MARK = "samplebank-store"


def test_what_one_host_takes_in_another_host_reads(shared: Bank, first: Service, another: Host) -> None:
    sample = shared.submitted()

    with another() as second:
        second.start()
        read = Bank(second.url, first.keys).call("GET", f"{sample.path}/raw")

    assert read.content == sample.data


def test_a_host_with_a_folder_of_its_own_does_not_start(another: Host, tmp_path: Path) -> None:
    with another(SAMPLEBANK_BLOB_URL=f"file://{tmp_path}/own") as second:
        said = refusal(second)

    assert f"The blob folder {tmp_path}/own is not the store of this database" in said
    assert not (tmp_path / "own" / MARK).exists()


def test_the_store_of_another_installation_is_refused(another: Host, service: Service) -> None:
    with another(SAMPLEBANK_BLOB_URL=f"file://{service.blobs}") as second:
        said = refusal(second)

    assert (
        f"The blob folder {service.blobs} is the store {(service.blobs / MARK).read_text().strip()}" in said
    )


def test_a_new_database_does_not_take_the_store_of_another_installation(
    first: Service, server: Postgres, tmp_path: Path
) -> None:
    server.order("CREATE DATABASE newcomer")
    url = server.url.removesuffix("postgres") + "newcomer"
    before = (blobs_of(first) / MARK).read_text()

    with host(tmp_path / "newcomer", url, blobs_of(first)) as newcomer:
        said = refusal(newcomer)

    assert "is the store of another installation" in said
    assert (blobs_of(first) / MARK).read_text() == before


def test_a_host_whose_store_is_changed_for_another_is_not_ready(
    shared: Bank, first: Service, service: Service
) -> None:
    blobs = blobs_of(first)
    away = blobs.rename(blobs.with_name("away"))
    (blobs / "staging").mkdir(parents=True)
    for area in ("sample", "evidence"):
        (blobs / area).mkdir()
    (blobs / MARK).write_text((service.blobs / MARK).read_text())

    ready = shared.get("/readyz", None)

    blobs.rename(blobs.with_name("other"))
    away.rename(blobs)
    assert (ready.status_code, "not the store of the database" in ready.text) == (503, True)
    assert shared.get("/readyz", None).status_code == 200
