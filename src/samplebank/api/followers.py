"""Readers who wait for the next events of the feed, in a process. Nothing is asked of the database for a reader who waits.

A task looks for new events, when a signal comes and each second, for all readers of the process. Another looks which keys
are still good. Readers that are woken together at the same place, by the same rights, share the page that follows.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

from samplebank.accounts import keys
from samplebank.accounts.caller import Caller
from samplebank.assembly import Bank
from samplebank.database.failures import TROUBLE
from samplebank.database.signals import Signal
from samplebank.errors import Unavailable
from samplebank.events import feed
from samplebank.events.feed import Place
from samplebank.feed.reading import Page
from samplebank.http.listeners import Listeners

#: the signals that come with events
SIGNALS: Final = (Signal.TASKS, Signal.VERDICTS, Signal.EVENTS)
#: seconds after which the feed is looked at without a signal, and while there are events that nobody may read yet
LOOK_AGAIN: Final = 1.0
LOOK_SOON: Final = 0.02
#: seconds between two wake-up calls: readers who see everything each ask the database
REST: Final = 0.015
#: seconds for which a page is there for others who have been woken, too
SHARED: Final = 2.0
#: seconds between two looks at the keys; the promise is 5 from the end of a key
CHECK: Final = 3.0
COME_AGAIN: Final = 10
CROWDED: Final = (
    "Too many of your readers follow the feed at once: end one, or read on later from where you are."
)


class Follower:
    """A reader of the feed, let in by a key."""

    def __init__(self, caller: Caller) -> None:
        self.key_id = caller.key_id
        self.user_id = caller.user.id
        self.is_over = False
        self.woken = asyncio.Event()

    def end(self) -> None:
        self.is_over = True
        self.woken.set()


class Followers(Listeners[Follower]):
    """The readers of a process: `most` of each user."""

    def __init__(self, bank: Bank, most: int) -> None:
        super().__init__(most, CROWDED, wait=COME_AGAIN)
        self._bank = bank
        self._until = 0
        self._open_xid = 0
        self._pages: dict[Hashable, tuple[Caller, asyncio.Task[Page]]] = {}
        self._come = asyncio.Event()

    @contextmanager
    def joined(self, listener: Follower) -> Iterator[None]:
        """Wake the reader for as long as the block lasts. Raises `TooMany`."""
        with super().joined(listener):
            self._come.set()
            yield

    async def wait(self, follower: Follower, place: Place, seconds: float) -> bool:
        """Wait for events behind a place that is the end of the feed. False when none came in time."""
        follower.woken.clear()
        if follower.is_over or self._until > place.until:
            await asyncio.sleep(0)  # the page may be there already: others have their turn in any case
            return True
        try:
            async with asyncio.timeout(seconds):
                await follower.woken.wait()
        except TimeoutError:
            return False
        return True

    async def shared(
        self, caller: Caller, asked: Hashable, read: Callable[[], Coroutine[Any, Any, Page]]
    ) -> Page:
        """Read a page once for all readers who ask the same as the same caller, and have been woken together.

        A page may lack the newest events. Its readers are woken for these.
        """
        # A caller is one object for as long as its rights are remembered. Kept here, no other object gets its id.
        key = (id(caller), asked)
        if key not in self._pages:
            task = asyncio.create_task(read())
            task.add_done_callback(_heed)
            self._pages[key] = (caller, task)
            asyncio.get_running_loop().call_later(SHARED, self._pages.pop, key, None)
        _, task = self._pages[key]
        # A reader who leaves does not end the reading for the others.
        return await asyncio.shield(task)

    async def run(self) -> None:
        """Wake the readers until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._wake())
            tasks.create_task(self._check())

    async def _wake(self) -> None:
        async with self._bank.signals.listening(*SIGNALS) as arrived:
            soon = False
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SOON if soon else LOOK_AGAIN):
                        await arrived.wait()
                if not self._present:
                    await self._come.wait()
                arrived.clear()
                self._come.clear()
                soon = False
                with contextlib.suppress(Unavailable, *TROUBLE):
                    soon = await self._look()
                await asyncio.sleep(REST)

    async def _look(self) -> bool:
        """Wake all readers if there is something new. Whether there is something that nobody may read yet."""
        async with self._bank.database.connection() as db:
            found = await feed.newest(db, self._until)
        if found.open_xid < self._open_xid:
            self._begin_anew(found.open_xid)
            return True
        self._open_xid = found.open_xid
        if found.until > self._until:
            self._until = found.until
            self._pages.clear()
            for follower in self._present:
                follower.woken.set()
        return found.is_more

    def _begin_anew(self, open_xid: int) -> None:
        """End all readers: a standby that lacks the newest events has taken over. The readers come again, and are told."""
        self._until, self._open_xid = 0, open_xid
        self._pages.clear()
        for follower in self._present:
            follower.end()

    async def _check(self) -> None:
        """End the readers whose key has ended."""
        while True:
            await asyncio.sleep(CHECK)
            ids = {follower.key_id for follower in self._present if follower.key_id is not None}
            if not ids:
                continue
            with contextlib.suppress(Unavailable, *TROUBLE):
                good = await self._good_among(ids)
                for follower in self._present:
                    if follower.key_id not in good:
                        follower.end()

    async def _good_among(self, ids: set[UUID]) -> set[UUID]:
        async with self._bank.database.connection() as db:
            return await keys.good_among(db, ids, now=self._bank.clock())


def _heed(task: "asyncio.Task[Page]") -> None:
    """Take note of an error, also where every reader has left."""
    if not task.cancelled():
        task.exception()
