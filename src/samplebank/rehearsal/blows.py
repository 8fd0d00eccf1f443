"""Blows to a service with an embedded database, each with the time until the service is whole again."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from samplebank.database import postmaster
from samplebank.database.connection import connect_alone
from samplebank.database.embedded import EmbeddedServer
from samplebank.jobs.clock import LAST_DONE
from samplebank.rehearsal.load import wholeness
from samplebank.rehearsal.processes import children, kill

#: seconds within which the service has to be whole again, of load before each blow, and between two looks
WHOLE, BEFORE, LOOK = 30.0, 0.5, 0.1
TERMINATE: Final = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL
"""


class Rehearsed(NamedTuple):
    """The service under the blows: its address, its first process, and its database."""

    url: str
    pid: int
    database: EmbeddedServer


class Outcome(msgspec.Struct, rename="camel"):
    """A kind of blow: what was killed, how often, and the longest time until the service was whole, None for never."""

    fault: str
    rounds: int
    kills: int
    whole_seconds: float | None


def _kill_web(service: Rehearsed) -> int:
    return kill(children(service.pid, " serve "))


def _kill_housekeeper(service: Rehearsed) -> int:
    return kill(children(service.pid, "housekeeper_process"))


def _kill_database(service: Rehearsed) -> int:
    found = postmaster.find(service.database.data)
    return kill([] if found is None else [found])


def _end_sessions(service: Rehearsed) -> int:
    return asyncio.run(_ask(service.database.url, TERMINATE))


BLOWS: Final[Mapping[str, Callable[[Rehearsed], int]]] = {
    "web processes killed": _kill_web,
    "housekeeper killed": _kill_housekeeper,
    "database sessions ended": _end_sessions,
    "database server killed": _kill_database,
}


def strike(service: Rehearsed, rounds: int) -> Iterator[Outcome]:
    """Give each kind of blow so many times."""
    for fault, blow in BLOWS.items():
        kills, seconds = 0, list[float | None]()
        for _ in range(rounds):
            time.sleep(BEFORE)
            began, struck = time.monotonic(), time.time_ns() // 1_000_000
            kills += blow(service)
            seconds.append(_until_whole(service, began, struck))
        well = [one for one in seconds if one is not None]
        yield Outcome(fault, rounds, kills, round(max(well), 3) if len(well) == rounds else None)


def _until_whole(service: Rehearsed, began: float, struck: int) -> float | None:
    """Seconds since `began` until all processes answer and the housework has been done since `struck`; None for too long."""
    if wholeness(service.url, WHOLE) is None:
        return None
    while (seconds := time.monotonic() - began) < WHOLE:
        if asyncio.run(_ask(service.database.url, LAST_DONE)) > struck:
            return seconds
        time.sleep(LOOK)
    return None


async def _ask(url: str, query: str) -> int:
    db = await connect_alone(url)
    try:
        return await db.fetchval(query) or 0
    finally:
        await db.close()
