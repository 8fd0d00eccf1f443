"""A call of the API: an exchange answered by an envelope of JSON."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, TypeVar

from litestar import Response

from samplebank.accounts.directory import Directory, Unknown
from samplebank.api import envelope
from samplebank.api.envelope import Answer
from samplebank.database import Page
from samplebank.database.listing import Listing
from samplebank.http.exchange import Exchange
from samplebank.http.streaming import Streamed
from samplebank.http.turns import Within, while_connected

R = TypeVar("R")
Show = Callable[[Any, Directory], Any]


class Call(Exchange):
    """A request to the API, and the ways to answer the request."""

    #: whether the request has waited for the file type of its sample, and goes on without
    has_waited = False

    async def show(self, row: Any, show: Show, status: int = 200) -> Answer:
        """Answer a single object. `show` turns the row into the shape of the answer."""
        return envelope.single(await self._shown(lambda: show(row, self.bank.directory)), status)

    async def show_page(self, rows: list[Any], page: Page, count: int, show: Show) -> Answer:
        directory = self.bank.directory
        return envelope.several(
            await self._shown(lambda: [show(row, directory) for row in rows]), page, count
        )

    async def show_list(self, listing: Listing[R], page: Page, show: Show) -> Response[bytes] | Streamed:
        """Answer a page of a list, or with limit 0 the whole list as a stream."""
        budget = self.bank.settings.count_budget
        if page.limit == 0:
            with Within(self.bank.settings.search_timeout):
                async with self.bank.database.connection() as db:
                    count = await listing.count(db, budget)
            await self.bank.directory.refresh(at_once=True)
            directory = self.bank.directory
            async with while_connected(self.disconnected):  # later, the answer watches the connection itself
                return await envelope.all_of(
                    self._pieces(listing, page), page, count, lambda row: show(row, directory)
                )
        if listing.is_dear:
            async with self.dear():
                rows, count = await self._page_of(listing, page)
        else:
            with Within(self.bank.settings.search_timeout):
                rows, count = await self._page_of(listing, page)
        return await self.show_page(rows, page, count, show)

    async def _page_of(self, listing: Listing[R], page: Page) -> tuple[list[R], int]:
        async with self.bank.database.connection() as db:
            rows = await listing.page(db, page)
            is_last = 0 < len(rows) < page.limit or (not rows and not page.offset)
            count = (
                page.offset + len(rows)
                if is_last
                else await listing.count(db, self.bank.settings.count_budget)
            )
        return rows, count

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

    async def _shown(self, make: Callable[[], R]) -> R:
        try:
            return make()
        except Unknown:
            await self.bank.directory.refresh(at_once=True)
            return make()
