"""Chooses workers again for what was submitted before the type of its file had come."""

import logging
from collections.abc import Sequence

from samplebank.assembly import Bank
from samplebank.database.signals import Signal
from samplebank.submissions import replanning

log = logging.getLogger("samplebank.maintenance")


async def add_late_workers(bank: Bank, among: Sequence[int] | None = None) -> None:
    """Add the workers that the policy chooses for types that have come late: everywhere, or `among` these samples."""
    found = replanning.BATCH
    while found == replanning.BATCH:
        async with bank.database.connection() as db:
            due = await replanning.due(db, among)
        found = len(due)
        for sample_id in due:
            async with bank.database.transaction() as db:
                changed = await replanning.replan(db, sample_id, bank.policies, now=bank.clock())
            for job_id in changed:
                log.info("job.replanned", extra={"fields": {"job": job_id}})
            if changed:
                bank.signals.send(Signal.TASKS)
                bank.signals.tell(*changed)
