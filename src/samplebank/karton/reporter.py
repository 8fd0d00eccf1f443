"""The consumer of Karton that takes what services tell. A task stays `Started` until the service has stored what it tells.

So the analysis cannot end while something is in the hand of the reporter, and a task in the hand of a dead reporter is told again.
"""

import asyncio
import hashlib
import logging
from functools import partial
from typing import Final

import msgspec

from samplebank.karton import findings
from samplebank.karton.binds import Bind
from samplebank.karton.broker import Broker
from samplebank.karton.bucket import Bucket
from samplebank.karton.errors import Away, Misreported, MissingBytes
from samplebank.karton.findings import ChildFound, Finding, Subject
from samplebank.karton.patience import Patience
from samplebank.karton.records import CHILD, REPORT, Records, link_of_submission
from samplebank.karton.tasks import BINDS, PRIORITIES, State, Task
from samplebank.karton.trees import Tree, Trees
from samplebank.logs import Faults
from samplebank.worker.assignment import Receipt
from samplebank.worker.client import ServiceClient
from samplebank.worker.contract import Child
from samplebank.worker.errors import KeyRefused, LeaseLost, ServiceRefused, ServiceUnavailable

IDENTITY: Final = "karton.samplebank-reporter"
QUEUES: Final = (IDENTITY, *(f"karton.queue.{priority}:{IDENTITY}" for priority in PRIORITIES))
#: the release of Karton whose protocol the bridge speaks
PROTOCOL: Final = "5.9.1"
#: tasks in the hand at a time, besides those that wait for a parent or a lease
MOST_AT_ONCE: Final = 16
#: bytes of a child, and children in memory at a time
MOST_BYTES: Final = 128 * 1024 * 1024
MOST_CHILDREN: Final = 4
#: tasks that led to a task, of which the finder of a child is asked
MOST_STEPS: Final = 5
POP_SECONDS: Final = 1

log = logging.getLogger("samplebank.karton")
faults = Faults(log)


