"""Keeps the leases of all held tasks, and looks what became of the lost ones."""

import logging
from typing import Final

from samplebank.karton.ender import Ender
from samplebank.karton.producer import LEASE_SECONDS
from samplebank.karton.records import Records
from samplebank.karton.trees import Trees
from samplebank.worker.assignment import Assignment
from samplebank.worker.client import ServiceClient
from samplebank.worker.errors import LeaseLost, ServiceRefused

#: seconds between two heartbeats of a task
HEARTBEAT: Final = LEASE_SECONDS / 10
OVER: Final = frozenset({"success", "failed", "cancelled", "timeout"})

log = logging.getLogger("samplebank.karton")


class Leases:
    def __init__(self, records: Records, client: ServiceClient, trees: Trees, ender: Ender) -> None:
        self._records = records
        self._client = client
        self._trees = trees
        self._ender = ender

    async def extend(self) -> None:
        """Extend each lease once. Raises `ServiceUnavailable` and `Away`."""
        for tree in self._trees:
            if tree.has_lease and not await self._extend(tree.assignment):
                tree.has_lease = False
            if not tree.has_lease and await self._is_over(tree.assignment):
                await self._ender.stop(tree)
        for task_id, held in list(self._trees.children.items()):
            if not await self._extend(held):
                self._trees.children.pop(task_id, None)
                await self._records.let_go(task_id)

    async def _extend(self, held: Assignment) -> bool:
        """Whether the lease is kept."""
        try:
            await self._client.heartbeat(held.task.id, held.lease_token, lease_seconds=LEASE_SECONDS)
        except (LeaseLost, ServiceRefused) as lost:
            log.info("karton.lost", extra={"fields": {"task": held.task.id, "reason": str(lost)}})
            return False
        return True

    async def _is_over(self, held: Assignment) -> bool:
        """Whether a task has ended without the bridge: its job has timed out, or was deleted."""
        try:
            return await self._client.state_of(held.job.id, held.task.id) in OVER
        except ServiceRefused:
            return True
