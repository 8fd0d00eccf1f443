"""Keeps the leases of all held tasks, and looks what became of the lost ones."""

import logging
from typing import Final

from samplebank.karton.ender import Ender
from samplebank.karton.producer import LEASE_SECONDS
from samplebank.karton.trees import Tree, Trees
from samplebank.worker.assignment import Assignment
from samplebank.worker.client import ServiceClient
from samplebank.worker.errors import LeaseLost, ServiceRefused

#: seconds between two heartbeats of a task
HEARTBEAT: Final = LEASE_SECONDS / 10

log = logging.getLogger("samplebank.karton")


class Leases:
    def __init__(self, client: ServiceClient, trees: Trees, ender: Ender) -> None:
        self._client = client
        self._trees = trees
        self._ender = ender

    async def extend(self) -> None:
        """Extend each lease once. Raises `ServiceUnavailable` and `Away`."""
        for tree in self._trees:
            held = tree.assignment
            if tree.has_lease and not tree.is_ending and not await self._extend(held):
                tree.has_lease = tree.assignment is not held
            if not tree.has_lease and await self._ender.is_over(held) and self._is_idle(tree):
                await self._ender.stop(tree)
        for held in list(self._trees.children.values()):
            if not await self._extend(held):
                await self._ender.let_go(held)

    def _is_idle(self, tree: Tree) -> bool:
        """Whether the bridge itself has not ended the analysis meanwhile, and is not about to."""
        return self._trees.find(tree.root) is tree and not tree.is_ending

    async def _extend(self, held: Assignment) -> bool:
        """Whether the lease is kept."""
        try:
            await self._client.heartbeat(held.task.id, held.lease_token, lease_seconds=LEASE_SECONDS)
        except (LeaseLost, ServiceRefused) as lost:
            log.info("karton.lost", extra={"fields": {"task": held.task.id, "reason": str(lost)}})
            return False
        return True
