"""The life of one claimed task: keep the lease, fetch the sample, analyse the sample, bring the result back.

Every way out ends the task, gives the task back, or leaves the task to the worker that holds the lease now.
"""

import asyncio
import logging
import time
from contextlib import AsyncExitStack, suppress

import msgspec

from samplebank.logs import Faults
from samplebank.sandbox import Disturbed
from samplebank.worker import wire
from samplebank.worker.assignment import Assignment
from samplebank.worker.children import with_stored_children
from samplebank.worker.client import ServiceClient
from samplebank.worker.contract import JSON, Rejected, Result
from samplebank.worker.errors import LeaseLost, ServiceRefused, WorkerError
from samplebank.worker.places import Places
from samplebank.worker.samples import Samples
from samplebank.worker.sandboxed import Failed, SandboxedAnalyser

HEARTBEATS_PER_LEASE = 3
RETRY_DELAY_SECONDS = 10
GIVE_BACK_SECONDS = 10.0
#: bytes of a sample that is fetched while the task waits for its turn
MOST_BYTES_AHEAD = 16 * 1024 * 1024
#: lines of the output of an analyser, and as many of a traceback, that go into the log for one task
MOST_LINES = 100

log = logging.getLogger("samplebank.worker")
faults = Faults(log)


class Task:
    def __init__(
        self,
        assignment: Assignment,
        analyser: SandboxedAnalyser,
        client: ServiceClient,
        places: Places,
        *,
        samples: Samples,
        lease_seconds: int,
    ) -> None:
        self._assignment = assignment
        self._analyser = analyser
        self._client = client
        self._places = places
        self._samples = samples
        self._lease_seconds = lease_seconds
        self._id = assignment.task.id
        self._about = {
            "worker": analyser.description.short_name,
            "task": assignment.task.id,
            "job": assignment.job.id,
            "sample": assignment.sample.id,
        }

    async def run(self) -> None:
        """Do the task, and handle every expected error. Cancellation gives the task back, and is raised again."""
        try:
            await self._while_leased()
        except LeaseLost as lost:
            log.warning("task.lost", extra={"fields": {**self._about, "reason": str(lost)}})
        except asyncio.CancelledError:
            await asyncio.shield(
                self._give_back("The worker is shutting down.", delay_seconds=0, counts=False)
            )
            log.info("task.given_back", extra={"fields": self._about})
            raise
        except (WorkerError, Disturbed, OSError, msgspec.MsgspecError) as error:
            kind = f"{self._about['worker']} {type(error).__name__}"
            faults.warn("task.released", kind=kind, **self._about, reason=str(error))
            await self._give_back(str(error), delay_seconds=RETRY_DELAY_SECONDS)

    async def _give_back(self, reason: str, *, delay_seconds: int, counts: bool = True) -> None:
        """Release the task. Where releasing fails, the end of the lease releases the task."""
        token = self._assignment.lease_token
        with suppress(WorkerError, TimeoutError):
            async with asyncio.timeout(GIVE_BACK_SECONDS):
                await self._client.release(
                    self._id, token, reason=reason, delay_seconds=delay_seconds, counts=counts
                )

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
        try:
            await self._bring_back(await self._result())
        except (Rejected, ServiceRefused) as refusal:
            # The service would refuse the same result again, so another attempt would only cost time.
            self._tell_author(refusal)
            await self._finish("failed", message=wire.message(str(refusal)), analyses=[])

    async def _result(self) -> Result:
        """Fetch the sample, and analyse the sample in turn. A small sample is fetched before the turn."""
        sample = self._assignment.sample
        async with AsyncExitStack() as stack:
            fetched = self._samples.fetched(sample.id)
            if sample.size <= MOST_BYTES_AHEAD:
                path, size = await stack.enter_async_context(fetched)
            await stack.enter_async_context(self._places.turn())
            if sample.size > MOST_BYTES_AHEAD:
                path, size = await stack.enter_async_context(fetched)
            began = time.monotonic()
            try:
                return await self._analyser.analyse(self._assignment.sample_file(path, size))
            finally:
                self._places.note(time.monotonic() - began)

    def _tell_author(self, refusal: Rejected | ServiceRefused) -> None:
        """Log the output and the traceback of a failed analysis, for the author of the analyser and not for the analyst.

        Of long texts the last lines are logged: the last lines matter most.
        """
        if isinstance(refusal, Failed):
            for event, text in (("analysis.printed", refusal.printed), ("analysis.trace", refusal.trace)):
                for line in text.splitlines()[-MOST_LINES:]:
                    log.info(event, extra={"fields": {**self._about, "line": line}})

    async def _bring_back(self, result: Result) -> None:
        """Store the children and the analysis, and end the task. Evidence needs an analysis that is there, and goes before the end."""
        description = self._analyser.description
        result = await with_stored_children(self._client, self._assignment, result, description.version)
        # Encoding a Result of a hundred thousand parts takes long. A thread keeps the loop free to extend other leases.
        request = await asyncio.to_thread(
            wire.analysis_request,
            result,
            customer=self._assignment.customer,
            tlp=self._assignment.tlp,
            agent={"name": description.short_name, "version": wire.text(description.version)},
        )
        self._refuse_excess(request["analysisResult"])
        if not result.evidence:
            await self._client.end_with_result(self._assignment, request)
            self._tell_end("success", "")
            return
        await self._extend_lease()  # a task that is lost gets no analysis
        sha256 = self._assignment.sample.id
        analysis = await self._client.add_analysis(sha256, request)
        for evidence in result.evidence:
            await self._client.add_evidence(sha256, analysis, evidence)
        await self._finish("success", message="", analyses=[analysis])

    def _refuse_excess(self, result: JSON) -> None:
        """Raise `Failed` for a result that is too large. The service would hang up in the middle of the upload."""
        most = self._assignment.max_result_size
        if most is not None and (excess := wire.excess(result, most)):
            raise Failed(excess)

    async def _finish(self, state: str, *, message: str, analyses: list[str]) -> None:
        job, token = self._assignment.job.id, self._assignment.lease_token
        await self._client.finish(job, self._id, token, state=state, message=message, analyses=analyses)
        self._tell_end(state, message)

    def _tell_end(self, state: str, message: str) -> None:
        log.info("task.finished", extra={"fields": {**self._about, "state": state, "reason": message}})
