"""The life of one claimed task: keep the lease, fetch the sample, analyse the sample, bring the result back.

Every way out ends the task, gives the task back, or leaves the task to the worker that holds the lease now.
"""

import asyncio
import logging
import secrets
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from samplebank.sandbox import Disturbed
from samplebank.worker import wire
from samplebank.worker.assignment import Assignment
from samplebank.worker.client import ServiceClient
from samplebank.worker.contract import JSON, Rejected, Result
from samplebank.worker.errors import LeaseLost, ServiceRefused, WorkerError
from samplebank.worker.places import Places
from samplebank.worker.sandboxed import Failed, SandboxedAnalyser

HEARTBEATS_PER_LEASE = 3
RETRY_DELAY_SECONDS = 10
GIVE_BACK_SECONDS = 10.0
#: bytes of a sample that is fetched while the task waits for its turn
MOST_BYTES_AHEAD = 16 * 1024 * 1024
#: seconds after which the lease may have been lost during an analysis
LONG_SECONDS = 1.0
#: lines of the output of an analyser, and as many of a traceback, that go into the log for one task
MOST_LINES = 100

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
            await asyncio.shield(self._give_back("The worker is shutting down.", delay_seconds=0))
            raise
        except (WorkerError, Disturbed, OSError, msgspec.MsgspecError) as error:
            log.warning("task.released", extra={"fields": {**self._about, "reason": str(error)}})
            await self._give_back(str(error), delay_seconds=RETRY_DELAY_SECONDS)

    async def _give_back(self, reason: str, *, delay_seconds: int) -> None:
        """Release the task. Where releasing fails, the end of the lease releases the task."""
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
        path = self._samples / secrets.token_hex(16)
        try:
            result = await self._result(path)
            analyses = [await self._report(self._assignment.sample.id, result)]
        except (Rejected, ServiceRefused) as refusal:
            # The service would refuse the same result again, so another attempt would only cost time.
            self._tell_author(refusal)
            await self._finish("failed", message=wire.message(str(refusal)), analyses=[])
        else:
            await self._finish("success", message="", analyses=analyses)
        finally:
            path.unlink(missing_ok=True)

    async def _result(self, path: Path) -> Result:
        """Fetch the sample, and analyse the sample in turn. A small sample is fetched before the turn."""
        is_small = self._assignment.sample.size <= MOST_BYTES_AHEAD
        size = await self._fetch(path) if is_small else 0
        async with self._places.turn():
            if not is_small:
                size = await self._fetch(path)
            # The lease is looked at while the child works, and once more where the work took long.
            lease = asyncio.create_task(self._extend_lease())
            began = time.monotonic()
            try:
                result = await self._analyser.analyse(self._assignment.sample_file(path, size))
                await lease
            finally:
                lease.cancel()
                await asyncio.gather(lease, return_exceptions=True)
                took = time.monotonic() - began
                self._places.note(took)
        if took > LONG_SECONDS:
            await self._extend_lease()
        return result

    async def _fetch(self, path: Path) -> int:
        # a cleaner of temporary folders may have removed the folder
        self._samples.mkdir(mode=0o700, exist_ok=True)
        return await self._client.download(self._assignment.sample.id, path)

    def _tell_author(self, refusal: Rejected | ServiceRefused) -> None:
        """Log the output and the traceback of a failed analysis, for the author of the analyser and not for the analyst.

        Of long texts the last lines are logged: the last lines matter most.
        """
        if isinstance(refusal, Failed):
            for event, text in (("analysis.printed", refusal.printed), ("analysis.trace", refusal.trace)):
                for line in text.splitlines()[-MOST_LINES:]:
                    log.info(event, extra={"fields": {**self._about, "line": line}})

    async def _report(self, sha256: str, result: Result) -> str:
        """Store the analysis with its evidence, and return the id of the analysis."""
        description = self._analyser.description
        # Encoding a Result of a hundred thousand parts takes long. A thread keeps the loop free to extend other leases.
        request = await asyncio.to_thread(
            wire.analysis_request,
            result,
            customer=self._assignment.customer,
            tlp=self._assignment.tlp,
            agent={"name": description.short_name, "version": wire.text(description.version)},
        )
        self._refuse_excess(request["analysisResult"])
        analysis = await self._client.add_analysis(sha256, request)
        for evidence in result.evidence:
            await self._client.add_evidence(sha256, analysis, evidence)
        return analysis

    def _refuse_excess(self, result: JSON) -> None:
        """Raise `Failed` for a result that is too large. The service would hang up in the middle of the upload."""
        size, most = len(msgspec.json.encode(result)), self._assignment.max_result_size
        if most is not None and size > most:
            raise Failed(f"The result has {size} bytes as JSON, but the service takes {most} at most.")

    async def _finish(self, state: str, *, message: str, analyses: list[str]) -> None:
        job, token = self._assignment.job.id, self._assignment.lease_token
        await self._client.finish(job, self._id, token, state=state, message=message, analyses=analyses)
        log.info("task.finished", extra={"fields": {**self._about, "state": state, "reason": message}})
