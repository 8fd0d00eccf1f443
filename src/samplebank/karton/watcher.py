"""Looks at the tasks of all analyses with one scan, and tells which analyses are over.

A scan is no snapshot: a task that is made during the scan may be left out, while its sender is seen after its end. So an analysis
is over when two scans, one after the other, find the same tasks, all over. A task that is not over at the beginning of
the second scan is found by the second scan. Then the second scan either finds a task that the first did not, or a task
that the first saw open: a task that is over does not begin again, except by a restart, which makes another task.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from samplebank.karton.broker import Broker
from samplebank.karton.errors import Away
from samplebank.karton.healer import Healer
from samplebank.karton.records import Records
from samplebank.karton.tasks import PREFIX, State, Task
from samplebank.karton.trees import Look, Tree, Trees

#: seconds between two looks, and the share of the time that looks may take where there are very many tasks
PAUSE: Final = 0.2
REST: Final = 3.0
#: seconds between two looks while there is nothing to look for
IDLE: Final = 0.5

log = logging.getLogger("samplebank.karton")

End = Callable[[Tree, Look], Awaitable[None]]


class Watcher:
    def __init__(
        self, broker: Broker, trees: Trees, healer: Healer, *, end: End, send: Callable[[Tree], None]
    ) -> None:
        self._broker = broker
        self._records = Records(broker)
        self._trees = trees
        self._healer = healer
        self._end = end
        self._send = send
        self._ending: set[asyncio.Task[None]] = set()
        #: the roots of tasks whose keys do not tell the root: of services before Karton 5.4
        self._old: dict[str, str] = {}

    async def look(self) -> None:
        """Look once, and rest for a while. Raises `Away`."""
        watched = {tree.root: tree for tree in self._trees if tree.is_sent and not tree.is_ending}
        if not watched:
            await asyncio.sleep(IDLE)
            return
        began = time.monotonic()
        looks = await self._looks(watched)
        for root, tree in watched.items():
            await self._judge(tree, looks[root])
        await self._healer.heal([(tree, task) for root, tree in watched.items() for task in looks[root].open])
        await asyncio.sleep(max(PAUSE, REST * (time.monotonic() - began)))

    async def close(self) -> None:
        """Leave ends under way to the next bridge."""
        for task in self._ending:
            task.cancel()
        await asyncio.gather(*self._ending, return_exceptions=True)

    async def _looks(self, watched: dict[str, Tree]) -> dict[str, Look]:
        """All tasks of the watched trees. Tasks that are finished are not read again."""
        uids: dict[str, set[str]] = defaultdict(set)
        for key in await self._keys():
            root, uid = self._place(key)
            if root in watched:
                uids[root].add(uid)
        wanted = [PREFIX + uid for root, tree in watched.items() for uid in uids[root] - tree.finished]
        tasks: dict[str, list[Task]] = defaultdict(list)
        for task in await self._broker.tasks(wanted):
            tasks[task.root].append(task)
        looks = {}
        for root, tree in watched.items():
            over = {task.uid for task in tasks[root] if tree.is_over(task)}
            tree.finished |= {task.uid for task in tasks[root] if task.state is State.FINISHED}
            crashed = tuple(task for task in tasks[root] if task.uid in over and task.state is State.CRASHED)
            still = tuple(task for task in tasks[root] if task.uid not in over)
            looks[root] = Look(frozenset(uids[root]), still, crashed)
        return looks

    async def _keys(self) -> list[str]:
        keys = [key async for key in self._broker.task_keys()]
        old = [key for key in keys if not key.startswith(PREFIX + "{")]
        self._old = {key: root for key in old if (root := self._old.get(key))}
        for task in await self._broker.tasks([key for key in old if key not in self._old]):
            self._old[task.key] = task.root
        return keys

    def _place(self, key: str) -> tuple[str, str]:
        """The root and the uid that a key tells."""
        uid = key.removeprefix(PREFIX)
        if uid.startswith("{"):
            return uid[1:].partition("}")[0], uid
        return self._old.get(key, ""), uid

    async def _judge(self, tree: Tree, look: Look) -> None:
        before, tree.look = tree.look, look
        if before is None or before.uids != look.uids:
            return
        if not look.open and not before.open:
            await self._over(tree, look)
        elif {task.uid for task in look.open} <= tree.parked:
            tree.stall()

    async def _over(self, tree: Tree, look: Look) -> None:
        """End an analysis. Where Redis has lost the analysis, begin anew."""
        if not await self._records.is_sent(tree.root):
            log.warning("karton.forgotten", extra={"fields": {"root": tree.root}})
            await self._records.hold(tree.assignment, tree.root)
            tree.is_sent, tree.look, tree.finished = False, None, set()
            self._send(tree)
            return
        tree.is_ending = True
        task = asyncio.create_task(self._end_of(tree, look))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _end_of(self, tree: Tree, look: Look) -> None:
        with suppress(Away):
            await self._end(tree, look)
        tree.is_ending = False
