"""Sends anew what Karton loses: a service, the router or Redis may end between taking a task and doing it.

A task looks lost when nobody has changed it for a while and nobody can be at work on it. Karton hands a task out once, so the
healer makes a new task for the same service, as the dashboard of Karton does. A task that was not lost is then done twice:
what both tell is stored once.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from samplebank.karton.binds import Bind
from samplebank.karton.broker import Broker, Connection
from samplebank.karton.bucket import Bucket
from samplebank.karton.records import DROPPED, RESTARTS, TREE
from samplebank.karton.reporter import IDENTITY, Reporter
from samplebank.karton.tasks import PRIORITIES, UNROUTED, State, Task
from samplebank.karton.trees import Tree
from samplebank.logs import Faults

#: times that the same work of the same service is sent anew
MOST_RESTARTS: Final = 10

#: the name of the router as a client of Redis
ROUTER: Final = "karton.system"
NO_ROUTER: Final = (
    "Tasks wait for the router of Karton, which is not connected to Redis: start karton-system."
)

log = logging.getLogger("samplebank.karton")
faults = Faults(log)


class Circumstances(msgspec.Struct, frozen=True):
    """Who is there at the time of a look. `now` is the time of Redis in seconds."""

    connections: Sequence[Connection]
    binds: dict[str, Bind]
    now: float
    #: seconds that a service may take for a task; None where there is no bound
    longest: float | None = None


def is_abandoned(task: Task, there: Circumstances) -> bool:
    """Whether no client of Redis can be at work on a started task.

    A client that came after the start is not at work on the task. A service that does one task after the other is not at
    work while it waits for a task.
    """
    own = [connection for connection in there.connections if connection.name == task.receiver]
    # the age is in whole seconds, so the connection may be a second older
    if not any(there.now - connection.age - 1 <= task.last_update for connection in own):
        return True
    bind = there.binds.get(task.receiver, Bind())
    if not bind.is_async and all(connection.is_idle for connection in own):
        return True
    return there.longest is not None and there.now > task.last_update + there.longest


def lacks_router(tasks: Iterable[Task], there: Circumstances) -> bool:
    """Whether tasks wait for the router, and no router is there."""
    is_there = any(connection.name == ROUTER for connection in there.connections)
    return not is_there and any(task.state is State.DECLARED for task in tasks)


class Queues:
    """The queues at the time of a look. Each is read once: where very many tasks wait in a queue, each is looked for."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._read: dict[str, set[str]] = {}

    async def hold(self, task: Task) -> bool:
        """Whether the task waits for its service, or for the router where the task has no service yet. Raises `Away`."""
        for queue in (UNROUTED,) if task.state is State.DECLARED else queues_of(task.receiver):
            if queue not in self._read:
                self._read[queue] = await self._broker.queued(queue)
            if task.uid in self._read[queue]:
                return True
        return False


def queues_of(service: str) -> tuple[str, ...]:
    """The queues of a service: that of Karton 2, and one for each priority."""
    return (service, *(f"karton.queue.{priority}:{service}" for priority in PRIORITIES))


class Healer:
    """`grace` is the time in seconds for which nobody has to change a task that is taken for lost."""

    def __init__(
        self, broker: Broker, bucket: Bucket, reporter: Reporter, *, grace: float, longest: float | None
    ) -> None:
        self._broker = broker
        self._bucket = bucket
        self._reporter = reporter
        self._grace = grace
        self._longest = None if longest is None else longest + grace
        #: the text of each open task, and since when the text is the same
        self._seen: dict[str, tuple[str, float]] = {}
        #: started tasks that looked abandoned at the look before
        self._abandoned: set[str] = set()

    async def heal(self, open_tasks: Sequence[tuple[Tree, Task]]) -> None:
        """Look at all tasks that are not over. Raises `Away`."""
        now = time.monotonic()
        self._seen = {
            task.uid: known
            if (known := self._seen.get(task.uid, ("", now)))[0] == task.text
            else (task.text, now)
            for _, task in open_tasks
        }
        suspects = [
            (tree, task)
            for tree, task in open_tasks
            if now - self._seen[task.uid][1] >= self._grace and task.uid not in self._reporter.hand
        ]
        if not suspects:
            self._abandoned.clear()
            return
        there = Circumstances(
            await self._broker.connections(),
            await self._broker.binds(),
            await self._broker.now(),
            self._longest,
        )
        if lacks_router((task for _, task in suspects), there):
            faults.warn("karton.unrouted", reason=NO_ROUTER)
        abandoned = {
            task.uid for _, task in suspects if task.state is State.STARTED and is_abandoned(task, there)
        }
        queues, abandoned_twice = Queues(self._broker), abandoned & self._abandoned
        for tree, task in suspects:
            await self._heal(tree, task, queues, is_abandoned=task.uid in abandoned_twice)
        self._abandoned = abandoned

    async def _heal(self, tree: Tree, task: Task, queues: Queues, *, is_abandoned: bool) -> None:
        match task.state:
            case State.DECLARED if not await queues.hold(task):
                await self._route_again(tree, task)
            case State.SPAWNED if not await queues.hold(task):
                await self._restart(tree, task)
            case State.STARTED if is_abandoned or task.receiver == IDENTITY:
                await self._restart(tree, task)
            case State.CRASHED:
                await self._restart(tree, task)

    async def _route_again(self, tree: Tree, task: Task) -> None:
        """Hand a task to the router that the router has lost, or that its sender has not finished sending.

        A sender that was restarted sends everything again. A task without its bytes has nobody who would bring them.
        """
        if task.parent_uid and await self._broker.ask("HEXISTS", TREE + tree.root, DROPPED + task.parent_uid):
            await self._broker.replace(task, task.moved(State.FINISHED))
            return
        for resource in task.resources():
            if not await self._bucket.has(resource):
                told = f"The bytes of {resource.name!r} are missing: {task.origin} ended while it sent them."
                await self._broker.replace(task, task.moved(State.CRASHED, told))
                return
        anew = Task.of(task.moved(State.DECLARED))
        if await self._broker.replace(task, anew.text, anew, UNROUTED):
            self._tell(tree, task)

    async def _restart(self, tree: Tree, task: Task) -> None:
        """Send a task to its service anew. Work that is lost again and again is given up."""
        if task.receiver == IDENTITY:
            self._reporter.take(task.uid)
            return
        what = f"{task.orig_uid}:{task.receiver}"
        if await self._broker.ask("HINCRBY", TREE + tree.root, RESTARTS + what, 1) > MOST_RESTARTS:
            tree.given_up.add(task.uid)
            if task.state is not State.CRASHED:
                told = (
                    f"{task.receiver} has not ended this task, though it was sent {MOST_RESTARTS} times anew."
                )
                await self._broker.replace(task, task.moved(State.CRASHED, told))
            return
        anew = task.again()
        if await self._broker.replace(task, task.moved(State.FINISHED), anew, anew.queue):
            await self._broker.ask("HSET", TREE + tree.root, DROPPED + task.uid, "1")
            self._tell(tree, task)

    def _tell(self, tree: Tree, task: Task) -> None:
        told = {"root": tree.root, "state": str(task.state), "service": task.receiver or "karton.system"}
        log.warning("karton.healed", extra={"fields": told})
