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

LEASE_SECONDS = 60
HEARTBEAT_SECONDS = LEASE_SECONDS / 3
RETRY_DELAY_SECONDS = 10
GIVE_BACK_SECONDS = 10.0

log = logging.getLogger("samplebank.worker")


async def work_on(
    assignment: Assignment, analyser: SandboxedAnalyser, client: ServiceClient, samples: Path, places: Places
) -> None:
    """Do the task, whatever happens; only cancellation comes out, after the task has been given back."""
    task = assignment.task.id
    try:
        await _while_leased(assignment, analyser, client, samples, places)
    except LeaseLost as lost:
        log.warning("task.lost", extra={"task": task, "reason": str(lost)})
    except asyncio.CancelledError:
        await asyncio.shield(give_back(assignment, client, "The worker is shutting down.", delay_seconds=0))
        raise
    except (WorkerError, NotStarted, OSError, msgspec.MsgspecError) as error:
        log.warning("task.released", extra={"task": task, "reason": str(error)})
        await give_back(assignment, client, str(error), delay_seconds=RETRY_DELAY_SECONDS)


async def give_back(
    assignment: Assignment, client: ServiceClient, reason: str, *, delay_seconds: int
) -> None:
    """Release the task; when even that fails, the end of its lease releases it."""
    task, token = assignment.task.id, assignment.lease_token
    with suppress(WorkerError, TimeoutError):
        async with asyncio.timeout(GIVE_BACK_SECONDS):
            await client.release(task, token, reason=reason, delay_seconds=delay_seconds)


async def _while_leased(
    assignment: Assignment, analyser: SandboxedAnalyser, client: ServiceClient, samples: Path, places: Places
) -> None:
    work = asyncio.create_task(_analyse(assignment, analyser, client, samples, places))
    lease = asyncio.create_task(_keep_lease(assignment, client))
    try:
        await asyncio.wait({work, lease}, return_when=asyncio.FIRST_COMPLETED)
        if lease.done():
            lease.result()
        await work
    finally:
        work.cancel()
        lease.cancel()
        await asyncio.gather(work, lease, return_exceptions=True)


async def _keep_lease(assignment: Assignment, client: ServiceClient) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)
        await client.heartbeat(assignment.task.id, assignment.lease_token, lease_seconds=LEASE_SECONDS)


async def _analyse(
    assignment: Assignment, analyser: SandboxedAnalyser, client: ServiceClient, samples: Path, places: Places
) -> None:
    path = samples / secrets.token_hex(16)
    try:
        async with places.turn():
            size = await client.download(assignment.sample.id, path)
            result = await analyser.analyse(assignment.sample_file(path, size))
    except Rejected as rejected:
        await _finish(assignment, client, state="failed", message=rejected.reason, analyses=[])
    else:
        analysis = await _report(assignment, analyser, client, result)
        await _finish(assignment, client, state="success", message="", analyses=[analysis])
    finally:
        path.unlink(missing_ok=True)


async def _report(
    assignment: Assignment, analyser: SandboxedAnalyser, client: ServiceClient, result: Result
) -> str:
    """Store the analysis with its evidence, unless the task is no longer ours, and return its id."""
    await client.heartbeat(assignment.task.id, assignment.lease_token, lease_seconds=LEASE_SECONDS)
    description = analyser.description
    request = wire.analysis_request(
        result,
        customer=assignment.customer,
        tlp=assignment.tlp,
        agent={"name": description.short_name, "version": wire.text(description.version)},
    )
    sha256 = assignment.sample.id
    analysis = await client.add_analysis(sha256, request)
    for evidence in result.evidence:
        await client.add_evidence(sha256, analysis, evidence)
    return analysis


async def _finish(
    assignment: Assignment, client: ServiceClient, *, state: str, message: str, analyses: list[str]
) -> None:
    await client.finish(
        assignment.job.id, assignment.task.id, state=state, message=message, analyses=analyses
    )
    log.info("task.finished", extra={"task": assignment.task.id, "state": state, "reason": message})
