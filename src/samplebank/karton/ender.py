"""Ends analyses: stores an analysis for each sample and service, and ends the tasks of Samplebank.

What is to be stored is decided once and kept in Redis first, and each request has a key of its own. So a bridge that dies in
between is followed by another that stores the same, once.
"""

import asyncio
import hashlib
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec

from samplebank.karton.broker import Broker
from samplebank.karton.findings import Finding
from samplebank.karton.producer import LEASE_SECONDS
from samplebank.karton.records import ANALYSES, ENDING, REPORT, RESTARTS, Records
from samplebank.karton.results import WORKER, Account, Crash, Request, Terms, requests_of
from samplebank.karton.tasks import State, text_of
from samplebank.karton.trees import PARENT, Look, Tree, Trees
from samplebank.worker import wire
from samplebank.worker.assignment import Assignment
from samplebank.worker.client import ServiceClient
from samplebank.worker.contract import NO_FINDINGS
from samplebank.worker.errors import LeaseLost, ServiceRefused

#: seconds for which a child waits to be found, where no analysis is under way that knows its parent
FOUND_SECONDS: Final = 10.0
#: states of tasks that have ended
OVER: Final = frozenset({"success", "failed", "cancelled", "timeout"})
#: analyses that are brought at a time
MOST_AT_ONCE: Final = 8
#: analyses that the service takes with the end of a task
MOST_OF_TASK: Final = 1000
#: bytes of the name of a service in the key of a request: a key has a bound
MOST_OF_NAME: Final = 91
LOOKED_AT: Final = "Karton has looked at this file in the analysis of the sample that the file came out of."
NOTHING: Final = "No service of Karton told anything about this sample."
NOT_ALLOWED: Final = "The key of the bridge may not store analyses under the names of services: give its user SAMPLEDB-ANALYZER."
NOT_TAKEN: Final = "The findings of {} about {} were not stored: {}"
NOT_COUNTED: Final = "{} analyses were stored. This task counts {} of them, as a task has no more."
FORBIDDEN, NOT_FOUND = 403, 404
CONFIG_SCORE: Final = "configScore"

log = logging.getLogger("samplebank.karton")


Begin = Callable[[Assignment], Awaitable[None]]


class Plan(msgspec.Struct, frozen=True):
    """All that the end of an analysis stores. `failure` is the message of a task that fails."""

    requests: list[Request]
    failure: str | None = None


class Stored(msgspec.Struct, frozen=True):
    """What became of a request: the id of the analysis, or why the service refused. A sample that has gone has neither."""

    sample: str
    id: str | None = None
    refusal: str | None = None


