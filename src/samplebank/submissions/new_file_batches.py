"""New files of one process, in batches: files that come while a statement is under way share the next statement."""

import asyncio
from collections import deque
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar
from uuid import UUID

import asyncpg

from samplebank.database import Connection, Database
from samplebank.database.failures import is_loss
from samplebank.database.spending import spender
from samplebank.submissions.new_files import NewFile, store

T = TypeVar("T")
#: the most files of a statement
MOST = 64
#: seconds that files wait for the statement before: that statement may have to wait for another transaction
PATIENCE = 0.25


class WaitingFile:
    """A file that waits to be stored. `stored` will tell whether the file was stored."""

    def __init__(self, file: NewFile) -> None:
        self.file = file
        self.stored: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        #: whether the statement with the file has begun
        self.has_begun = False


class Ingesting:
    """Stores files like `new_files.store`, for many requests at once. The failure of one file does not fail the others."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[WaitingFile] = deque()
        self._is_serving = False
        #: keeps the tasks alive: the event loop holds weak references only
        self._tasks: set[asyncio.Task[Any]] = set()

    async def store(self, file: NewFile) -> bool:
        """Store a file, and tell whether the file was stored.

        Where not, nothing has been changed, and the file has to go alone. Raises `Unavailable`. A caller that is cancelled
        goes on only when the file will not be stored any more, or has been stored: the bytes must be held until then.
        """
        mine = WaitingFile(file)
        self._waiting.append(mine)
        if not self._is_serving:
            self._is_serving = True
            self._begin(self._serve())
        try:
            return await asyncio.shield(mine.stored)
        except asyncio.CancelledError:
            if mine.has_begun:
                await asyncio.wait({mine.stored})
            if not mine.stored.cancel() and not mine.stored.cancelled():
                mine.stored.exception()  # nobody waits for the error any more
            raise

    def _begin(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _serve(self) -> None:
        # A statement has files of many users. The user of the first file shall not pay for all.
        spender.set(None)
        try:
            while some := _next(self._waiting):
                await asyncio.wait({self._begin(self._store(some))}, timeout=PATIENCE)
        finally:
            self._is_serving = False
            for left in self._waiting:
                left.stored.cancel()

    async def _store(self, some: list[WaitingFile]) -> None:
        storing = self._begin(self._store_together([one.file for one in some]))
        try:
            await asyncio.wait({storing})
            error = storing.exception()
            for one in some:
                if error:
                    one.stored.set_exception(error)
                else:
                    one.stored.set_result(one.file.submission.id in storing.result())
        finally:
            for one in some:
                one.stored.cancel()

    async def _store_together(self, files: Sequence[NewFile]) -> set[UUID]:
        async with self._database.connection() as db:
            return await _store_all_or_none(db, files)


async def _store_all_or_none(db: Connection, files: Sequence[NewFile]) -> set[UUID]:
    """Store files. Where a single file fails the statement, nothing was stored: each file has to go alone, and raises its error."""
    try:
        return await store(db, files)
    except (asyncpg.PostgresError, asyncpg.DataError) as error:
        if is_loss(error):
            raise
        return set()


def _next(waiting: deque[WaitingFile]) -> list[WaitingFile]:
    """Take the files of the next statement, first come, first served. Files that were given up meanwhile are dropped.

    A statement adds bytes and a key only once. So a second file with the same bytes or key waits for the statement after.
    """
    some: list[WaitingFile] = []
    later: list[WaitingFile] = []
    marks: set[object] = set()
    while waiting and len(some) < MOST:
        one = waiting.popleft()
        if one.stored.done():
            continue
        own = one.file.marks
        if marks.isdisjoint(own):
            marks |= own
            one.has_begun = True
            some.append(one)
        else:
            later.append(one)
    waiting.extendleft(reversed(later))
    return some
