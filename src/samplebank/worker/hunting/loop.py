"""Works on hunts: claims a batch, fetches its samples, scans the samples, and brings back what was found.

The service hands out no batch while tasks of the same worker wait. The processes of a scan have the lowest priority.
"""

import asyncio
import logging
import math
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from samplebank.sandbox import Disturbed
from samplebank.worker.client import ServiceClient
from samplebank.worker.contract import JSON
from samplebank.worker.errors import LeaseLost, ServiceRefused, WorkerError
from samplebank.worker.hunting import batch as batches
from samplebank.worker.hunting.batch import BatchAssignment, Contents
from samplebank.worker.hunting.messages import Scanned
from samplebank.worker.hunting.scanners import Scanners
from samplebank.worker.room import Room
from samplebank.worker.stopping import until_stopped, with_patience
from samplebank.worker.wire import storable

CLAIM_WAIT_SECONDS, LEASE_SECONDS, HEARTBEATS_PER_LEASE = 5, 60, 3
GIVE_BACK_SECONDS = 5.0
#: seconds after which a worker asks again that may not work on hunts, or whose batch failed
REFUSED_SECONDS, FAILED_SECONDS = 60.0, 5.0

log = logging.getLogger("samplebank.worker")


class HuntLoop:
    """`workers` are the short names of the analysers beside which the loop works. `run` may run several times at once."""

    def __init__(
        self,
        client: ServiceClient,
        folder: Path,
        workers: Sequence[str],
        *,
        sandbox_required: bool,
        stop_event: asyncio.Event,
    ) -> None:
        self._client = client
        self._folder = folder
        self._room = Room(folder)
        self._workers = list(workers)
        self._stop = stop_event
        self._scanners = Scanners(sandbox_required=sandbox_required)
        #: one run claims at a time: where there is no work, the others would only ask the same
        self._claiming = asyncio.Lock()

    async def run(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    await until_stopped(self._stop, with_patience(self._stop, self._work))
                except ServiceRefused as refusal:
                    log.warning("hunts.refused", extra={"fields": {"reason": str(refusal)}})
                    await until_stopped(self._stop, asyncio.sleep(REFUSED_SECONDS))
        finally:
            await self._scanners.close_idle()

    async def _work(self) -> None:
        async with self._claiming:
            await self._room.some()
            batch = await self._client.claim_batch(
                self._workers, wait_seconds=CLAIM_WAIT_SECONDS, lease_seconds=LEASE_SECONDS
            )
        if batch is None:
            await self._scanners.close_idle()
            return
        try:
            await self._while_leased(batch)
        except LeaseLost as lost:
            self._tell("hunt.lost", batch, str(lost))
        except (WorkerError, Disturbed, OSError) as error:
            # The end of the lease hands the batch to another attempt.
            self._tell("hunt.failed", batch, str(error))
            if isinstance(error, OSError):
                self._room.doubt()
            await asyncio.sleep(FAILED_SECONDS)

    async def _while_leased(self, batch: BatchAssignment) -> None:
        """Work on the batch, and keep the lease. A lost lease ends the work, as when the hunt is cancelled."""
        work, lease = asyncio.create_task(self._scan(batch)), asyncio.create_task(self._keep(batch))
        try:
            await asyncio.wait({work, lease}, return_when=asyncio.FIRST_COMPLETED)
            if lease.done():
                lease.result()
            await work
        except asyncio.CancelledError:
            await asyncio.shield(self._give_back(batch))
            raise
        finally:
            work.cancel()
            lease.cancel()
            await asyncio.gather(work, lease, return_exceptions=True)

    async def _give_back(self, batch: BatchAssignment) -> None:
        """Let the lease end soon. Where the service does not answer, the lease ends by itself."""
        with suppress(WorkerError, TimeoutError):
            async with asyncio.timeout(GIVE_BACK_SECONDS):
                await self._client.extend_batch(batch, lease_seconds=1)

    async def _keep(self, batch: BatchAssignment) -> None:
        while True:
            await asyncio.sleep(LEASE_SECONDS / HEARTBEATS_PER_LEASE)
            await self._client.extend_batch(batch, lease_seconds=LEASE_SECONDS)

    async def _scan(self, batch: BatchAssignment) -> None:
        target = self._folder / f"hunt-{secrets.token_hex(16)}"
        # a cleaner of temporary folders may have removed the folder
        self._folder.mkdir(mode=0o700, exist_ok=True)
        try:
            async with self._scanners.scanner(batch.rules) as scanner:
                most = scanner.share if batch.seconds else len(batch.samples)
                async with self._client.batch_contents(batch) as stream:
                    contents = await batches.written(batch, stream, target, most=most)
                scanned = await scanner.scan(target, contents.pieces, seconds=batch.seconds or math.inf)
        finally:
            with suppress(OSError):
                target.unlink(missing_ok=True)
        await self._client.end_batch(batch, _told(batch, contents, scanned))

    def _tell(self, event: str, batch: BatchAssignment, reason: str) -> None:
        about = {"hunt": batch.hunt.id, "batch": batch.number, "reason": reason}
        log.warning(event, extra={"fields": about})


def _told(batch: BatchAssignment, contents: Contents, scanned: Scanned) -> dict[str, JSON]:
    is_whole = scanned.done == len(contents.pieces)
    looked_at = contents.read if is_whole else contents.places[scanned.done]
    damaged = [batch.samples[place] for place in contents.damaged if place < looked_at]
    failed = {failure.piece for failure in scanned.failures}
    reasons = [failure.reason for failure in scanned.failures]
    reasons += [f"The stored bytes of {sample.id} are damaged." for sample in damaged]
    sizes = [
        piece.size for number, piece in enumerate(contents.pieces[: scanned.done]) if number not in failed
    ]
    found: list[dict[str, Any]] = [
        {"sample": batch.samples[contents.places[one.piece]].id, "matches": one.matches}
        for one in scanned.found
    ]
    told: dict[str, JSON] = {
        "leaseToken": batch.lease_token,
        "scanned": len(sizes),
        "scannedBytes": sum(sizes),
        "unscanned": len(failed) + len(damaged),
        "reason": storable(reasons[0])[:500] if reasons else "",
        "hits": found,
    }
    # a result for the whole batch is the same to services of every release
    return told if looked_at == len(batch.samples) else {**told, "lookedAt": looked_at}
