"""The worker: claims tasks for its analysers and works on a few tasks at a time, until told to stop."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import msgspec

from samplebank.logs import Faults
from samplebank.worker.assignment import Assignment
from samplebank.worker.choices import check_names, check_settings
from samplebank.worker.client import ServiceClient
from samplebank.worker.errors import ServiceRefused
from samplebank.worker.hunting.loop import HuntLoop
from samplebank.worker.places import Places
from samplebank.worker.registration import NotRegistered, Standing, ensure_registered
from samplebank.worker.rule_watch import RuleWatch, watching
from samplebank.worker.samples import Samples
from samplebank.worker.sandboxed import SandboxedAnalyser
from samplebank.worker.scratch import scratch_folder
from samplebank.worker.stopping import until_stopped, with_patience
from samplebank.worker.task import Task

# The answer to a claim may hold tasks, so a stopping worker waits for a claim under way. Claims are short therefore.
CLAIM_WAIT_SECONDS = 5
LEASE_SECONDS = 60
# Tasks may finish within this time after the call to stop. All other tasks are given back.
GRACE_SECONDS = 10.0
# Between looks whether the service knows an analyser that was left out.
LOOK_AGAIN_SECONDS = 60.0
NOT_FOUND = 404
#: the analyser whose processes tell operators of the rules
SCANNER = "yara"

log = logging.getLogger("samplebank.worker")
faults = Faults(log)


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How long the worker waits: for tasks after the call to stop, in a claim, and for the registration of an analyser."""

    grace_seconds: float = GRACE_SECONDS
    lease_seconds: int = LEASE_SECONDS
    claim_seconds: int = CLAIM_WAIT_SECONDS
    look_again_seconds: float = LOOK_AGAIN_SECONDS


USUAL_PACE = Pace()


class Crew:
    """The analysers of a worker. An analyser that the service does not know is left out, while others have work."""

    def __init__(self, names: Iterable[str]) -> None:
        self._at_work = set(names)

    def leave_out(self, name: str, error: NotRegistered) -> None:
        """Go on without an analyser. Raises the error when no analyser is left."""
        was_at_work = name in self._at_work
        self._at_work.discard(name)
        if not self._at_work:
            raise error
        if was_at_work:
            log.warning("worker.left_out", extra={"fields": {"worker": name, "reason": str(error)}})

    def take_back(self, name: str) -> None:
        self._at_work.add(name)
        log.info("worker.taken_back", extra={"fields": {"worker": name}})


async def run(
    url: str,
    key: str,
    analysers: Sequence[str],
    *,
    stop_event: asyncio.Event,
    parallel: int | None = None,
    settings: Mapping[str, str] | None = None,
    import_from: tuple[Path, ...] = (),
    current_key: Callable[[], str | None] = lambda: None,
    scratch: Path | None = None,
    sandbox_required: bool = True,
    pace: Pace = USUAL_PACE,
    hunts: bool = False,
) -> None:
    """Work for the service at `url` until `stop_event` is set.

    `analysers` are import paths. `parallel` defaults to the number of cores. Samples lie in a new folder under `scratch`
    (default: the system's folder for temporary files). After the event, tasks have `pace.grace_seconds` to finish.
    With `hunts`, the worker also works on hunts, while no tasks of its analysers wait.
    An analyser that the service does not know, and that this key may not register, is left out while others have work.
    Raises WorkerError when the service refuses this worker, and SandboxError when an analyser cannot be opened.
    """
    count = parallel or len(os.sched_getaffinity(0))
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(scratch_folder(scratch))
        client = await stack.enter_async_context(ServiceClient(url, key, current_key=current_key))
        opened = partial(
            SandboxedAnalyser.open,
            settings=settings,
            children=count,
            import_from=import_from,
            sandbox_required=sandbox_required,
        )
        analysts = await _open_all(analysers, opened, stack, stop_event)
        if stop_event.is_set():
            return
        check_settings(settings or {}, analysts)
        names = [analyst.description.short_name for analyst in analysts]
        check_names(names)
        watch = await stack.enter_async_context(
            watching(analysers, settings or {}, sandbox_required=sandbox_required)
        )
        loop_of = partial(
            _Loop,
            client,
            samples=Samples(client, folder),
            places=Places(count),
            crew=Crew(names),
            pace=pace,
            watch=watch,
            stop_event=stop_event,
        )
        loops: list[_Loop | HuntLoop] = [loop_of(analyst) for analyst in analysts]
        if hunts:
            hunting = HuntLoop(
                client, folder, names, sandbox_required=sandbox_required, stop_event=stop_event
            )
            loops += [hunting] * count
        await _run_all(loops)


