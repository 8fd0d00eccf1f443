"""Claims of one process: those that come while one is under way are served together by the next statement.

A fleet of workers that wakes up at once costs one statement, not one for each of its members.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from samplebank.accounts.access import Caller
from samplebank.database import Connection, Database
from samplebank.jobs.claims import Claim, Turn, claim
from samplebank.timespec import Millis

#: tasks taken at once, if more than one claim is served by them
MOST = 1000
#: turns that bring nothing, because other claims are taking the tasks, before one gives up
EMPTY_TURNS = 4


class Line(NamedTuple):
    """Claims that differ in nothing but how much they want: only these may be served together."""

    caller: Caller
    worker: str
    lease: Millis


class Waiting(NamedTuple):
    most: int
    served: "asyncio.Future[list[Claim]]"


class Claiming:
    """Takes tasks as `claim` does; `cause` is as there."""

    def __init__(self, database: Database, clock: Callable[[], Millis], cause: str) -> None:
        self._database = database
        self._clock = clock
        self._cause = cause
        #: by worker, the customer who had the last turn in this process
        self._turns: dict[str, int] = {}
        self._waiting: dict[tuple[int, str, Millis], deque[Waiting]] = {}
        #: the event loop itself only remembers tasks for as long as others do
        self._serving: set[asyncio.Task[None]] = set()

    async def claim(self, caller: Caller, worker: str, *, most: int, lease: Millis) -> list[Claim]:
        """Hand the longest-waiting open tasks of each customer in turn to `worker`, at most `most`."""
        # a caller cannot be compared by value in no time; the line keeps the object, so that its id stays its own
        key = id(caller), worker, lease
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = deque()
            serving = asyncio.create_task(self._serve(key, Line(caller, worker, lease), waiting))
            self._serving.add(serving)
            serving.add_done_callback(self._serving.discard)
        mine = Waiting(most, asyncio.get_running_loop().create_future())
        waiting.append(mine)
        return await mine.served

    async def _serve(self, key: tuple[int, str, Millis], line: Line, waiting: deque[Waiting]) -> None:
        try:
            while waiting:
                await self._serve_some(line, _next(waiting))
        finally:
            del self._waiting[key]
            for left in waiting:
                left.served.cancel()

    async def _serve_some(self, line: Line, some: list[Waiting]) -> None:
        taking = asyncio.create_task(self._take(line, sum(one.most for one in some)))
        try:
            await asyncio.wait({taking})
            error = taking.exception()
            taken = deque(() if error else taking.result())
            for one in some:
                if one.served.done():
                    continue
                if error:
                    one.served.set_exception(error)
                else:
                    one.served.set_result([taken.popleft() for _ in range(min(one.most, len(taken)))])
        finally:
            for one in some:
                one.served.cancel()

    async def _take(self, line: Line, most: int) -> list[Claim]:
        """Take tasks of one customer after the other, until there are `most`, or none is left."""
        taken: list[Claim] = []
        empty = 0
        async with self._database.connection() as db:
            while len(taken) < most and empty < EMPTY_TURNS:
                turn = await self._take_turn(db, line, most - len(taken))
                taken += turn.claims
                empty += not turn.claims
                if turn.is_last:
                    break
        return taken

    async def _take_turn(self, db: Connection, line: Line, most: int) -> Turn:
        turn = await claim(
            db,
            line.caller,
            line.worker,
            most=most,
            now=self._clock(),
            lease=line.lease,
            cause=self._cause,
            after=self._turns.get(line.worker, 0),
        )
        if turn.after is not None:
            self._turns[line.worker] = turn.after
        return turn


def _next(waiting: deque[Waiting]) -> list[Waiting]:
    """Those at the head of the line who may be served together; whoever gave up meanwhile is left out."""
    some: list[Waiting] = []
    wanted = 0
    while waiting and (not some or wanted + waiting[0].most <= MOST):
        one = waiting.popleft()
        if not one.served.done():
            some.append(one)
            wanted += one.most
    return some
