"""Claims tasks of the worker `karton`, and sends each sample into Karton."""

import asyncio
import logging
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from samplebank.karton.binds import takes_raw
from samplebank.karton.broker import Broker
from samplebank.karton.bucket import Bucket
from samplebank.karton.errors import Away, KartonError
from samplebank.karton.patience import Patience
from samplebank.karton.records import Records
from samplebank.karton.results import WORKER
from samplebank.karton.tasks import UNROUTED, first_task, name_of_copy
from samplebank.karton.trees import Tree, Trees, is_child
from samplebank.worker import wire
from samplebank.worker.assignment import Assignment
from samplebank.worker.client import ServiceClient
from samplebank.worker.errors import KeyRefused, LeaseLost, ServiceRefused, ServiceUnavailable, WorkerError

#: seconds of a lease: as long a bridge may be away without the loss of an attempt
LEASE_SECONDS: Final = 300
CLAIM_SECONDS: Final = 5
#: seconds of a lease until the claim is noted in Redis: a bridge that dies before leaves the task to the next claim
FIRST_LEASE_SECONDS: Final = 20
#: tasks of one claim
MOST_AT_ONCE: Final = 100
#: seconds between looks whether a service takes raw samples, and whether there is room for another analysis
LOOK_AGAIN: Final = 1.0
NOBODY: Final = (
    "No service of Karton takes raw samples: start karton-classifier, or bind another service to them."
)
#: options of the policy that become headers of Karton, which go along with each task
HEADERS: Final = ("quality", "share_3rd_party")
RETRY_SECONDS: Final = 60
COPIED: Final = "The bytes of a sample are copied: the key of Karton finds no such object in the bucket {}, or may not read the object."
EMPTY: Final = "Karton takes no empty files."

log = logging.getLogger("samplebank.karton")


