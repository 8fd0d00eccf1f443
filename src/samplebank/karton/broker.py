"""Redis in the words of Karton: binds, queues, tasks and the connections of services. Errors of the client become sentences."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from samplebank.karton.binds import Bind, bind_of
from samplebank.karton.config import Config
from samplebank.karton.errors import Away, KartonError
from samplebank.karton.tasks import BINDS, PREFIX, Task
from samplebank.logs import Faults

log = logging.getLogger("samplebank.karton")
faults = Faults(log)
#: seconds for an answer of Redis, and for a connection
PATIENCE: Final = 15.0
#: keys that a step of a scan looks at, and tasks that are read at once
STEP: Final = 1000
#: Replaces a task, if nobody has changed the task since. Then queues a task that stands beside it, if there is one.
REPLACE: Final = """
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
    redis.call('SET', KEYS[1], ARGV[2])
    if ARGV[3] ~= '' then
        redis.call('SET', KEYS[2], ARGV[3])
        redis.call('RPUSH', KEYS[3], ARGV[4])
    end
    return 1
"""


class Connection(msgspec.Struct, frozen=True):
    """A connection to Redis. `age` is in seconds; `is_idle` tells that the client waits for the next task.

    `silence` are the seconds since the last command.
    """

    number: int
    name: str
    age: int
    is_idle: bool
    silence: int = 0


class Broker:
    """Connections with one name. A command is not sent again: a repeated command could take a second task from a queue."""

    def __init__(self, config: Config, name: str, *, most: int = 32) -> None:
        self._place = config.redis_place
        self._redis = Redis.from_url(
            config.redis_url,
            username=config.redis_user,
            password=config.redis_password,
            client_name=name,
            decode_responses=True,
            # Another program's bytes that are no text must not end the bridge.
            encoding_errors="surrogateescape",
            max_connections=most,
            single_connection_client=most == 1,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            socket_keepalive=True,
        )

    async def close(self) -> None:
        with suppress(RedisError, OSError):
            await self._redis.aclose()

    async def ask(self, *command: Any) -> Any:
        """The answer to a command. Raises `Away`."""
        try:
            return await self._redis.execute_command(*command)  # type: ignore[no-untyped-call]
        except (RedisError, OSError) as error:
            raise self._away(error) from None

    async def at_once(self, *commands: Sequence[Any]) -> list[Any]:
        """The answers to commands that take effect together. Raises `Away`: then all took effect, or none."""
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                for command in commands:
                    pipe.execute_command(*command)
                return list(await pipe.execute())
        except (RedisError, OSError) as error:
            raise self._away(error) from None

    def _away(self, error: Exception) -> Away:
        words = " ".join(str(error).split())[:200] or type(error).__name__
        return Away(f"The Redis of Karton at {self._place} does not answer: {words}.")

    async def connections(self) -> list[Connection]:
        """The connections of all clients that have a name. A name ends before what it tells of the client."""
        found = []
        for line in await self.ask("CLIENT LIST"):
            name = str(line.get("name") or "").partition("?")[0]
            if name:
                idle = line.get("cmd") == "blpop" and "b" in str(line.get("flags"))
                number, age, silence = (int(line[field]) for field in ("id", "age", "idle"))
                found.append(Connection(number, name, age, idle, silence))
        return found

    async def own_number(self) -> int:
        """The number of a single connection. The number grows when the connection is made anew."""
        return int(await self.ask("CLIENT ID"))

    async def now(self) -> float:
        """Seconds since 1970 by the clock of Redis."""
        seconds, micros = await self.ask("TIME")
        return int(seconds) + int(micros) / 1_000_000

    async def binds(self) -> dict[str, Bind]:
        return {name: bind_of(text) for name, text in (await self.ask("HGETALL", BINDS)).items()}

    async def queued(self, queue: str) -> set[str]:
        return set(await self.ask("LRANGE", queue, 0, -1))

    async def task_keys(self) -> AsyncIterator[str]:
        """The keys of all tasks. Keys that are made during the scan may be left out."""
        cursor = 0
        while True:
            cursor, keys = await self.ask("SCAN", cursor, "MATCH", f"{PREFIX}*", "COUNT", STEP)
            for key in keys:
                yield key
            if not int(cursor):
                return

    async def tasks(self, keys: Sequence[str]) -> list[Task]:
        """The tasks that are there. Texts that are no tasks are left out: another program's text must not end the bridge."""
        found = []
        for start in range(0, len(keys), STEP):
            step = keys[start : start + STEP]
            for key, text in zip(step, await self.ask("MGET", *step), strict=True):
                try:
                    if text is not None:
                        found.append(_task_of(key, text))
                except KartonError as error:
                    faults.warn("karton.unreadable", reason=str(error))
        return found

    async def find_task(self, uid: str) -> Task | None:
        return next(iter(await self.tasks([PREFIX + uid])), None)

    async def replace(self, task: Task, text: str, beside: Task | None = None, queue: str = "") -> bool:
        """Write a task anew, and `queue` a task `beside` it. Whether nobody has changed the task since it was read."""
        keys = [task.key, *((beside.key, queue) if beside else ())]
        arguments = [task.text, text, *((beside.text, beside.uid) if beside else ("", ""))]
        return bool(await self.ask("EVAL", REPLACE, len(keys), *keys, *arguments))


def _task_of(key: str, text: str) -> Task:
    """Read the task under a key. Raises `KartonError`, also for a task of another key: its end would be written there."""
    task = Task.of(text)
    if task.key != key:
        raise KartonError(f"Redis holds the task {task.uid[:100]!r} under another key: {key[:100]!r}.")
    return task
