"""The bridge: claims tasks, sends samples into Karton, brings back what services find, and heals what Karton loses.

One bridge works at a time, and any others stand by. All that must outlive the bridge is in Redis or in Samplebank.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from samplebank.karton.broker import Broker, Connection
from samplebank.karton.bucket import Bucket
from samplebank.karton.config import Config
from samplebank.karton.ender import Ender
from samplebank.karton.healer import Healer
from samplebank.karton.leases import HEARTBEAT, Leases
from samplebank.karton.patience import repeat
from samplebank.karton.producer import Producer
from samplebank.karton.reporter import IDENTITY, Reporter
from samplebank.karton.results import WORKER
from samplebank.karton.trees import Trees
from samplebank.karton.watcher import Watcher
from samplebank.worker.client import ServiceClient
from samplebank.worker.inside import Description
from samplebank.worker.registration import Standing, ensure_registered
from samplebank.worker.scratch import scratch_folder
from samplebank.worker.stopping import until_stopped

#: the name of the connection by which bridges know each other: the oldest connection leads
LEADER: Final = "karton.samplebank-bridge"
PRODUCER: Final = "karton.samplebank"
#: seconds between two looks who leads, and between two looks at waiting children
LOOK_AGAIN: Final = 1.0
#: seconds without a command after which a bridge counts as dead. Redis keeps the connection of a lost host for many minutes
SILENT: Final = 30
#: analyses at a time
PARALLEL: Final = 64

log = logging.getLogger("samplebank.karton")


class Deposed(Exception):
    """Another bridge leads: the connection of this one to Redis was made anew."""


class Service(msgspec.Struct, frozen=True):
    """Where Samplebank is, and the key of the bridge."""

    url: str
    key: str
    current_key: Callable[[], str | None] = lambda: None


def description(version: str) -> Description:
    """The worker `karton` as the service knows it."""
    return Description(
        short_name=WORKER,
        version=version,
        names={"english": "Karton"},
        descriptions={
            "english": "Hands the sample to the services of a Karton, and brings back what they find."
        },
        schema=None,
        memory_bytes=0,
        seconds=0,
        folders=(),
    )


async def register(service: Service, version: str) -> Standing:
    """Make the worker `karton` known to the service. Raises `WorkerError`."""
    async with ServiceClient(service.url, service.key) as client:
        return await ensure_registered(client, description(version))


async def run(
    service: Service,
    config: Config,
    *,
    version: str,
    stop_event: asyncio.Event,
    parallel: int = PARALLEL,
    scratch: Path | None = None,
) -> None:
    """Work until the event. Raises `WorkerError` where the service refuses the bridge."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(scratch_folder(scratch))
        client = await stack.enter_async_context(
            ServiceClient(service.url, service.key, current_key=service.current_key)
        )
        await ensure_registered(client, description(version))
        brokers = [
            Broker(config, name, most=most) for name, most in ((LEADER, 1), (PRODUCER, 32), (IDENTITY, 1))
        ]
        for broker in brokers:
            stack.push_async_callback(broker.close)
        bridge = Bridge(brokers, config, client, folder=folder, version=version, parallel=parallel)
        await until_stopped(stop_event, bridge.run())


class Bridge:
    """`brokers` are the connections that lead, that ask, and that wait for tasks."""

    def __init__(
        self,
        brokers: list[Broker],
        config: Config,
        client: ServiceClient,
        *,
        folder: Path,
        version: str,
        parallel: int,
    ) -> None:
        self._leading, self._broker, self._queue = brokers
        self._config = config
        self._client = client
        self._folder = folder
        self._version = version
        self._parallel = parallel

    async def run(self) -> None:
        """Lead whenever no other bridge leads."""
        while True:
            await repeat_until(self._is_leading, LOOK_AGAIN)
            log.info("karton.leading", extra={"fields": {"redis": self._config.redis_place}})
            try:
                await self._lead()
            except* Deposed:
                log.warning("karton.deposed", extra={"fields": {"redis": self._config.redis_place}})

    async def _is_leading(self) -> bool:
        return leads(await self._leading.own_number(), await self._leading.connections())

    async def _lead(self) -> None:
        trees, bucket = Trees(), Bucket(self._config)
        producer = Producer(
            self._broker, bucket, self._client, trees, folder=self._folder, version=self._version
        )
        reporter = Reporter(self._queue, self._broker, bucket, self._client, trees, version=self._version)
        healer = Healer(
            self._broker, bucket, reporter, grace=self._config.grace, longest=self._config.task_timeout
        )
        ender = Ender(self._broker, self._client, trees, begin=producer.begin, version=self._version)
        watcher = Watcher(self._broker, trees, healer, end=ender.end, send=producer.send)
        leases = Leases(self._client, trees, ender)
        try:
            await repeat_until(partial(_done, producer.resume), LOOK_AGAIN)
            async with asyncio.TaskGroup() as group:
                group.create_task(repeat(self._stay, LOOK_AGAIN))
                group.create_task(repeat(reporter.register, LOOK_AGAIN))
                group.create_task(repeat(reporter.pop))
                group.create_task(repeat(watcher.look))
                group.create_task(repeat(leases.extend, HEARTBEAT))
                group.create_task(repeat(ender.end_children, LOOK_AGAIN))
                group.create_task(repeat(partial(producer.claim, self._parallel)))
        finally:
            for part in (producer, reporter, watcher):
                await part.close()

    async def _stay(self) -> None:
        if not await self._is_leading():
            raise Deposed


def leads(number: int, there: Iterable[Connection]) -> bool:
    """Whether the connection with the number is the oldest of the bridges that are alive."""
    alive = [one.number for one in there if one.name == LEADER and one.silence < SILENT]
    return number == min(alive, default=number)


async def _done(step: Callable[[], object]) -> bool:
    await step()  # type: ignore[misc]  # a coroutine
    return True


async def repeat_until(probe: Callable[[], object], pause: float) -> None:
    """Ask until the answer is true, however often something is away."""
    reached = asyncio.Event()

    async def step() -> None:
        if await probe():  # type: ignore[misc]  # a coroutine
            reached.set()

    asking = asyncio.create_task(repeat(step, pause))
    try:
        await reached.wait()
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