class Ender:
    """`begin` begins the analysis of a sample."""

    def __init__(
        self, broker: Broker, client: ServiceClient, trees: Trees, *, begin: Begin, version: str
    ) -> None:
        self._broker = broker
        self._records = Records(broker)
        self._client = client
        self._trees = trees
        self._begin = begin
        self._version = version
        self._waiting: dict[str, float] = {}
        self._places = asyncio.Semaphore(MOST_AT_ONCE)

    async def end(self, tree: Tree, look: Look) -> None:
        """Store everything and end the task. Raises `Away`, `ServiceUnavailable` and `KeyRefused`: then another look ends the analysis."""
        plan = msgspec.json.decode(
            await self._records.once(tree.root, ENDING, await self._planned(tree, look)), type=Plan
        )
        try:
            await self._store(tree, plan)
        except LeaseLost:
            tree.has_lease = False

    async def _planned(self, tree: Tree, look: Look) -> str:
        told = await self._records.told(tree.root)
        findings = [msgspec.json.decode(text, type=Finding) for text in told.under(REPORT).values()]
        crashes = [
            Crash(text_of(task.receiver) or "karton.system", task.error or "no reason given")
            for task in look.crashed
        ]
        restarted = sum(map(int, told.under(RESTARTS).values()))
        account = Account(tree.root, self._version, crashes, len(look.uids), restarted)
        own = tree.assignment
        terms = Terms(own.customer, own.tlp, own.max_result_size, _score(tree))
        requests = requests_of(findings, tree.known, tree.sample, account, terms)
        failure = None
        if all(finding.problem for finding in findings):
            reasons = [f"{crash.service}: {crash.reason}" for crash in crashes]
            reasons += [finding.problem for finding in findings if finding.problem]
            failure = "\n".join([NOTHING, *reasons])
        return msgspec.json.encode(Plan(requests, failure)).decode()

    async def _store(self, tree: Tree, plan: Plan) -> None:
        task = tree.assignment.task.id
        await self._client.heartbeat(task, tree.assignment.lease_token, lease_seconds=LEASE_SECONDS)
        try:
            keyed = zip(plan.requests, keys_of(tree.root, plan.requests), strict=True)
            stored = await asyncio.gather(*(self._add(tree, request, key) for request, key in keyed))
        except ServiceRefused as refusal:
            plan, stored = Plan([], f"{NOT_ALLOWED} {refusal}"), []
        ids = ids_of(stored)
        await self._records.note(tree.root, {ANALYSES: msgspec.json.encode(ids).decode()})
        state = "success" if plan.failure is None else "failed"
        told = wire.message(plan.failure or left_out(stored, tree.sample))
        await self._finish(tree.assignment, state, told, ids.get(tree.sample, []))
        await self._records.end(tree.root, task)
        self._trees.remove(tree)

    async def _add(self, tree: Tree, request: Request, key: str) -> Stored:
        """Store an analysis once. Raises `ServiceRefused` for a key without the right."""
        async with self._places:
            try:
                id_ = await self._client.add_analysis(request.sample, request.body, key=key)
            except ServiceRefused as refusal:
                if refusal.status == FORBIDDEN:
                    raise
                about = {"root": tree.root, "service": request.service, "reason": str(refusal)}
                log.warning("karton.refused", extra={"fields": about})
                is_gone = refusal.status == NOT_FOUND
                told = NOT_TAKEN.format(request.service, request.sample, refusal)
                return Stored(request.sample, refusal=None if is_gone else told)
            return Stored(request.sample, id_)

    async def _finish(self, held: Assignment, state: str, message: str, analyses: list[str]) -> None:
        """End a task of Samplebank. A task that others have ended is left as it is."""
        about: dict[str, Any] = {
            "task": held.task.id,
            "job": held.job.id,
            "sample": held.sample.id,
            "state": state,
        }
        try:
            await self._client.finish(
                held.job.id, held.task.id, held.lease_token, state=state, message=message, analyses=analyses
            )
        except ServiceRefused as refusal:
            about["reason"] = str(refusal)
        log.info("task.finished", extra={"fields": about})

    async def end_children(self) -> None:
        """End the tasks of children whose analysis has ended, each with the analyses of the child.

        A sample that no analysis knows as its child becomes an analysis of its own.
        """
        for task_id, held in list(self._trees.children.items()):
            submission = _submission_of(held)
            root = await self._records.root_of(submission)
            if root is None:
                if not self._may_be_found(held):
                    await self._begin(held)
                    self._put_down(task_id)
                continue
            analyses = await self._records.find_analyses(root)
            if analyses is None and await self._records.exists(root):
                continue
            try:
                await self._finish(held, "success", LOOKED_AT, (analyses or {}).get(held.sample.id, []))
            except LeaseLost as lost:
                log.info("karton.lost", extra={"fields": {"task": task_id, "reason": str(lost)}})
                await self.let_go(held)
                continue
            await self._records.end_child(task_id, submission)
            self._put_down(task_id)

    async def let_go(self, held: Assignment) -> None:
        """Put the task of a child down whose lease is lost. The next claim of a task that goes on has to find the analysis, too."""
        is_over = await self.is_over(held)
        if self._trees.children.get(held.task.id) is not held:
            return  # claimed anew meanwhile
        if is_over:
            await self._records.end_child(held.task.id, _submission_of(held))
        else:
            await self._records.let_go(held.task.id)
        self._put_down(held.task.id)

    async def is_over(self, held: Assignment) -> bool:
        """Whether a task has ended without the bridge: its job has timed out, or was deleted."""
        try:
            return await self._client.state_of(held.job.id, held.task.id) in OVER
        except ServiceRefused:
            return True

    def _may_be_found(self, held: Assignment) -> bool:
        """Whether the reporter may be about to note the child.

        A bridge may have died between the stored child and the note. The child is told again before the analysis of its parent ends.
        """
        parent = ((held.submission or {}).get("metaData") or {}).get(PARENT)
        if any(parent in tree.known for tree in self._trees):
            return True
        now = time.monotonic()
        return now - self._waiting.setdefault(held.task.id, now) <= FOUND_SECONDS

    def _put_down(self, task_id: str) -> None:
        self._trees.children.pop(task_id, None)
        self._waiting.pop(task_id, None)

    async def stop(self, tree: Tree) -> None:
        """End the tasks of an analysis that nobody waits for any more, and forget the analysis."""
        look = tree.look
        for task in look.open if look else ():
            await self._broker.replace(task, task.moved(State.FINISHED))
        # An earlier bridge may have noted the analyses, and may have ended the task.
        await self._records.once(tree.root, ANALYSES, "{}")
        await self._records.end(tree.root, tree.assignment.task.id)
        self._trees.remove(tree)
        log.info("karton.stopped", extra={"fields": {"root": tree.root, **tree.about}})


def ids_of(stored: Sequence[Stored]) -> dict[str, list[str]]:
    """The analyses that were stored, by SHA-256 of the sample: those that a task takes. The account of the bridge comes last."""
    ids: dict[str, list[str]] = defaultdict(list)
    for one in stored:
        if one.id is not None:
            ids[one.sample].append(one.id)
    return {sample: found[-MOST_OF_TASK:] for sample, found in ids.items()}


def left_out(stored: Sequence[Stored], sample: str) -> str:
    """What the task of the sample does not have of what services told, for the message of the task."""
    told = [one.refusal for one in stored if one.refusal is not None]
    number = sum(one.sample == sample and one.id is not None for one in stored)
    if number > MOST_OF_TASK:
        told.append(NOT_COUNTED.format(number, MOST_OF_TASK))
    return "\n".join(told)


def _submission_of(held: Assignment) -> str:
    return str((held.submission or {}).get("id"))


def _score(tree: Tree) -> int:
    """The score that the policy gives to a configuration of malware."""
    told = tree.option(CONFIG_SCORE) or ""
    return min(int(told), 100) if told.isascii() and told.isdigit() else NO_FINDINGS


def keys_of(root: str, requests: Sequence[Request]) -> list[str]:
    """The keys by which requests are known when they come again. The last request is the account of the bridge itself."""
    names = [*(_name_in_key(request.service) for request in requests[:-1]), WORKER]
    return [f"karton:{root}:{request.sample}:{name}" for request, name in zip(requests, names, strict=True)]


def _name_in_key(service: str) -> str:
    """The name of a service, or a digest of a name that no key has, or that is the name of the bridge."""
    is_plain = service.isprintable() and service == service.strip() and len(service.encode()) <= MOST_OF_NAME
    if is_plain and service != WORKER:
        return service
    return hashlib.sha256(service.encode()).hexdigest()
