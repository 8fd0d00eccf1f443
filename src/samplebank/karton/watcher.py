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
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from samplebank.karton.broker import Broker
from samplebank.karton.errors import KartonError
from samplebank.karton.healer import Healer
from samplebank.karton.records import Records
from samplebank.karton.tasks import PREFIX, State, Task
from samplebank.karton.trees import Look, Tree, Trees
from samplebank.logs import Faults
from samplebank.worker.errors import WorkerError

#: seconds between two looks, and the share of the time that looks may take where there are very many tasks
PAUSE: Final = 0.1
REST: Final = 3.0
#: seconds between two looks while there is nothing to look for
IDLE: Final = 0.5
#: seconds until an end is tried again for which something was away
END_AGAIN: Final = 1.0

log = logging.getLogger("samplebank.karton")
faults = Faults(log)

End = Callable[[Tree, Look], Awaitable[None]]


def told_root(key: str) -> str | None:
    """The root that a key tells, if it does.

    The router writes `{root}:own`. A service writes `{own}:own` for a task that it sends, because the task learns of its
    root later. Services before Karton 5.4 write `own`.
    """
    root, brace, own = key.removeprefix(PREFIX + "{").partition("}:")
    return root if brace and root != own else None


def is_quiet(before: Look, now: Look, parked: Collection[str]) -> bool:
    """Whether two looks, one after the other, show that no service and no router has anything left to do.

    The reporter has `parked` tasks in its hand, which wait for others.
    """
    still = {task.uid for look in (before, now) for task in look.open}
    return before.uids == now.uids and still <= set(parked)


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
        #: the roots of tasks whose keys do not tell the root
        self._roots: dict[str, str] = {}

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
        """The keys of all tasks. Notes the roots of tasks whose keys do not tell the root."""
        keys = [key async for key in self._broker.task_keys()]
        silent = [key for key in keys if told_root(key) is None]
        self._roots = {key: root for key in silent if (root := self._roots.get(key))}
        for task in await self._broker.tasks([key for key in silent if key not in self._roots]):
            self._roots[task.key] = task.root
        return keys

    def _place(self, key: str) -> tuple[str, str]:
        """The root and the uid of the task of a key."""
        return told_root(key) or self._roots.get(key, ""), key.removeprefix(PREFIX)

    async def _judge(self, tree: Tree, look: Look) -> None:
        before, tree.look = tree.look, look
        if before is None or not is_quiet(before, look, tree.parked):
            return
        if look.open:
            tree.stall()  # nobody is left who could tell of the parents
        else:
            await self._over(tree, look)

    async def _over(self, tree: Tree, look: Look) -> None:
        """End an analysis. Where Redis has lost the analysis, begin anew."""
        if not await self._records.is_sent(tree.root):
            log.warning("karton.forgotten", extra={"fields": {"root": tree.root}})
            await self._records.hold(tree.assignment, tree.root)
            tree.begin_anew()
            self._send(tree)
            return
        tree.is_ending = True
        task = asyncio.create_task(self._end_of(tree, look))
        self._ending.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._ending.discard(task)
        if not task.cancelled() and (error := task.exception()):
            faults.tell("karton.broke", error)  # another look ends the analysis

    async def _end_of(self, tree: Tree, look: Look) -> None:
        try:
            await self._end(tree, look)
        except (KartonError, WorkerError) as error:
            faults.warn("karton.away", kind=type(error).__name__, root=tree.root, reason=str(error))
            await asyncio.sleep(END_AGAIN)
        finally:
            tree.is_ending = False