class Reporter:
    """`queue` is a connection that is named as the consumer. It waits for tasks; all else goes over `broker`."""

    def __init__(
        self,
        queue: Broker,
        broker: Broker,
        bucket: Bucket,
        client: ServiceClient,
        trees: Trees,
        *,
        version: str,
    ) -> None:
        self._queue = queue
        self._broker = broker
        self._records = Records(broker)
        self._bucket = bucket
        self._client = client
        self._trees = trees
        self._version = version
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        self._bringing = asyncio.Semaphore(MOST_CHILDREN)
        self.hand: dict[str, asyncio.Task[None]] = {}

    async def register(self) -> None:
        """Tell Karton which tasks the bridge takes."""
        told = {
            "info": "Brings what services find to Samplebank.",
            "version": PROTOCOL,
            "filters": list(findings.FILTERS),
            "persistent": True,
            "service_version": self._version,
            "is_async": True,
        }
        await self._broker.ask("HSET", BINDS, IDENTITY, msgspec.json.encode(told).decode())

    async def pop(self) -> None:
        """Wait a moment for a task of the queue, and take it."""
        async with self._places:
            found = await self._queue.ask("BLPOP", *QUEUES, POP_SECONDS)
        if found:
            self.take(str(found[1]))

    def take(self, uid: str) -> None:
        """Report a task in the background, unless the task is in the hand."""
        if uid not in self.hand:
            self.hand[uid] = asyncio.create_task(self._report(uid))
            self.hand[uid].add_done_callback(partial(self._put_down, uid))

    def _put_down(self, uid: str, task: asyncio.Task[None]) -> None:
        self.hand.pop(uid, None)
        if not task.cancelled() and (error := task.exception()):
            faults.tell("karton.broke", error)  # the healer hands the task over again

    async def close(self) -> None:
        """Leave the tasks in the hand to the next reporter."""
        rest = list(self.hand.values())
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def _report(self, uid: str) -> None:
        """Report a task, however long Redis, the bucket or the service are away."""
        patience = Patience()
        tree: Tree | None = None
        while True:
            try:
                async with self._places:
                    if (task := await self._started(uid)) is None:
                        return
                    if (tree := self._trees.find(task.root)) is None:
                        await self._drop(task)
                        return
                    changed = tree.changed
                    waits_for = await self._tell(tree, task)
                if waits_for is None:
                    return
                await self._wait(tree, task, waits_for, changed)
            except (Away, ServiceUnavailable, KeyRefused) as error:
                await patience.after(error)
            except LeaseLost:
                if tree is not None:
                    tree.has_lease = False

    async def _started(self, uid: str) -> Task | None:
        """The task in state Started; None where there is nothing left to report."""
        task = await self._broker.find_task(uid)
        if task is None or task.state in {State.FINISHED, State.CRASHED}:
            return None
        if task.state is not State.STARTED:
            await self._broker.replace(task, task.moved(State.STARTED))
            return await self._broker.find_task(uid)
        return task

    async def _drop(self, task: Task) -> None:
        """End a task of no analysis of this bridge: of another producer of the same Karton, or of a job that has ended."""
        if task.is_ours:
            log.warning("karton.late", extra={"fields": {"root": task.root, "service": task.origin}})
        await self._broker.ask("SET", task.key, task.moved(State.FINISHED))

    async def _tell(self, tree: Tree, task: Task) -> str | None:
        """Store what a task tells, and end the task. Answers what the task has to wait for, if anything."""
        binds = await self._broker.binds()
        try:
            subject = findings.subject_of(task)
            child = None
            if subject.bytes is not None and subject.parent is not None and subject.sha256 != tree.sample:
                if waits_for := self._missing(tree, subject):
                    return waits_for
                child = await self._bring(tree, task, subject, binds)
            finding = findings.read(task, subject.sha256, _version_of(task.origin, binds))
            finding = msgspec.structs.replace(finding, child=child)
        except (Misreported, MissingBytes, ServiceRefused) as refusal:
            log.warning("karton.refused", extra={"fields": {"root": tree.root, "reason": str(refusal)}})
            finding = findings.problem_of(task, tree.sample, _version_of(task.origin, binds), str(refusal))
        await self._end(tree, task, finding)
        return None

    def _missing(self, tree: Tree, subject: Subject) -> str | None:
        """What a child has to wait for: `lease` or `parent`. Raises `Misreported` for a parent that will not come."""
        parent = subject.parent
        if parent in tree.refused:
            raise Misreported(f"its parent {parent} was not stored.")
        if parent in tree.known:
            return None if tree.has_lease else "lease"
        if tree.is_stalled:
            raise Misreported(
                f"it names the parent {parent}, which did not come out of the sample of this job."
            )
        return "parent"

    async def _wait(self, tree: Tree, task: Task, what: str, changed: asyncio.Event) -> None:
        if what == "parent":
            tree.parked.add(task.uid)
        try:
            await changed.wait()
        finally:
            tree.parked.discard(task.uid)

    async def _bring(self, tree: Tree, task: Task, subject: Subject, binds: dict[str, Bind]) -> ChildFound:
        """Store a child. Raises `Misreported` for bytes that are not what the task says, and as the client does."""
        sample, parent = subject.bytes, subject.parent or ""
        assert sample is not None  # noqa: S101 the caller has looked
        self._bucket.check(sample)
        if (known := tree.found.get((parent, subject.sha256))) is not None:
            return known
        service = await self._finder(task, subject.sha256)
        version = _version_of(service, binds)
        async with self._bringing:
            data = await self._bucket.get(sample, MOST_BYTES)
            if hashlib.sha256(data).hexdigest() != subject.sha256:
                raise Misreported(f"the bytes of {sample.name!r} have another SHA-256 than the task says.")
            child = Child(name=sample.name or "unnamed", data=data, how=service)
            receipt = await self._client.add_child(tree.assignment, child, version, parent=parent)
        found = ChildFound(parent, child.name, len(data), service, version, receipt.outcome, receipt.reason)
        await self._learn(tree, subject, receipt, found)
        return found

    async def _learn(self, tree: Tree, subject: Subject, receipt: Receipt, found: ChildFound) -> None:
        """Keep which samples the service has, before tasks name these as parents."""
        if receipt.outcome == "refused":
            tree.refused.add(subject.sha256)
            return
        more = [link_of_submission(receipt.submission_id, tree.root)] if receipt.submission_id else []
        await self._records.note(tree.root, {CHILD + subject.sha256: receipt.outcome}, *more)
        tree.found[found.parent, subject.sha256] = found
        tree.learn(subject.sha256)

    async def _finder(self, task: Task, sha256: str) -> str:
        """The service that found a child. The classifier tells of a child that another service has sent to it."""
        service, parent = task.origin, task.parent_uid
        for _ in range(MOST_STEPS):
            before = await self._broker.find_task(parent) if parent else None
            sample = before.resource("sample") if before else None
            if before is None or sample is None or sample.sha256 != sha256:
                break
            service, parent = before.origin, before.parent_uid
        return service

    async def _end(self, tree: Tree, task: Task, finding: Finding) -> None:
        """Keep the finding and end the task, both or neither."""
        await self._records.note(
            tree.root,
            {REPORT + task.uid: msgspec.json.encode(finding).decode()},
            ("SET", task.key, task.moved(State.FINISHED)),
            ("HINCRBY", "karton.metrics.consumed", IDENTITY, 1),
        )


def _version_of(service: str, binds: dict[str, Bind]) -> str:
    bind = binds.get(service)
    return "unknown" if bind is None else bind.told_version
