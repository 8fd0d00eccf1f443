"""Bytes that do not match their name are not sent."""

import hashlib
import logging
from pathlib import Path

import pytest
import requests

from kit.bank import Bank, Sample
from kit.counters import counted
from kit.service import Service
from samplebank.assembly import open_bank
from samplebank.blobs import Area
from samplebank.logs import Faults
from samplebank.maintenance import scrubbing
from samplebank.maintenance.scrubbing import DAMAGED, scrub_sweep
from samplebank.settings import load

#: seconds of a pass in which a round goes to the end of an area
ALL_AT_ONCE = 1e-9
SMALL, LARGE = 5000, 3 * 1024 * 1024


def path_of(service: Service, sample: Sample) -> Path:
    return service.blobs / "sample" / sample.sha256[:2] / sample.sha256


def damage(service: Service, sample: Sample) -> None:
    path = path_of(service, sample)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def submitted(bank: Bank, size: int) -> Sample:
    sample = Sample(size)
    bank.submit(sample)
    return sample


@pytest.mark.parametrize("kind", ["raw", "safe"])
def test_a_damaged_small_file_is_refused_until_it_is_uploaded_again(
    service: Service, bank: Bank, kind: str
) -> None:
    sample = submitted(bank, SMALL)
    damage(service, sample)

    refused = bank.get(f"{sample.path}/{kind}")
    again = bank.upload(sample)
    healed = bank.get(f"{sample.path}/{kind}")

    assert (refused.status_code, again.status_code, healed.status_code) == (503, 200, 200)
    assert "damaged" in refused.json()["messages"][0]["message"]


@pytest.mark.parametrize("kept", [0, SMALL - 1, SMALL], ids=["empty", "cut", "changed"])
def test_nobody_is_challenged_to_answer_for_damaged_bytes(service: Service, bank: Bank, kept: int) -> None:
    sample = submitted(bank, SMALL)
    damage(service, sample)
    with path_of(service, sample).open("r+b") as file:
        file.truncate(kept)

    refused = bank.post(f"{sample.path}/challenge", user="quinn")
    bank.upload(sample, "quinn")
    asked = bank.data(bank.post(f"{sample.path}/challenge", user="quinn"))
    answer = sample.data[asked["offset"] :][: asked["length"]]
    token = {"id": asked["id"], "sha256": hashlib.sha256(answer).hexdigest()}
    given = bank.post(f"{sample.path}/submission", bank.submission_body(token), "quinn")

    assert (refused.status_code, given.status_code) == (404, 201)


def test_a_damaged_large_file_is_broken_off_before_its_end(service: Service, bank: Bank) -> None:
    sample = submitted(bank, LARGE)
    damage(service, sample)

    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        bank.get(f"{sample.path}/raw")


async def test_the_scrub_finds_what_is_damaged_or_missing(service: Service, bank: Bank) -> None:
    changed, missing = submitted(bank, SMALL), submitted(bank, SMALL)
    damage(service, changed)
    path_of(service, missing).unlink()
    before = found()

    async with open_bank(load(service.environment), service.database_url) as own:
        scrub = scrub_sweep(seconds=30, pass_seconds=ALL_AT_ONCE)
        for _ in range(5):  # from a random name to the last sample, evidence, all samples
            await scrub(own)

    assert found() >= before + 2


async def test_a_store_that_lost_all_is_one_line_of_the_log_a_minute(
    service: Service, bank: Bank, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrubbing, "faults", Faults(logging.getLogger("samplebank.maintenance")))
    for _ in range(3):
        path_of(service, submitted(bank, SMALL)).unlink()

    async with open_bank(load(service.environment), service.database_url) as own:
        scrub = scrub_sweep(seconds=30, pass_seconds=ALL_AT_ONCE)
        for _ in range(5):
            await scrub(own)

    told = [vars(record)["fields"] for record in caplog.records if record.message == "blob.damaged"]
    assert [one["area"] for one in told] == [Area.SAMPLE]


def found() -> float:
    return counted(DAMAGED.labels(Area.SAMPLE))
