"""The promises of a worker's calls."""

import logging
from pathlib import Path

import pytest

from kit.bank import ROBOT, Bank
from kit.children import links_of, sha256_of, some_bytes
from kit.relay import Relay
from samplebank.logs import Faults
from samplebank.worker import client as client_module
from samplebank.worker.client import ServiceClient
from samplebank.worker.contract import Child
from samplebank.worker.errors import KeyRefused, LeaseLost, ServiceRefused, ServiceUnavailable


async def test_a_service_that_stays_away_is_told_while_the_client_waits(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(client_module, "TOLD_SECONDS", 0.01)
    monkeypatch.setattr(client_module, "PATIENCE_SECONDS", (0.0, 0.01))
    monkeypatch.setattr(client_module, "faults", Faults(logging.getLogger("samplebank.worker")))

    async with ServiceClient("http://127.0.0.1:9", "k") as client:
        with pytest.raises(ServiceUnavailable):
            await client.find_worker("static")

    assert caplog.messages == ["service.unavailable"]


async def test_an_end_that_comes_after_the_lease_was_lost_is_refused(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    _, job, tasks = bank.planned(worker)
    (late,) = bank.claim(worker)
    bank.release(late)
    bank.claim(worker)

    async with ServiceClient(bank.url, bank.keys[ROBOT]) as client:
        with pytest.raises(LeaseLost, match="lease"):
            await client.finish(
                job, tasks[worker], late["leaseToken"], state="failed", message="", analyses=[]
            )

    assert bank.task(job, tasks[worker])["state"] == "executing"


async def test_a_result_whose_answer_was_lost_is_stored_once(bank: Bank, relay: Relay) -> None:
    (worker,) = bank.workers(1)
    sample, job, tasks = bank.planned(worker)
    agent = {"name": worker, "version": "1"}
    analysis = {"analysisResult": {}, "analysisScore": 9, "customer": "mill", "tlp": "amber"}

    async with ServiceClient(relay.url, bank.keys[ROBOT]) as client:
        (claim,) = await client.claim(worker, most=1, wait_seconds=0, lease_seconds=60)
        relay.lose_answer()
        await client.end_with_result(claim, {**analysis, "userAgent": agent})

    assert len(relay.found("/result$")) == 2
    assert bank.task(job, tasks[worker])["state"] == "success"
    assert len(bank.data(bank.get(f"{sample.path}/analysis"))) == 1


async def test_an_analysis_whose_answer_was_lost_is_stored_once(bank: Bank, relay: Relay) -> None:
    (worker,) = bank.workers(1)
    sample, *_ = bank.planned(worker)
    agent = {"name": worker, "version": "1"}
    analysis = {"analysisResult": {}, "analysisScore": 9, "customer": "mill", "tlp": "amber"}

    async with ServiceClient(relay.url, bank.keys[ROBOT]) as client:
        relay.lose_answer()
        stored = await client.add_analysis(sample.sha256, {**analysis, "userAgent": agent})

    assert len(relay.found("/analysis$")) == 2
    (found,) = bank.data(bank.get(f"{sample.path}/analysis"))
    assert found["analysisID"] == stored


async def test_a_child_whose_answer_was_lost_is_stored_once(bank: Bank, relay: Relay) -> None:
    (worker,) = bank.workers(1)
    sample, *_ = bank.planned(worker)
    child = Child(name="a/b.exe", data=some_bytes())

    async with ServiceClient(relay.url, bank.keys[ROBOT]) as client:
        (claim,) = await client.claim(worker, most=1, wait_seconds=0, lease_seconds=60)
        relay.lose_answer()
        receipt = await client.add_child(claim, child, "1")

    assert (len(relay.found(r"/child\?")), receipt.outcome) == (2, "stored")
    assert links_of(bank, sample) == [("child", sha256_of(child.data))]
    assert len(bank.data(bank.get(f"/sampledb/v2/sample/{sha256_of(child.data)}/submission"))) == 1


async def test_a_child_of_a_sample_that_has_gone_is_refused_and_costs_no_lease(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    bank.planned(worker)
    gone = sha256_of(some_bytes())

    async with ServiceClient(bank.url, bank.keys[ROBOT]) as client:
        (claim,) = await client.claim(worker, most=1, wait_seconds=0, lease_seconds=60)
        with pytest.raises(ServiceRefused, match=f"parent: .*{gone}"):
            await client.add_child(claim, Child(name="a.exe", data=some_bytes()), "1", parent=gone)


async def test_an_empty_child_is_refused_and_costs_no_lease(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    bank.planned(worker)

    async with ServiceClient(bank.url, bank.keys[ROBOT]) as client:
        (claim,) = await client.claim(worker, most=1, wait_seconds=0, lease_seconds=60)
        receipt = await client.add_child(claim, Child(name="empty.txt", data=b""), "1")

    assert (receipt.outcome, receipt.reason) == ("refused", "empty")


async def test_a_worker_whose_key_was_replaced_goes_on_with_the_new_one(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    sample, *_ = bank.planned(worker)

    async with ServiceClient(bank.url, "sb_revoked", current_key=lambda: bank.keys[ROBOT]) as client:
        (claim,) = await client.claim(worker, most=1, wait_seconds=0, lease_seconds=60)

    assert claim.sample.id == sample.sha256


async def test_a_key_that_was_not_replaced_is_told_to_be_refused(bank: Bank) -> None:
    async with ServiceClient(bank.url, "sb_revoked", current_key=lambda: "sb_revoked") as client:
        with pytest.raises(KeyRefused, match="unknown, expired or revoked"):
            await client.claim("any", most=1, wait_seconds=0, lease_seconds=60)


async def test_a_download_goes_on_with_the_new_key(bank: Bank, tmp_path: Path) -> None:
    sample = bank.submitted()

    async with ServiceClient(bank.url, "sb_revoked", current_key=lambda: bank.keys[ROBOT]) as client:
        size = await client.download(sample.sha256, tmp_path / "sample")

    assert size == len(sample.data)
