"""Claims of one process, in batches: claims that come while a statement is under way share the next statement.

A fleet of workers that wakes up at once costs one statement, not a statement for each worker.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from samplebank.accounts.caller import Caller
from samplebank.database import Connection, Database, Shape
from samplebank.jobs.claims import START, Claim, Place, Turn, claim
from samplebank.timespec import Millis

#: the most tasks taken at once for several claims together
MOST = 1000
#: turns without a task before a claim gives up: other claims are taking the tasks
EMPTY_TURNS = 4


class Line(NamedTuple):
    """Claims that look at the same tasks. One statement at a time serves the line."""

    caller: Caller
    worker: str


class WaitingClaim(NamedTuple):
    """A claim that waits in a line. Claims of a line with the same `lease` may be served together."""

    most: int
    lease: Millis
    served: "asyncio.Future[list[Claim]]"


class Claiming:
    """Takes tasks like `claims.claim`, for many claims at once. `cause` is the `cause` of `claims.claim`."""

    def __init__(self, database: Database, clock: Callable[[], Millis], cause: Shape[Any]) -> None:
        self._database = database
        self._clock = clock
        self._cause = cause
        #: where the next turn in this process begins, by worker
        self._turns: dict[str, Place] = {}
        self._waiting: dict[tuple[int, str], deque[WaitingClaim]] = {}
        #: keeps the tasks alive: the event loop holds weak references only
        self._serving: set[asyncio.Task[None]] = set()

    async def claim(self, caller: Caller, worker: str, *, most: int, lease: Millis) -> list[Claim]:
        """Hand the first tasks in the line of each customer in turn to `worker`, at most `most`."""
        # Keyed by `id(caller)`, as comparing callers by value is slow. `Line` holds the caller, so the id is not reused.
        key = id(caller), worker
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = deque()
            serving = asyncio.create_task(self._serve(key, Line(caller, worker), waiting))
            self._serving.add(serving)
            serving.add_done_callback(self._serving.discard)
        mine = WaitingClaim(most, lease, asyncio.get_running_loop().create_future())
        waiting.append(mine)
        return await mine.served

    async def _serve(self, key: tuple[int, str], line: Line, waiting: deque[WaitingClaim]) -> None:
        try:
            while some := _next(waiting):
                await self._serve_some(line, some)
        finally:
            del self._waiting[key]
            for left in waiting:
                left.served.cancel()

    async def _serve_some(self, line: Line, some: list[WaitingClaim]) -> None:
        taking = self._take(line, some[0].lease, sum([one.most for one in some]))
        try:
            (taken,) = await asyncio.gather(taking, return_exceptions=True)
            for one in some:
                if one.served.done():
                    continue
                if isinstance(taken, BaseException):
                    one.served.set_exception(taken)
                else:
                    one.served.set_result(taken[: one.most])
                    del taken[: one.most]
        finally:
            for one in some:
                one.served.cancel()

    async def _take(self, line: Line, lease: Millis, most: int) -> list[Claim]:
        """Take tasks of one customer after the other, until `most` are taken or none is left."""
        taken: list[Claim] = []
        empty = 0
        async with self._database.connection() as db:
            while len(taken) < most and empty < EMPTY_TURNS:
                turn = await self._take_turn(db, line, lease, most - len(taken))
                taken += turn.claims
                empty += not turn.claims
                if turn.is_last:
                    break
        return taken

    async def _take_turn(self, db: Connection, line: Line, lease: Millis, most: int) -> Turn:
        turn = await claim(
            db,
            line.caller,
            line.worker,
            most=most,
            now=self._clock(),
            lease=lease,
            cause=self._cause,
            place=self._turns.get(line.worker, START),
        )
        if turn.next is not None:
            self._turns[line.worker] = turn.next
        return turn


def _next(waiting: deque[WaitingClaim]) -> list[WaitingClaim]:
    """Take the first claim of the line, and the claims that may be served together with the first.

    Claims that were given up meanwhile are dropped.
    """
    some: list[WaitingClaim] = []
    later: list[WaitingClaim] = []
    wanted, is_full = 0, False
    while waiting:
        one = waiting.popleft()
        if one.served.done():
            continue
        if some and (is_full or one.lease != some[0].lease or wanted + one.most > MOST):
            is_full = is_full or one.lease == some[0].lease
            later.append(one)
        else:
            some.append(one)
            wanted += one.most
    waiting.extend(later)
    return some