class Producer:
    def __init__(
        self,
        broker: Broker,
        bucket: Bucket,
        client: ServiceClient,
        trees: Trees,
        *,
        folder: Path,
        version: str,
    ) -> None:
        self._broker = broker
        self._records = Records(broker)
        self._bucket = bucket
        self._client = client
        self._trees = trees
        self._folder = folder
        self._version = version
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._was_alone = False
        self._copies = False

    async def resume(self) -> None:
        """Take up the analyses of an earlier bridge."""
        for assignment in await self._records.held():
            await self._take(assignment)

    async def claim(self, most: int) -> None:
        """Claim tasks while there is room for `most` analyses and a service that takes samples."""
        free = min(most - sum(tree.has_lease for tree in self._trees), MOST_AT_ONCE)
        if free <= 0 or not await self._is_wanted():
            await asyncio.sleep(LOOK_AGAIN)
            return
        await self._records.check()  # a claim that cannot be noted would use up an attempt
        for assignment in await self._client.claim(
            WORKER,
            most=free,
            wait_seconds=CLAIM_SECONDS,
            lease_seconds=FIRST_LEASE_SECONDS,
            version=self._version,
            objects=self._bucket.samples is not None,
        ):
            await self._take_patiently(assignment)

    async def _take_patiently(self, assignment: Assignment) -> None:
        """Take a claimed task, however long Redis is away, for as long as the lease is held."""
        task, token, patience = assignment.task.id, assignment.lease_token, Patience()
        while True:
            try:
                await self._take(assignment)
                await self._client.heartbeat(task, token, lease_seconds=LEASE_SECONDS)
            except (KartonError, ServiceUnavailable, KeyRefused) as error:
                await patience.after(error)
            except (LeaseLost, ServiceRefused) as lost:
                log.info("karton.lost", extra={"fields": {"task": task, "reason": str(lost)}})
                return
            else:
                return

    async def _is_wanted(self) -> bool:
        is_alone = not any(map(takes_raw, (await self._broker.binds()).values()))
        if is_alone and not self._was_alone:
            log.warning("karton.nobody", extra={"fields": {"reason": NOBODY}})
        self._was_alone = is_alone
        return not is_alone

    async def _take(self, assignment: Assignment) -> None:
        if is_child(assignment):
            await self._records.hold(assignment, None)
            self._trees.children[assignment.task.id] = assignment
            return
        await self.begin(assignment)

    async def begin(self, assignment: Assignment) -> None:
        """Begin an analysis, or go on with it."""
        tree = Tree(assignment)
        if (known := self._trees.find(tree.root)) is not None:
            known.renew(assignment)
            await self._records.hold(assignment, known.root)
            return
        await self._records.hold(assignment, tree.root)
        tree.recall(await self._records.told(tree.root))
        self._trees.add(tree)
        if not tree.is_sent:
            self.send(tree)

    def send(self, tree: Tree) -> None:
        """Send the sample of an analysis in the background."""
        if tree.root not in self._sending:
            self._sending[tree.root] = asyncio.create_task(self._send_patiently(tree))
            self._sending[tree.root].add_done_callback(lambda _: self._sending.pop(tree.root, None))

    async def close(self) -> None:
        rest = list(self._sending.values())
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def _send_patiently(self, tree: Tree) -> None:
        """Send a sample, however long Redis, the bucket or the service are away. The lease of the task is kept meanwhile."""
        patience = Patience()
        while self._trees.find(tree.root) is tree and not tree.is_sent:
            try:
                await self._send_or_release(tree)
            except (KartonError, WorkerError) as error:
                await patience.after(error)

    async def _send_or_release(self, tree: Tree) -> None:
        try:
            await self._send(tree)
        except ServiceRefused as refusal:
            await self._release(tree, str(refusal))

    async def _send(self, tree: Tree) -> None:
        """Declare the task, then bring the bytes, then queue the task: the collector of Karton spares bytes of declared tasks.

        An earlier bridge may have declared the task. Then the bytes are wanted where that task says.
        """
        if not await self._is_wanted():
            await self._release(tree, NOBODY)
            return
        if not tree.assignment.sample.size:
            raise ServiceRefused(0, EMPTY)
        first = first_task(tree.root, tree.about, await self._resource(tree), self._headers(tree))
        await self._broker.ask("SET", first.key, first.text, "NX")
        declared = await self._broker.find_task(first.uid) or first
        if self._bucket.name in {resource.bucket for resource in declared.resources()}:
            await self._bring(tree)
        await self._records.sent(tree.root, first, UNROUTED)
        tree.is_sent = True
        log.info("karton.sent", extra={"fields": {"root": tree.root, **tree.about}})

    async def _bring(self, tree: Tree) -> None:
        path = self._folder / secrets.token_hex(16)
        try:
            await self._fetch(tree.sample, path)
            await self._bucket.put(name_of_copy(tree.root), path)
        finally:
            with suppress(OSError):
                path.unlink()

    async def _fetch(self, sha256: str, path: Path) -> None:
        """Write a sample into the folder. Raises `Away` while the folder takes no files, such as on a full disk."""
        try:
            # a cleaner of temporary folders may have removed the folder
            self._folder.mkdir(mode=0o700, exist_ok=True)
            await self._client.download(sha256, path)
        except OSError as error:
            raise Away(f"The folder {self._folder} takes no sample: {error.strerror or error}.") from None

    async def _resource(self, tree: Tree) -> Mapping[str, Any]:
        """The bytes of the sample: the object of Samplebank where the services may read the object, else a copy."""
        assignment = tree.assignment
        shared = await self._bucket.shared(assignment.object, assignment.sample.size)
        self._tell_copies(is_copied=shared is None)
        uid, bucket = (
            (name_of_copy(tree.root), self._bucket.name) if shared is None else (shared.key, shared.bucket)
        )
        name = str((assignment.submission or {}).get("fileName") or tree.sample)
        return {
            "uid": uid,
            "name": name,
            "bucket": bucket,
            "size": assignment.sample.size,
            "metadata": {"sha256": tree.sample},
            "flags": [],
            "sha256": tree.sample,
        }

    def _tell_copies(self, *, is_copied: bool) -> None:
        """Say once that samples are copied, though services should read the bucket of Samplebank."""
        if is_copied and not self._copies and self._bucket.samples is not None:
            fields = {"reason": COPIED.format(self._bucket.samples)}
            log.warning("karton.copies", extra={"fields": fields})
        self._copies = is_copied

    def _headers(self, tree: Tree) -> dict[str, str]:
        return {name: value for name in HEADERS if (value := tree.option(name)) is not None}

    async def _release(self, tree: Tree, reason: str) -> None:
        """Give back a task that Karton cannot have."""
        assignment = tree.assignment
        try:
            await self._client.release(
                assignment.task.id,
                assignment.lease_token,
                reason=wire.message(reason),
                delay_seconds=RETRY_SECONDS,
            )
        except (LeaseLost, ServiceRefused) as lost:
            log.info("karton.lost", extra={"fields": {"root": tree.root, "reason": str(lost)}})
        await self._records.end(tree.root, assignment.task.id)
        self._trees.remove(tree)
