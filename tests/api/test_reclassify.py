"""Another look at a file: whoever asks waits for the result, and for nothing that will not come."""

import asyncio

import pytest
from bench.databases import connected

from kit.bank import Bank, fields_of
from kit.service import Service
from samplebank.assembly import clock

BLOCKED = "SELECT count(*) FROM pg_locks WHERE NOT granted"


def test_who_asks_again_gets_another_classification(bank: Bank) -> None:
    sample = bank.classified()

    bank.data(bank.put(f"{sample.path}/reclassify", {}))

    assert len(bank.data(bank.get(f"{sample.path}/classification"))) == 2


def test_the_body_may_be_left_out(bank: Bank) -> None:
    assert bank.call("PUT", f"{bank.classified().path}/reclassify").status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "fields"),
    [('{"type": "pebin"}', 412, {"type"}), ("[]", 412, set()), ("{", 400, set())],
)
def test_a_body_that_asks_for_more_is_refused(bank: Bank, body: str, status: int, fields: set[str]) -> None:
    refused = bank.call("PUT", f"{bank.classified().path}/reclassify", data=body)

    assert (refused.status_code, fields_of(refused)) == (status, fields)


def test_a_file_whose_bytes_are_missing_is_not_waited_for(bank: Bank, service: Service) -> None:
    sample = bank.classified()
    (service.blobs / "sample" / sample.sha256[:2] / sample.sha256).unlink()

    refused = bank.put(f"{sample.path}/reclassify", {})

    assert (refused.status_code, "no longer stored" in refused.text) == (404, True)


async def test_a_file_that_is_deleted_meanwhile_is_not_waited_for(bank: Bank, service: Service) -> None:
    sample = bank.classified()
    async with connected(service.database_url) as db, connected(service.database_url) as observer:
        async with db.transaction():
            await db.execute(
                "UPDATE sample SET deleted_time = $1 WHERE sha256 = $2", clock(), bytes.fromhex(sample.sha256)
            )
            asking = asyncio.create_task(asyncio.to_thread(bank.put, f"{sample.path}/reclassify", {}))
            async with asyncio.timeout(60):
                while True:
                    if await observer.fetchval(BLOCKED):
                        break
        refused = await asking

    assert refused.status_code == 404
