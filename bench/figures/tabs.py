"""Open pages: what the streams of many visible tabs cost while nothing happens."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from bench import clients
from bench.figure import Figure, Surroundings
from bench.figures.web import sign_in
from bench.ports import HOST
from bench.service import Service
from bench.tenants import Tenants

TABS: Final = 200
GOAL: Final = 5.0
#: attempts for a tab: a process lets a user have so many streams, and connections fall to the processes by chance
ATTEMPTS: Final = 20
#: seconds of rest once all tabs are open
REST: Final = 2.0
#: seconds of a run, longer than the time between two heartbeats of a stream
SECONDS, RUNS = 20.0, 3
ASK: Final = (
    "GET /live?on=list:jobs HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nAccept: text/event-stream\r\n\r\n"
)


def idle(service: Service, tenants: Tenants) -> Figure:
    """Processor time that 200 open tabs with lists of jobs cost all processes of the service, in percent of a core."""
    cookies = [sign_in(service, key) for key in (service.key, tenants.everyone_key, tenants.one_key)]
    with Surroundings(service.processes) as around:
        without, *values = asyncio.run(_measured(service, cookies))
    note = f"{len(cookies)} users, {SECONDS:g} s each; beyond the {without:.2f} % without tabs"
    name = f"{TABS} open tabs while nothing happens"
    beyond = [max(0.0, value - without) for value in values]
    return around.mark(Figure(name, "% of a core", beyond, GOAL, less=True, note=note))


async def _measured(service: Service, cookies: Sequence[str]) -> list[float]:
    """The processor time without tabs, and then with all tabs, several times."""
    values = [await _spent(service)]
    async with AsyncExitStack() as later:
        for number in range(TABS):
            await _open(service, cookies[number % len(cookies)], later)
        await asyncio.sleep(REST)
        values += [await _spent(service) for _ in range(RUNS)]
    return values


async def _spent(service: Service) -> float:
    processes = service.processes()
    before, began = processes.processor_seconds(), time.monotonic()
    await asyncio.sleep(SECONDS)
    return 100 * (processes.processor_seconds() - before) / (time.monotonic() - began)


async def _open(service: Service, cookie: str, later: AsyncExitStack) -> None:
    """Open the stream of a tab, in any process that has room for the tab."""
    for _ in range(ATTEMPTS):
        reader, writer = await asyncio.open_connection(HOST, service.port)
        writer.write(ASK.format(host=f"{HOST}:{service.port}", cookie=cookie).encode())
        status = int((await reader.readline()).split()[1])
        if status == clients.OK:
            later.callback(writer.close)
            return
        writer.close()
    raise clients.WrongAnswer(f"status {status} for a tab, {ATTEMPTS} times")
