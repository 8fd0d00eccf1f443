"""Everything that one port answers: the interface for programs and the pages for browsers, told apart by path."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, Final

from litestar import Litestar
from litestar.types import ASGIApp, Receive, Scope, Send

from samplebank.api.app import OpenBank, largest_body, make_api
from samplebank.api.envelope import refusal
from samplebank.api.followers import Followers
from samplebank.http.acts import Acts
from samplebank.http.log import Observed
from samplebank.http.methods import Methods
from samplebank.http.payers import Bounds
from samplebank.http.places import Crowd, Places
from samplebank.http.seats import Seats
from samplebank.http.spending import Spending
from samplebank.http.turns import Budgets
from samplebank.serving.parent import LAST_CALL
from samplebank.settings import Settings
from samplebank.vital import vital
from samplebank.web.app import ROUTES, make_pages
from samplebank.web.live import Hub

ACCEPT: Final = b"accept"
#: the first part of the path of each page
PAGES: Final = frozenset(path.split("/")[1] for route in ROUTES for path in route.paths)


class Site:
    """An ASGI application that gives each request to one of two."""

    def __init__(self, api: ASGIApp, pages: ASGIApp) -> None:
        self.api = api
        self.pages = pages

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # Not a coroutine: each message of a request would have to pass the coroutine.
        return (self.pages if _is_for_pages(scope) else self.api)(scope, receive, send)


def _is_for_pages(scope: Any) -> bool:
    """Whether the path is of a page. A path of nobody is for the pages where a browser asks."""
    if scope["type"] != "http":
        return False
    # `OPTIONS *` and targets of proxies have no slash
    _, _, behind = scope["path"].partition("/")
    first = behind.partition("/")[0]
    if first in PAGES:
        return True
    if first in API:
        return False
    return any(name == ACCEPT and b"text/html" in value.lower() for name, value in scope["headers"])


#: the first part of the path of each operation
API: Final = frozenset(
    {"sampledb", "samplebank", "authentication", "healthz", "readyz", "metrics", "openapi.json", "docs"}
)


def _of_requests(settings: Settings) -> Bounds:
    return Bounds(
        key=settings.requests_per_key,
        user=settings.requests_per_user,
        customer=settings.requests_per_customer,
    )


def _of_database_seconds(settings: Settings) -> Bounds:
    return Bounds(
        key=settings.database_seconds_per_key,
        user=settings.database_seconds_per_user,
        customer=settings.database_seconds_per_customer,
    )


def make_site(open_bank: OpenBank) -> Observed:
    """Make the application. `open_bank` is entered when the application starts and left when the application stops."""
    pages = make_pages()

    @asynccontextmanager
    async def lifespan(api: Litestar) -> AsyncIterator[None]:
        async with open_bank as bank, vital(bank.signals.run(), "signals"), bank.acts.running():
            observed.clock = bank.clock
            observed.acts = Acts(bank.acts, bank.directory, with_reads=bank.settings.audit_reads == "on")
            observed.addresses = Places(bank.settings.requests_per_address or sys.maxsize)
            budgets = Budgets(
                bank.database.size,
                bank.settings.waiting_claims,
                largest_body(bank.settings),
                seats=Seats(bank.settings.folder / "seats", bank.settings.long_searches),
                crowd=Crowd(_of_requests(bank.settings)),
                spending=Spending(_of_database_seconds(bank.settings)),
            )
            for app in (api, pages):
                app.state.bank, app.state.budgets = bank, budgets
            hub = pages.state.hub = Hub(bank)
            followers = api.state.followers = Followers(bank, bank.settings.feed_readers)

            def close() -> None:
                hub.close()
                followers.close()

            # Streams last for ever, and the server waits for requests under way before anything else ends.
            asyncio.get_running_loop().add_signal_handler(LAST_CALL, close)
            async with vital(hub.run(), "live"), vital(followers.run(), "feed"):
                yield

    observed = Observed(Site(Methods(make_api(lifespan)), Methods(pages)), refusal)
    return observed
