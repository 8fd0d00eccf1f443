"""Live pages: each tab names the topics shown, and is told when a topic has changed. Tabs are told topics, never content.

Nothing is asked of the database for a tab: changes come with their ids (`database.signals`), and what has to be looked up is
looked up once for all tabs of the process. All tabs together have three timers, not each tab its own.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from samplebank.accounts import sessions
from samplebank.accounts.model import Permission
from samplebank.accounts.sessions import Visitor
from samplebank.assembly import Bank
from samplebank.database.failures import TROUBLE
from samplebank.database.signals import changed_ids
from samplebank.errors import Unavailable
from samplebank.http.listeners import Listeners
from samplebank.jobs.queries import customers_of
from samplebank.search import batches

#: streams of a user in a process
MOST: Final = 40
#: seconds after which changes are told again, and seconds between two heartbeats
REST: Final = 0.5
HEARTBEAT: Final = 15.0
#: seconds between two looks at the sessions; the promise is 5 from the end of a key
CHECK: Final = 3.0
#: ids that are held while the tabs rest; beyond, anything may have changed
MOST_HELD: Final = 10_000
#: milliseconds for which jobs that have ended still are news
LATELY: Final = 60_000
COME_AGAIN: Final = 30
CROWDED: Final = (
    "Too many of your tabs follow changes at once: close some, or reload this page to see what has changed."
)
JOBS: Final = "list:jobs"


class Watch:
    """What a tab shows: the topics to tell by the id that has changed, the batches, and whether lists of jobs.

    `seen` are the topics of single jobs, service tasks and hunts.
    """

    def __init__(self, seen: Mapping[UUID, str], batches: Iterable[UUID], *, lists_jobs: bool) -> None:
        self.topics: dict[UUID, set[str]] = defaultdict(set)
        self.batches = frozenset(batches)
        self.lists_jobs = lists_jobs
        for id_, topic in seen.items():
            self.topics[id_].add(topic)

    def __bool__(self) -> bool:
        return bool(self.topics or self.batches or self.lists_jobs)

    @property
    def all_topics(self) -> set[str]:
        told = {topic for topics in self.topics.values() for topic in topics}
        return told | ({JOBS} if self.lists_jobs else set())


class Tab:
    """A stream to a tab. What has not been sent yet is a set of the tab's own topics, so a slow reader holds little."""

    def __init__(self, visitor: Visitor, watch: Watch, version: int) -> None:
        self.visitor = visitor
        self.user_id = visitor.caller.user.id
        self.watch = watch
        #: the version of the accounts by which the visitor was let in
        self.version = version
        self.is_over = False
        self._unsent: dict[str, None] = {}
        self._woken = asyncio.Event()

    def tell(self, *topics: str) -> None:
        self._unsent |= dict.fromkeys(topics)
        self._woken.set()

    def end(self) -> None:
        self.is_over = True
        self._woken.set()

    async def news(self) -> list[str]:
        """Wait for topics. No topics is a heartbeat, or the end."""
        await self._woken.wait()
        self._woken.clear()
        topics, self._unsent = list(self._unsent), {}
        return topics


class Hub(Listeners[Tab]):
    """The tabs of a process."""

    def __init__(self, bank: Bank) -> None:
        super().__init__(MOST, CROWDED, wait=COME_AGAIN)
        self._bank = bank
        self._changed: set[UUID] = set()
        self._is_anything = False
        self._arrived = asyncio.Event()

    async def run(self) -> None:
        """Tell the tabs until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell())
            tasks.create_task(self._beat())
            tasks.create_task(self._look_at_sessions())

    def _note(self, message: str) -> None:
        if not self._present:
            return
        ids = changed_ids(message)
        if ids is None or len(self._changed) > MOST_HELD:
            self._is_anything = True
        else:
            self._changed |= ids
        self._arrived.set()

    async def _tell(self) -> None:
        with self._bank.signals.watching(self._note):
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                changed, self._changed = self._changed, set()
                is_anything, self._is_anything = self._is_anything, False
                with contextlib.suppress(Unavailable, *TROUBLE):
                    await (self._tell_all() if is_anything else self._tell_of(changed))
                await asyncio.sleep(REST)

    async def _tell_all(self) -> None:
        for tab in self._present:
            tab.tell(*tab.watch.all_topics)
        await self._check()

    async def _tell_of(self, ids: set[UUID]) -> None:
        tabs = list(self._present)
        if any(tab.visitor.session.id in ids for tab in tabs):
            self._bank.visitors.forget()
            await self._check()
        for tab in tabs:
            for batch in tab.watch.batches & ids:
                await self.follow_batch(tab, batch)
            for id_ in tab.watch.topics.keys() & ids:
                tab.tell(*tab.watch.topics[id_])
        await self._tell_lists([tab for tab in tabs if tab.watch.lists_jobs], ids)

    async def _tell_lists(self, tabs: list[Tab], ids: set[UUID]) -> None:
        """Tell the tabs with lists of jobs whose visitors may see one of the changed jobs."""
        if not tabs:
            return
        async with self._bank.database.connection() as db:
            customers = await customers_of(db, ids)
        for tab in tabs:
            scope = tab.visitor.caller.scope(Permission.VIEW_JOBS)
            if any(map(scope.covers, customers)):
                tab.tell(JOBS)

    async def follow_batch(self, tab: Tab, batch: UUID) -> None:
        """Tell the tab of jobs that the batch has now, and from now on whenever one of the jobs changes."""
        since = self._bank.clock() - LATELY
        async with self._bank.database.connection() as db:
            found = set(await batches.jobs_under_way(db, tab.visitor.caller, batch, since=since))
        if new := found - tab.watch.topics.keys():
            tab.tell(topic_of(batch))
        for job_id in new:
            tab.watch.topics[job_id].add(topic_of(batch))

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT)
            for tab in self._present:
                tab.tell()

    async def _look_at_sessions(self) -> None:
        while True:
            await asyncio.sleep(CHECK)
            with contextlib.suppress(Unavailable, *TROUBLE):
                await self._check()

    async def _check(self) -> None:
        """End the streams whose session has ended, and after a change of the accounts all streams: their tabs come again."""
        if not self._present:
            return
        bank = self._bank
        await bank.directory.refresh()
        ids = {tab.visitor.session.id for tab in self._present}
        async with bank.database.connection() as db:
            good = await sessions.good_among(db, ids, bank.visitors.lasting, now=bank.clock())
        for tab in self._present:
            if tab.visitor.session.id not in good or tab.version != bank.directory.version:
                tab.end()


def topic_of(batch: UUID) -> str:
    return f"batch:{batch}"
