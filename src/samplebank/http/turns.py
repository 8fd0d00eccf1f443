"""Dear requests: requests that cost the database or the processors much. A user may have a few under way at once.

Further dear requests wait for a turn, so that a client that asks for several things at a time does not notice.
Of searches, only those that turn out to take long wait for each other (`Searches`).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Hashable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, TypeVar

from samplebank.errors import Refusal, TooMany, Unavailable
from samplebank.http.bodies import MEMORY, SHARE, Memory
from samplebank.http.deadlines import Deadline
from samplebank.http.places import Crowd, Places
from samplebank.http.seats import Seats
from samplebank.http.spending import Spending
from samplebank.http.together import Together

R = TypeVar("R")
#: dear requests of one kind and one user under way in one process
EACH = 3
#: files read at the same time, for challenges and for classifications that somebody waits for
FILES = 8
#: seconds for which a request waits for a turn
PATIENCE = 10.0
#: seconds for which rules of hunts wait: the longest compilation, and the start of its process
PATIENCE_FOR_RULES = 30.0
#: seconds for which a search runs before the search has to wait for a seat among the long searches
FREE = 0.1
#: seconds of searches that a user may have in a row in one process before further searches wait for a seat, and the part of
#: each second that does not count: who searches no more than so much of the time never waits
ALLOWED, FORGIVEN = 0.5, 0.25
MINE = "Too many of your dear requests (searches, statistics, whole lists, challenges, rules of hunts) are under way; wait until one ends."
SAME = "An earlier request with the same Idempotency-Key is still under way; try again in a moment."
#: what helps after an answer that took too long
ASK_FOR_LESS = "ask for less, with further criteria or a shorter time."
LATER = "the database may stand still, so try again in a moment."
OTHERS = "Too many dear requests are under way at the moment; try again in a moment."


class ClientGone(Refusal):
    """Nobody waits for the answer any more."""

    status = 499


class _Of:
    """The dear requests of a user."""

    def __init__(self, each: int) -> None:
        self.number = 0
        self.turns = asyncio.Semaphore(each)
        #: long searches, waiting or under way, and the turn of the only search to wait for a seat or sit
        self.long = 0
        self.seated = asyncio.Semaphore(1)
        #: seconds of searches that count against the user, as of `reckoned`
        self.spent = 0.0
        self.reckoned = time.monotonic()
        #: whether the user is remembered until nothing is owed
        self.is_kept = False

    def spend(self, seconds: float) -> None:
        """Count the seconds of a search; at most so many that the user has waited them off after some seconds."""
        self.spent, self.reckoned = min(self.owed + seconds, 2 * ALLOWED), time.monotonic()

    @property
    def owed(self) -> float:
        """The seconds of late searches that still count."""
        return max(0.0, self.spent - FORGIVEN * (time.monotonic() - self.reckoned))


class Turns:
    """A kind of dear requests in a process: at most `most` under way together, and `each` of a user, waiting or under way."""

    def __init__(self, most: int, *, each: int = EACH, patience: float = PATIENCE) -> None:
        self._each = each
        self._patience = patience
        self._all = asyncio.Semaphore(most)
        self._users: dict[int, _Of] = {}

    @asynccontextmanager
    async def turn(self, user_id: int) -> AsyncIterator[None]:
        """Hold a turn for as long as the block lasts.

        Raises `TooMany` when the user's own requests take too long to end, `Unavailable` when the requests of others do.
        """
        async with self._own(user_id), self._among_all():
            yield

    @asynccontextmanager
    async def _own(self, user_id: int) -> AsyncIterator[_Of]:
        """Hold one of the user's own turns. Raises `TooMany`."""
        mine = self._users.setdefault(user_id, _Of(self._each))
        mine.number += 1
        try:
            async with _taken(mine.turns, self._patience, TooMany(MINE, wait=2)):
                yield mine
        finally:
            mine.number -= 1
            if not mine.number and not mine.is_kept:
                self._forget(user_id)

    def _forget(self, user_id: int) -> None:
        """Forget a user who has nothing under way and owes nothing; else look again when nothing is owed, once at a time."""
        mine = self._users[user_id]
        owed = mine.owed
        mine.is_kept = owed > 0 and not mine.number
        if mine.is_kept:
            asyncio.get_running_loop().call_later(owed / FORGIVEN, self._forget, user_id)
        elif not mine.number:
            del self._users[user_id]

    def _among_all(self) -> AbstractAsyncContextManager[None]:
        return _taken(self._all, self._patience, Unavailable(OTHERS))


