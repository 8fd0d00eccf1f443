"""The life of one claimed task: keep the lease, fetch the sample, analyse it, bring the result back.

Every way out ends the task, gives it back, or leaves it to whoever holds the lease now.
"""

import asyncio
import logging
import secrets
from contextlib import suppress
from pathlib import Path

import msgspec

from samplebank.sandbox import NotStarted
from samplebank.worker import wire
from samplebank.worker.assignment import Assignment
from samplebank.worker.client import ServiceClient
from samplebank.worker.contract import Rejected, Result
from samplebank.worker.errors import LeaseLost, WorkerError
from samplebank.worker.places import Places
from samplebank.worker.sandboxed import SandboxedAnalyser

HEARTBEATS_PER_LEASE = 3
RETRY_DELAY_SECONDS = 10
GIVE_BACK_SECONDS = 10.0

log = logging.getLogger("samplebank.worker")


class Task:
    def __init__(
        self,
        assignment: Assignment,
        analyser: SandboxedAnalyser,
        client: ServiceClient,
        places: Places,
        *,
        samples: Path,
        lease_seconds: int,
    ) -> None:
        self._assignment = assignment
        self._analyser = analyser
        self._client = client
        self._places = places
        self._samples = samples
        self._lease_seconds = lease_seconds
        self._id = assignment.task.id

    async def run(self) -> None:
        """Do the task, whatever happens; only cancellation comes out, after the task has been given back."""
        try:
            await self._while_leased()
        except LeaseLost as lost:
            log.warning("task.lost", extra={"task": self._id, "reason": str(lost)})
        except asyncio.CancelledError:
            await asyncio.shield(self._give_back("The worker is shutting down.", delay_seconds=0))
            raise
        except (WorkerError, NotStarted, OSError, msgspec.MsgspecError) as error:
            log.warning("task.released", extra={"task": self._id, "reason": str(error)})
            await self._give_back(str(error), delay_seconds=RETRY_DELAY_SECONDS)

    async def _give_back(self, reason: str, *, delay_seconds: int) -> None:
        """Release the task; when even that fails, the end of its lease releases it."""
        token = self._assignment.lease_token
        with suppress(WorkerError, TimeoutError):
            async with asyncio.timeout(GIVE_BACK_SECONDS):
                await self._client.release(self._id, token, reason=reason, delay_seconds=delay_seconds)

    async def _while_leased(self) -> None:
        work = asyncio.create_task(self._analyse())
        lease = asyncio.create_task(self._keep_lease())
        try:
            await asyncio.wait({work, lease}, return_when=asyncio.FIRST_COMPLETED)
            if lease.done():
                lease.result()
            await work
        finally:
            work.cancel()
            lease.cancel()
            await asyncio.gather(work, lease, return_exceptions=True)

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(self._lease_seconds / HEARTBEATS_PER_LEASE)
            await self._extend_lease()

    async def _extend_lease(self) -> None:
        token = self._assignment.lease_token
        await self._client.heartbeat(self._id, token, lease_seconds=self._lease_seconds)

    async def _analyse(self) -> None:
        sha256 = self._assignment.sample.id
        path = self._samples / secrets.token_hex(16)
        try:
            async with self._places.turn():
                size = await self._client.download(sha256, path)
                result = await self._analyser.analyse(self._assignment.sample_file(path, size))
        except Rejected as rejected:
            await self._finish("failed", message=rejected.reason, analyses=[])
        else:
            await self._finish("success", message="", analyses=[await self._report(sha256, result)])
        finally:
            path.unlink(missing_ok=True)

    async def _report(self, sha256: str, result: Result) -> str:
        """Store the analysis with its evidence, unless the task is no longer ours, and return its id."""
        await self._extend_lease()
        description = self._analyser.description
        request = wire.analysis_request(
            result,
            customer=self._assignment.customer,
            tlp=self._assignment.tlp,
            agent={"name": description.short_name, "version": wire.text(description.version)},
        )
        analysis = await self._client.add_analysis(sha256, request)
        for evidence in result.evidence:
            await self._client.add_evidence(sha256, analysis, evidence)
        return analysis

    async def _finish(self, state: str, *, message: str, analyses: list[str]) -> None:
        job, token = self._assignment.job.id, self._assignment.lease_token
        await self._client.finish(job, self._id, token, state=state, message=message, analyses=analyses)
        log.info("task.finished", extra={"task": self._id, "state": state, "reason": message})