async def _open_all(
    analysers: Sequence[str],
    opened: Callable[[str], Awaitable[SandboxedAnalyser]],
    stack: AsyncExitStack,
    stop_event: asyncio.Event,
) -> list[SandboxedAnalyser]:
    """Open analysers until `stop_event` is set: all take longer than the service waits before it kills its workers."""
    analysts: list[SandboxedAnalyser] = []
    for path in analysers:
        if stop_event.is_set():
            break
        analysts.append(await stack.enter_async_context(await opened(path)))
    return analysts


async def _run_all(loops: "Sequence[_Loop | HuntLoop]") -> None:
    """Raises the first error of a loop: the other errors repeat the first one, or are cancellations that it caused."""
    try:
        async with asyncio.TaskGroup() as group:
            for loop in loops:
                group.create_task(loop.run())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def register(
    url: str,
    key: str,
    analysers: Sequence[str],
    *,
    settings: Mapping[str, str] | None = None,
    import_from: tuple[Path, ...] = (),
    sandbox_required: bool = True,
) -> dict[str, Standing]:
    """Make the analysers known to the service. Returns the standing of each analyser by short name. Raises as `run` does."""
    standings: dict[str, Standing] = {}
    async with ServiceClient(url, key) as client:
        for path in analysers:
            opened = await SandboxedAnalyser.open(
                path, settings=settings, import_from=import_from, sandbox_required=sandbox_required
            )
            async with opened as analyst:
                check_settings(settings or {}, [analyst])
                description = analyst.description
                check_names([*standings, description.short_name])
                standings[description.short_name] = await ensure_registered(client, description)
    return standings


class _Loop:
    """Claims for one analyser; all loops of a worker share its places."""

    def __init__(
        self,
        client: ServiceClient,
        analyser: SandboxedAnalyser,
        *,
        samples: Samples,
        places: Places,
        crew: Crew,
        pace: Pace,
        watch: RuleWatch | None,
        stop_event: asyncio.Event,
    ) -> None:
        self._client = client
        self._analyser = analyser
        self._samples = samples
        self._places = places
        self._crew = crew
        self._stop = stop_event
        self._pace = pace
        self._watch = watch if analyser.description.short_name == SCANNER else None
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        try:
            await until_stopped(self._stop, with_patience(self._stop, self._register))
            while not self._stop.is_set():
                try:
                    await with_patience(self._stop, self._claim)
                except ServiceRefused as refusal:
                    if refusal.status != NOT_FOUND:
                        raise
                    await until_stopped(self._stop, with_patience(self._stop, self._await_registration))
        finally:
            await self._wind_up()

    async def _register(self) -> None:
        try:
            await ensure_registered(self._client, self._analyser.description)
        except NotRegistered as error:
            await self._await_registration(error)
        await self._analyser.check()

    async def _await_registration(self, error: NotRegistered | None = None) -> None:
        """Let the other analysers of the worker work until the service knows this one."""
        name = self._analyser.description.short_name
        self._crew.leave_out(
            name, error or NotRegistered(f"The service knows no analysis worker {name} any more.")
        )
        is_known = False
        while not is_known:
            await asyncio.sleep(self._pace.look_again_seconds)
            is_known = await self._client.find_worker(name) is not None
        self._crew.take_back(name)

    async def _claim(self) -> None:
        await until_stopped(self._stop, self._samples.room.some())
        await until_stopped(self._stop, self._places.some_free())
        if self._stop.is_set():
            return
        assignments = await self._client.claim(
            self._analyser.description.short_name,
            most=max(self._places.free, 1),
            wait_seconds=self._pace.claim_seconds,
            lease_seconds=self._pace.lease_seconds,
            version=self._analyser.description.version,
            remark=self._watch.remark if self._watch else "",
        )
        for assignment in assignments:
            self._begin(assignment)

    def _begin(self, assignment: Assignment) -> None:
        self._places.take()
        work = Task(
            assignment,
            self._analyser,
            self._client,
            self._places,
            samples=self._samples,
            lease_seconds=self._pace.lease_seconds,
        )
        task = asyncio.create_task(work.run())
        self._tasks.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._places.give_back()
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            faults.tell("task.broke", error)  # the end of the lease frees the task

    async def _wind_up(self) -> None:
        """Wait `grace_seconds` for running tasks, and give back the rest."""
        if self._tasks and self._stop.is_set():
            told = {"worker": self._analyser.description.short_name, "tasks": len(self._tasks)}
            log.info("worker.finishes", extra={"fields": {**told, "seconds": self._pace.grace_seconds}})
            await asyncio.wait(self._tasks, timeout=self._pace.grace_seconds)
        rest = list(self._tasks)
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