class Searches(Turns):
    """Searches: short searches run at once, long searches need a seat.

    Nobody knows beforehand how long a search takes. So a search runs for `free` seconds. A search that takes longer is given
    up, waits for a seat, and begins again. While a user has a long search, further searches of the user wait for seats at
    once. So a user who asks for long searches all the time tries in vain only once. A user whose searches take most of the
    time waits for seats, too, however short each search is. In each process, one search of a user waits for a seat or sits,
    so that one user's long searches do not keep the long searches of others waiting.
    """

    def __init__(
        self,
        most: int,
        seats: Seats,
        *,
        patience: float = PATIENCE,
        free: float = FREE,
        allowed: float = ALLOWED,
    ) -> None:
        super().__init__(most, patience=patience)
        self._seats = seats
        self._free = free
        self._allowed = allowed

    async def run(self, user_id: int, search: Callable[[], Awaitable[R]]) -> R:
        """Do the search, which must be safe to begin again. Raises as `turn`, and the errors of the search."""
        async with self._own(user_id) as mine:
            if not mine.long and mine.owed <= self._allowed:
                async with self._among_all():
                    try:
                        async with asyncio.timeout(self._free) as limit:
                            return await _counted(mine, search)
                    except TimeoutError:
                        if not limit.expired():
                            raise
            mine.long += 1
            try:
                async with (
                    _taken(mine.seated, self._patience, TooMany(MINE, wait=2)),
                    self._seated(),
                    self._among_all(),
                ):
                    return await _counted(mine, search)
            finally:
                mine.long -= 1

    @asynccontextmanager
    async def _seated(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            try:
                with Deadline(self._patience):
                    await stack.enter_async_context(self._seats.seat())
            except TimeoutError:
                raise Unavailable(OTHERS) from None
            yield


async def _counted(user: _Of, search: Callable[[], Awaitable[R]]) -> R:
    """Do the search, and count the seconds against the user."""
    began = time.monotonic()
    try:
        return await search()
    finally:
        user.spend(time.monotonic() - began)


class _Queue:
    """Those who want the same thing."""

    def __init__(self) -> None:
        self.number = 0
        self.first = asyncio.Semaphore(1)


class OneByOne:
    """Lets those who want the same thing do so one after the other, in the order of their coming."""

    def __init__(self, *, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._queues: dict[Hashable, _Queue] = {}

    @asynccontextmanager
    async def alone(self, key: Hashable) -> AsyncIterator[None]:
        """Be alone with the key for as long as the block lasts. Raises `Unavailable` when others take too long."""
        queue = self._queues.setdefault(key, _Queue())
        queue.number += 1
        try:
            async with _taken(queue.first, self._patience, Unavailable(SAME)):
                yield
        finally:
            queue.number -= 1
            if not queue.number:
                del self._queues[key]


class Budgets:
    """The kinds, each with its own turns: a user who downloads lists or asks for challenges can go on searching."""

    def __init__(
        self,
        connections: int,
        waiting_claims: int,
        largest_body: int,
        *,
        seats: Seats,
        crowd: Crowd,
        spending: Spending,
    ) -> None:
        self.crowd = crowd
        self.spending = spending
        #: a third of the connections; whole lists may use half of the connections, the rest serves everything else
        self.searches = Searches(max(1, connections // 3), seats)
        self.lists = Turns(max(1, connections // 2))
        self.files = Turns(FILES)
        #: rules of hunts, compiled in an own process: whoever comes waits for one set of rules of each user at most
        self.rules = Turns(1, each=1, patience=PATIENCE_FOR_RULES)
        #: waiting claims, by user and worker
        self.claims = Places(waiting_claims)
        #: requests with a key, by user and key
        self.keyed = OneByOne()
        #: pages of lists, by caller and question
        self.together = Together()
        self.memory = Memory(MEMORY, max(SHARE, largest_body))


@asynccontextmanager
async def _taken(turns: asyncio.Semaphore, patience: float, otherwise: Refusal) -> AsyncIterator[None]:
    try:
        with Deadline(patience):
            await turns.acquire()
    except TimeoutError:
        raise otherwise from None
    try:
        yield
    finally:
        turns.release()


class Within(Deadline):
    """Ends the block after so many seconds, and with the block the running SQL statement. Raises `Unavailable`, with `advice`."""

    __slots__ = ("_advice",)

    def __init__(self, seconds: float, advice: str = ASK_FOR_LESS) -> None:
        super().__init__(seconds)
        self._advice = advice

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
        except TimeoutError:
            said = f"The answer took longer than {self.seconds:g} s and was given up: {self._advice}"
            raise Unavailable(said) from None


@asynccontextmanager
async def while_connected(disconnected: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """End the block when `disconnected` returns, and with the block the running SQL statement. Raises `ClientGone`."""
    task = asyncio.current_task()
    left = False

    def leave(gone: "asyncio.Future[None]") -> None:
        nonlocal left
        if task is not None and not gone.cancelled() and not ended:
            left = task.cancel()

    ended = False
    watching = asyncio.ensure_future(disconnected())
    watching.add_done_callback(leave)
    try:
        yield
    except asyncio.CancelledError:
        if left and task is not None and not task.uncancel():
            raise ClientGone("The client has gone.") from None
        raise
    finally:
        ended = True
        watching.cancel()
