"""What a worker's calls promise."""

import pytest

from kit.bank import ROBOT, Bank
from samplebank.worker.client import ServiceClient
from samplebank.worker.errors import ServiceRefused


async def test_an_end_that_comes_after_the_lease_was_lost_is_refused(bank: Bank) -> None:
    (worker,) = bank.workers(1)
    _, job, tasks = bank.planned(worker)
    (late,) = bank.claim(worker)
    bank.release(late)
    bank.claim(worker)

    async with ServiceClient(bank.url, bank.keys[ROBOT]) as client:
        with pytest.raises(ServiceRefused, match="lease"):
            await client.finish(
                job, tasks[worker], late["leaseToken"], state="failed", message="", analyses=[]
            )

    assert bank.task(job, tasks[worker])["state"] == "executing"
