"""Statements that several requests of a process share: what comes while a statement is under way shares the next statement.

Most of the cost of a statement, and of waiting for the disk, is the same for one row and for many rows.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from functools import partial, wraps
from typing import Any, Generic, Protocol, TypeVar

import asyncpg

from samplebank.database.connection import Connection, Database
from samplebank.database.failures import is_loss
from samplebank.database.spending import spender

T = TypeVar("T")
R = TypeVar("R")
#: the most shares of a statement
MOST = 64
#: seconds that shares wait for the statement before: that statement may have to wait for another transaction
PATIENCE = 0.25


class Share(Protocol):
    """What a statement does for one request, such as storing a file."""

    @property
    def name(self) -> Hashable:
        """Under which name the statement answers."""

    @property
    def marks(self) -> frozenset[object]:
        """What must be there only once in a statement, such as the digest of a file that is stored."""


S = TypeVar("S", bound=Share)
#: one statement for several shares of different marks; answers by name, where the statement has an answer
Work = Callable[[Connection, Sequence[S]], Awaitable[Mapping[Any, R]]]


def all_or_none(work: Work[S, R]) -> Work[S, R]:
    """The same work, without an answer for anybody where the statement fails: each has to go alone, and raises its own error.

    A lost connection raises its error all the same.
    """

    @wraps(work)
    async def tried(db: Connection, shares: Sequence[S]) -> Mapping[Any, R]:
        try:
            return await work(db, shares)
        except (asyncpg.PostgresError, asyncpg.DataError) as error:
            if is_loss(error):
                raise
            return {}

    return tried


class Waiting(Generic[S, R]):
    """A share that waits for its statement. `answered` will have the answer, None where the statement has none."""

    def __init__(self, share: S) -> None:
        self.share = share
        self.answered: asyncio.Future[R | None] = asyncio.get_running_loop().create_future()
        #: whether the statement has begun
        self.has_begun = False


class SharedStatements(Generic[S, R]):
    """Does `work` for many requests at once. The statement is a transaction of its own."""

    def __init__(self, database: Database, work: Work[S, R]) -> None:
        self._database = database
        self._work = work
        self._waiting: deque[Waiting[S, R]] = deque()
        self._is_serving = False
        #: keeps the tasks alive: the event loop holds weak references only
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, share: S) -> R | None:
        """Let the next statement do a share; answers what the statement answers for the share, or None.

        Raises `Unavailable` and the errors of the work. A caller that is cancelled goes on only when the statement has ended, or
        will never have the share: what the caller holds for the statement, such as bytes, must be held until then.
        """
        mine = Waiting[S, R](share)
        self._waiting.append(mine)
        if not self._is_serving:
            self._is_serving = True
            # not at once: the statement also serves what comes in the same turn of the event loop
            asyncio.get_running_loop().call_soon(self._serve)
        try:
            return await asyncio.shield(mine.answered)
        except asyncio.CancelledError:
            if mine.has_begun:
                await asyncio.wait({mine.answered})
            if not mine.answered.cancel() and not mine.answered.cancelled():
                mine.answered.exception()  # nobody waits for the error any more
            raise

    def _serve(self) -> None:
        """Begin the next statement; and the one after when this statement has ended, or takes long."""
        some = _next(self._waiting)
        self._is_serving = bool(some)
        if not some:
            return
        task = asyncio.create_task(self._work_for([waiting.share for waiting in some]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(partial(_tell, some))
        Turn(task, self._serve)

    async def _work_for(self, shares: Sequence[S]) -> Mapping[Any, R]:
        # A statement has shares of many users. The user of the first share shall not pay for all.
        spender.set(None)
        async with self._database.connection() as db:
            return await self._work(db, shares)


def _tell(some: Sequence[Waiting[S, R]], task: "asyncio.Task[Mapping[Any, R]]") -> None:
    """Tell all who share a statement how the statement ended."""
    error = None if task.cancelled() else task.exception()
    for waiting in some:
        if task.cancelled():
            waiting.answered.cancel()
        elif error is not None:
            waiting.answered.set_exception(error)
        else:
            waiting.answered.set_result(task.result().get(waiting.share.name))


class Turn:
    """Calls `over` once: when the task has ended, or after `PATIENCE` seconds."""

    def __init__(self, task: "asyncio.Task[Any]", over: Callable[[], None]) -> None:
        self._over = over
        self._timer = task.get_loop().call_later(PATIENCE, self._end)
        self._task = task
        task.add_done_callback(self._end)

    def _end(self, _task: object = None) -> None:
        self._timer.cancel()
        self._task.remove_done_callback(self._end)
        self._over()


def _next(waiting: deque[Waiting[S, R]]) -> list[Waiting[S, R]]:
    """Take the shares of the next statement, first come, first served. Shares that were given up meanwhile are dropped.

    A share with a mark of an earlier one waits for the statement after.
    """
    some: list[Waiting[S, R]] = []
    later: list[Waiting[S, R]] = []
    marks: set[object] = set()
    while waiting and len(some) < MOST:
        one = waiting.popleft()
        if one.answered.done():
            continue
        own = one.share.marks
        if marks.isdisjoint(own):
            marks |= own
            one.has_begun = True
            some.append(one)
        else:
            later.append(one)
    waiting.extendleft(reversed(later))
    return some
