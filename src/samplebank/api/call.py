"""A call of the API: an exchange answered by an envelope of JSON."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from typing import Any, NamedTuple, TypeVar

from litestar import Response

from samplebank.accounts.directory import Directory, Unknown
from samplebank.api import envelope
from samplebank.api.cursors import Question, cursor_at, page_behind
from samplebank.api.envelope import Answer
from samplebank.database import Connection, Page
from samplebank.database.counting import Count
from samplebank.database.listing import Listing, OrderedListing
from samplebank.database.query import Place
from samplebank.http.deadlines import Deadline
from samplebank.http.exchange import Exchange
from samplebank.http.streaming import Streamed
from samplebank.http.turns import Within, while_connected
from samplebank.jobs.lanes import Lane

R = TypeVar("R")
Show = Callable[[Any, Directory], Any]
#: finds the rows of a page, and the place of the last row of a full page
FindBoth = Callable[[Connection, Page], Awaitable[tuple[list[Any], Place | None]]]


class Found(NamedTuple):
    """The rows of a page, and the number of all matches. `place` is where the next page begins, if that was asked for."""

    rows: list[Any]
    number: Count
    place: Place | None = None


class Call(Exchange):
    """A request to the API, and the ways to answer the request."""

    #: whether the request has waited for the file type of its sample, and goes on without
    has_waited = False
    #: whether the request is answered without anything being stored: as the first time, or by a refusal
    stores_nothing = False
    #: how urgent the analysis of what is submitted is, where the request says nothing
    lane = Lane.ORDINARY

    async def show(self, row: Any, show: Show, status: int = 200) -> Answer:
        """Answer a single object. `show` turns the row into the shape of the answer."""
        return envelope.single(await self.shown(lambda: show(row, self.bank.directory)), status)

    async def show_page(self, rows: list[Any], page: Page, count: int, show: Show) -> Answer:
        return envelope.several(await self._shown_all(rows, show), page, Count(count))

    async def show_list(self, listing: Listing[R], page: Page, show: Show) -> Response[bytes] | Streamed:
        """Answer a page of a list, or with limit 0 the whole list as a stream."""
        if page.limit == 0:
            return await self._whole(listing, page, show)
        if listing.is_dear:
            return await self._several(await self._found(listing, page), page, show)
        async with self._watched(listing):
            return await self.budgets.together.read(self._asked, lambda: self._answered(listing, page, show))

    @property
    def _asked(self) -> Hashable:
        """What two requests have in common that ask for the same page, and may see the same."""
        scope = self.scope
        return (
            id(self.caller),
            id(self.bank),
            scope["path"],
            scope["query_string"],
            scope["state"].get("body"),
        )

    async def _answered(self, listing: Listing[Any], page: Page, show: Show) -> Answer:
        return await self._several(await self._page_of(listing, page, None), page, show)

    async def show_list_behind(
        self, listing: OrderedListing[R], page: Page, show: Show, *, asked: Any, after: str | None
    ) -> Response[bytes] | Streamed:
        """As `show_list`. The page begins behind the cursor `after`, and the answer has the cursor of the next page."""
        page, found, following = await self.found_behind(listing, page, asked=asked, after=after)
        if found is None:
            return await self._whole(listing, page, show)
        return await self._several(found, page, show, {"next": following} if following else None)

    async def found_behind(
        self, listing: OrderedListing[R], page: Page, *, asked: Any, after: str | None
    ) -> "tuple[Page, Found | None, str | None]":
        """Find the page behind the cursor `after`: the page, its rows, and the cursor of the next page.

        With limit 0, for the whole list, there are no rows. The last page has no cursor. Raises `Invalid`.
        """
        bank = self.bank
        question = Question(self.scope["path"], asked, await bank.identity(), await bank.secret())
        page = page_behind(listing, question, page, after)
        if page.limit == 0:
            return page, None, None
        found = await self._found(listing, page, listing.page_with_place)
        return page, found, None if found.place is None else cursor_at(question, found.place)

    async def _several(
        self, found: "Found", page: Page, show: Show, meta_data: dict[str, Any] | None = None
    ) -> Answer:
        return envelope.several(await self._shown_all(found.rows, show), page, found.number, meta_data)

    async def _found(self, listing: Listing[Any], page: Page, find_both: FindBoth | None = None) -> "Found":
        if listing.is_dear:
            return await self.dearly(lambda: self._page_of(listing, page, find_both))
        async with self._watched(listing):
            return await self._page_of(listing, page, find_both)

    def _watched(self, listing: Listing[Any]) -> AbstractAsyncContextManager[None]:
        """Ends the block when the client goes, unless the page is found sooner than a client could go."""
        return nullcontext() if listing.is_quick else while_connected(self.disconnected)

    async def _whole(self, listing: Listing[R], page: Page, show: Show) -> Streamed:
        async with while_connected(self.disconnected):  # later, the answer watches the connection itself
            count = await self._counted(listing)
            await self.bank.directory.refresh(at_once=True)
            directory = self.bank.directory
            return await envelope.all_of(
                self._pieces(listing, page), page, count.number, lambda row: show(row, directory)
            )

    async def _counted(self, listing: Listing[Any], known: int = 0) -> Count:
        """The number of all matches. Where counting takes too long, at least `known`."""
        if listing.known_count is not None:
            return listing.known_count
        settings = self.bank.settings
        try:
            async with self.connected(Deadline(settings.query_budget)) as db:
                return await listing.count(db, settings.count_budget)
        except TimeoutError:
            return Count(known, is_exact=False)

    def connected(self, limit: Deadline) -> AbstractAsyncContextManager[Connection]:
        """A connection for the page of a list. `limit` is for the work, not for the wait for a connection."""
        return self.bank.database.connection(limit)

    async def _page_of(self, listing: Listing[Any], page: Page, find_both: FindBoth | None) -> "Found":
        """The rows of a page, and the number of all matches. Raises `Unavailable` for a page that takes too long."""
        async with self.connected(Within(self.bank.settings.query_budget)) as db:
            rows, place = await find_both(db, page) if find_both else (await listing.page(db, page), None)
        known = page.offset + len(rows)
        if page.after is None and (0 < len(rows) < page.limit or not known):
            return Found(rows, Count(known))
        return Found(rows, await self._counted(listing, known if rows else 0), place)

    async def _pieces(self, listing: Listing[R], page: Page) -> AsyncGenerator[list[R], None]:
        if self.is_head:
            return
        async with (
            self.budgets.lists.turn(self.caller.user.id),
            self.bank.database.transaction(read_only=True) as db,
            aclosing(listing.pieces(db, page)) as pieces,
        ):
            async for rows in pieces:
                yield rows

    async def _shown_all(self, rows: list[Any], show: Show) -> list[Any]:
        directory = self.bank.directory
        return await self.shown(lambda: [show(row, directory) for row in rows])

    async def shown(self, make: Callable[[], R]) -> R:
        """What `make` makes with the directory, which is read anew where a customer or user is not known yet."""
        try:
            return make()
        except Unknown:
            await self.bank.directory.refresh(at_once=True)
            return make()
