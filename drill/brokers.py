"""A broker, its relays and the service are killed under load: no event is missed, and each sample's events are in order."""

import asyncio
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import nats
from bench.karton import program
from bench.ports import free_port
from bench.service import Service
from nats.errors import Error

from drill import faults
from drill.installations import installed
from drill.restarts import BETWEEN, SETTINGS, WHOLE
from drill.rows import Row, Toll, came_back
from drill.told import Told
from samplebank.rehearsal.load import Load, wholeness

STREAM, SUBJECTS, UP = "EVENTS", "samplebank.>", "Server is ready"
#: seconds in which the broker has to get the last promise, and between two looks
PATIENCE, PAUSE = 90.0, 0.5
AT_ONCE = 500
OTHERS = (faults.kill_housekeeper, faults.kill_web_twice, faults.kill_postmaster)
GOAL = "0 missed, 0 out of order per sample, repeats with the same id only"


class Nats:
    """A nats-server with JetStream, that can be killed and started again on the same folder."""

    def __init__(self, folder: Path) -> None:
        self._port = free_port()
        self.url = f"nats://127.0.0.1:{self._port}"
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        options = ["-a", "127.0.0.1", "-p", str(self._port), "-js", "-sd", str(self._folder)]
        self._process = subprocess.Popen(
            [program("nats-server"), *options], stderr=subprocess.PIPE, text=True
        )
        assert self._process.stderr is not None  # noqa: S101 it has a pipe
        said = ""
        while UP not in said:
            said = self._process.stderr.readline()
            if not said:
                raise RuntimeError("nats-server did not start")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    async def make_stream(self) -> None:
        client = await nats.connect(self.url)
        await client.jetstream().add_stream(name=STREAM, subjects=[SUBJECTS])
        await client.close()

    async def told(self) -> Told:
        """All that the stream holds, in its order."""
        told = Told()
        client = await nats.connect(self.url)
        stream = client.jetstream()
        count = (await stream.stream_info(STREAM)).state.messages
        consumer = await stream.pull_subscribe(SUBJECTS, stream=STREAM)
        while count > 0:
            for message in await consumer.fetch(min(count, AT_ONCE), timeout=10):
                told.take(json.loads(message.data))
                await message.ack()
                count -= 1
        await consumer.unsubscribe()
        await client.close()
        return told


def run(folder: Path, rounds: int) -> Iterator[Row]:
    broker = Nats(folder / "nats")
    broker.start()
    try:
        asyncio.run(broker.make_stream())
        with installed(folder, {**SETTINGS, "SAMPLEBANK_EVENTS_NATS": broker.url}) as service:
            service.start()
            yield _drill(service, broker, rounds)
    finally:
        broker.kill()


def _drill(service: Service, broker: Nats, rounds: int) -> Row:
    kills, whole = 0, list[float | None]()
    with Load(service.url, service.key) as load:
        for number in range(rounds):
            time.sleep(BETWEEN)
            kills += _blow(service, broker, number)
            whole.append(wholeness(service.url, WHOLE))
    names = {promise.file_name for promise in load.promises}
    told = _await_all(broker, names)
    seen = (
        f"{len(names):,} promised, {len(told):,} events; {told.missed(names)} missed, {told.out_of_order} out of order, "
        f"{told.repeated} repeated, {told.changed} with another id"
    )
    is_met = None not in whole and not told.missed(names) + told.out_of_order + told.changed
    toll = Toll(kills, promised=len(names), lost=told.missed(names)) + came_back(whole)
    return Row("broker, relay, web processes and database killed in turn", rounds, GOAL, seen, is_met, toll)


def _blow(service: Service, broker: Nats, number: int) -> int:
    """Every other blow is for the broker. Returns the kills."""
    if number % 2 == 0:
        broker.kill()
        time.sleep(BETWEEN)
        broker.start()
        return 1
    return OTHERS[number // 2 % len(OTHERS)](service)


def _await_all(broker: Nats, names: set[str]) -> Told:
    """Wait until the stream holds these submissions, for a while."""
    told, end = Told(), time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with suppress(Error, OSError):
            told = asyncio.run(broker.told())
        if not told.missed(names):
            break
        time.sleep(PAUSE)
    return told
