"""The few calls that a worker makes, over HTTP. Reads from the envelopes only the fields that a worker needs."""

import asyncio
import hashlib
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import msgspec

from samplebank.worker import wire
from samplebank.worker.answers import NOT_FOUND, SUCCESS, checked, losing_leases
from samplebank.worker.assignment import Assignment, Receipt
from samplebank.worker.connection import Answer, Connection
from samplebank.worker.contract import JSON, Child, Evidence
from samplebank.worker.errors import DamagedDownload, KeyRefused, ServiceRefused, ServiceUnavailable
from samplebank.worker.hunting.batch import BatchAssignment
from samplebank.worker.stopping import faults

# Seconds between the attempts of a write: about half a minute in all.
PATIENCE_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
#: pauses of so many seconds are told: somebody may watch the worker start
TOLD_SECONDS = 2.0
HEADER, PROCESS, REMARK = "Argus-API-Key", "Samplebank-Process", "Samplebank-Remark"
REPEAT_KEY = "Idempotency-Key"
#: why an empty child is refused
EMPTY = "empty"


class ServiceClient:
    """When the service refuses the key at hand, `current_key` is called for the current key."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        current_key: Callable[[], str | None] = lambda: None,
    ) -> None:
        headers = {HEADER: key, PROCESS: wire.header(f"{socket.gethostname()}:{os.getpid()}")}
        self._http = Connection(url, headers)
        self._current_key = current_key

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def find_worker(self, short_name: str) -> dict[str, JSON] | None:
        """Get the worker as the service knows the worker, in the form that `add_worker` takes; None if unknown."""
        path = f"/sampledb/v2/worker/{short_name}"
        try:
            known = await self._patiently("GET", path)
        except ServiceRefused as refusal:
            if refusal.status == NOT_FOUND:
                return None
            raise
        return {**known, "schema": await self._patiently("GET", f"{path}/schema", enveloped=False)}

    async def add_worker(self, worker: Mapping[str, JSON]) -> None:
        await self._patiently("POST", "/sampledb/v2/worker", body=dict(worker))

    async def update_worker(self, short_name: str, changes: Mapping[str, JSON]) -> None:
        await self._patiently("PUT", f"/sampledb/v2/worker/{short_name}", body=dict(changes))

    async def claim(
        self,
        worker: str,
        *,
        most: int,
        wait_seconds: int,
        lease_seconds: int,
        version: str = "",
        remark: str = "",
        objects: bool = False,
    ) -> list[Assignment]:
        """Wait up to `wait_seconds` for tasks. Not repeated: tasks of a lost answer come back when their leases end.

        Operators see `version` and `remark` with the process. With `objects`, a service with a bucket tells where the bytes lie.
        """
        body = {"max": most, "waitSeconds": wait_seconds, "leaseSeconds": lease_seconds}
        body |= {"objects": True} if objects else {}
        path, agent = f"/samplebank/v1/worker/{worker}/claim", wire.header(f"{worker}/{version}")
        headers = {"User-Agent": agent, **({REMARK: wire.header(remark)} if remark else {})}
        answer = await self._once("POST", path, body=body, headers=headers)
        try:
            return msgspec.convert(answer, list[Assignment])
        except msgspec.ValidationError as error:
            raise ServiceUnavailable(f"The service gave assignments of an unknown form: {error}.") from None

    async def heartbeat(self, task: str, lease_token: str, *, lease_seconds: int) -> None:
        body = {"leaseToken": lease_token, "leaseSeconds": lease_seconds}
        with losing_leases():
            await self._patiently("POST", f"/samplebank/v1/task/{task}/heartbeat", body=body)

    async def release(
        self, task: str, lease_token: str, *, reason: str, delay_seconds: int, counts: bool = True
    ) -> None:
        """Give a task back. Without `counts`, as many attempts are left as before the claim."""
        body = {"leaseToken": lease_token, "reason": reason, "delaySeconds": delay_seconds}
        # left out where not needed, as a service of an earlier release refuses the field
        body |= {} if counts else {"attemptCounts": False}
        await self._patiently("POST", f"/samplebank/v1/task/{task}/release", body=body)

    async def download(self, sha256: str, target: Path) -> int:
        """Write the sample to `target`, check the SHA-256, and return the size in bytes. Raises `DamagedDownload`."""
        try:
            return await self._download(sha256, target)
        except KeyRefused:
            if not self._renew_key():
                raise
            return await self._download(sha256, target)

    async def _download(self, sha256: str, target: Path) -> int:
        size = 0
        digest = hashlib.sha256()
        path = f"/sampledb/v2/sample/{sha256}/raw"
        async with self._http.download(path) as (status, pieces):
            if status not in SUCCESS:
                checked(Answer(status, b"".join([piece async for piece in pieces])), f"GET {path}")
            with target.open("xb") as file:
                async for piece in pieces:
                    digest.update(piece)
                    file.write(piece)
                    size += len(piece)
        if digest.hexdigest() != sha256.lower():
            raise DamagedDownload(f"The download of {sha256} has other bytes than the sample.")
        return size

    async def end_with_result(self, assignment: Assignment, analysis: Mapping[str, JSON]) -> None:
        """Store the analysis of a task and end the task with success: both, or neither when the service refuses."""
        path = f"/samplebank/v1/job/{assignment.job.id}/task/{assignment.task.id}/result"
        body = {"leaseToken": assignment.lease_token, "analysis": dict(analysis)}
        await self._patiently("POST", path, body=body)

    async def add_analysis(self, sha256: str, request: Mapping[str, JSON], *, key: str | None = None) -> str:
        """Store an analysis once, also where an answer is lost, and return its id.

        Further calls with the same `key` and the same request store nothing.
        """
        path = f"/sampledb/v2/sample/{sha256}/analysis"
        headers = {REPEAT_KEY: key or uuid4().hex}
        answer = await self._patiently("POST", path, body=dict(request), headers=headers)
        return str(answer["analysisID"])

    async def add_evidence(self, sha256: str, analysis: str, evidence: Evidence) -> None:
        path = f"/sampledb/v2/sample/{sha256}/analysis/{analysis}/evidence/{wire.file_name(evidence)}"
        flags = {"internal": evidence.internal, "potentiallyMalicious": evidence.potentially_malicious}
        await self._patiently(
            "POST",
            path,
            content=evidence.data,
            params={name: "true" for name, is_set in flags.items() if is_set},
            headers={"Content-Type": wire.mime_type(evidence)},
        )

    async def add_child(
        self, assignment: Assignment, child: Child, version: str, *, parent: str | None = None
    ) -> Receipt:
        """Store a child of the sample of a task. Safe to repeat: the same child is stored once.

        `parent` names another sample that came out of the same submission, by SHA-256.
        Raises `LeaseLost`, and `ServiceRefused` for a child that the service does not take. An empty child is not sent.
        """
        if not child.data:
            return Receipt("refused", reason=EMPTY)
        path = f"/samplebank/v1/job/{assignment.job.id}/task/{assignment.task.id}/child"
        with losing_leases(unless_field=True):
            answer = await self._patiently(
                "POST",
                path,
                content=child.data,
                params=wire.child_query(child, version) | ({"parent": parent} if parent else {}),
                headers={
                    "Samplebank-Lease": assignment.lease_token,
                    "Content-Type": "application/octet-stream",
                },
            )
        return msgspec.convert(answer, Receipt)

    async def finish(
        self, job: str, task: str, lease_token: str, *, state: str, message: str, analyses: list[str]
    ) -> None:
        """End a task. Raises `LeaseLost` instead of overwriting the work of somebody else."""
        body = {"state": state, "message": message, "analyses": analyses}
        path = f"/sampledb/v2/job/{job}/task/{task}"
        with losing_leases():
            await self._patiently("PUT", path, body=body, headers={"Samplebank-Lease": lease_token})

    async def state_of(self, job: str, task: str) -> str:
        """The state of a task."""
        answer = await self._patiently("GET", f"/sampledb/v2/job/{job}/task/{task}")
        return str(answer["state"])

    async def claim_batch(
        self, workers: Sequence[str], *, wait_seconds: int, lease_seconds: int
    ) -> BatchAssignment | None:
        """Wait up to `wait_seconds` for a batch of a hunt. Not repeated, as `claim`."""
        body = {"workers": list(workers), "waitSeconds": wait_seconds, "leaseSeconds": lease_seconds}
        answer = await self._once("POST", "/samplebank/v1/hunt/claim", body=body)
        try:
            return next(iter(msgspec.convert(answer, list[BatchAssignment])), None)
        except msgspec.ValidationError as error:
            raise ServiceUnavailable(f"The service gave a batch of an unknown form: {error}.") from None

    async def extend_batch(self, batch: BatchAssignment, *, lease_seconds: int) -> None:
        body = {"leaseToken": batch.lease_token, "leaseSeconds": lease_seconds}
        with losing_leases():
            await self._patiently("POST", f"{batch.path}/heartbeat", body=body)

    @asynccontextmanager
    async def batch_contents(self, batch: BatchAssignment) -> AsyncIterator[AsyncIterator[bytes]]:
        """The samples of a batch as a stream. Raises `LeaseLost`."""
        path = f"{batch.path}/content"
        async with self._http.download(path, {"Samplebank-Lease": batch.lease_token}) as (status, pieces):
            if status not in SUCCESS:
                with losing_leases():
                    checked(Answer(status, b"".join([piece async for piece in pieces])), f"GET {path}")
            yield pieces

    async def end_batch(self, batch: BatchAssignment, result: Mapping[str, JSON]) -> None:
        with losing_leases():
            await self._patiently("POST", f"{batch.path}/result", body=dict(result))

    async def _patiently(self, method: str, path: str, **content: Any) -> Any:
        for seconds in PATIENCE_SECONDS:
            try:
                return await self._once(method, path, **content)
            except ServiceUnavailable as error:
                if seconds >= TOLD_SECONDS:
                    faults.warn("service.unavailable", reason=str(error), pause=seconds)
                await asyncio.sleep(seconds)
        return await self._once(method, path, **content)

    async def _once(
        self, method: str, path: str, *, enveloped: bool = True, body: JSON = None, **content: Any
    ) -> Any:
        if body is not None:
            headers = {"Content-Type": "application/json", **content.get("headers", {})}
            content |= {"content": msgspec.json.encode(body), "headers": headers}
        answer = await self._http.ask(method, path, **content)
        try:
            return checked(answer, f"{method} {path}", enveloped=enveloped)
        except KeyRefused:
            if not self._renew_key():
                raise
        return await self._once(method, path, enveloped=enveloped, **content)

    def _renew_key(self) -> bool:
        """Whether the key has changed since. Takes the new key."""
        key = self._current_key()
        if not key or key == self._http.headers[HEADER]:
            return False
        self._http.headers[HEADER] = key
        return True
