"""A visit: a request of a browser, answered by a page."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import parse_qsl, quote

import asyncpg
from litestar import Response

from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.accounts.sessions import Visitor
from samplebank.api.call import Call
from samplebank.database import Connection
from samplebank.database.snapshots import snapshot
from samplebank.errors import Invalid, Malformed, Violation
from samplebank.http.deadlines import Deadline
from samplebank.http.nul import NUL_SAID
from samplebank.http.turns import LATER, Within
from samplebank.jobs.lanes import Lane
from samplebank.web.headers import PAGE
from samplebank.web.rendering import Frame, Page, render

HTML: Final = "text/html"
#: the most bytes, and the most fields, of a form: the hashes of 10,000 selected samples fit
MOST_FORM: Final = 1024 * 1024
MOST_FIELDS: Final = 10_100
#: the cookie of the look that the visitor chose, and its values; empty stands for the look of the system
THEME: Final = "samplebank-theme"
THEMES: Final = ("", "light", "dark")
#: statements that are about transactions, and ask for nothing
AROUND: Final = ("BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET")
#: what the driver asks once on a connection, about types
OF_DRIVER: Final = ("typeinfo_tree", "set_config('jit'")
TOO_LARGE: Final = "The form is larger than {} bytes: select less, and send the form again."
NO_FORM: Final = "The form could not be read: load the page again, and send the form again."


def permissions_of(caller: Caller) -> frozenset[Permission]:
    """The permissions that the caller holds for some customer: what a page may offer. `manageAccounts` only counts for all."""
    held = {one for one, scope in caller.scopes.items() if scope}
    if not caller.scope(Permission.MANAGE_ACCOUNTS).everywhere:
        held.discard(Permission.MANAGE_ACCOUNTS)
    return frozenset(held)


class Visit(Call):
    """A request of a browser. `visitor` is None for somebody who has not signed in."""

    #: somebody sits before the page
    lane = Lane.WAITING

    @property
    def visitor(self) -> Visitor | None:
        visitor: Visitor | None = self.scope["state"].get("visitor")
        return visitor

    @property
    def root(self) -> str:
        """The way from the page to the first page. Relative, so that a proxy may put the pages below a prefix."""
        return "../" * (self.scope["path"].count("/") - 1) or "./"

    @property
    def here(self) -> str:
        """The page with its query, as a path from the first page on."""
        query = self.scope["query_string"].decode("latin-1")
        return quote(self.scope["path"]) + (f"?{query}" if query else "")

    @property
    def address(self) -> str:
        """The address of the first page, without a slash at the end, for programs elsewhere."""
        public = self.bank.settings.public_url
        if public is not None:
            return public.rstrip("/")
        return f"{'https' if self.is_secure else 'http'}://{self.header(b'host') or 'localhost'}"

    @property
    def takes_gzip(self) -> bool:
        return "gzip" in (self.header(b"accept-encoding") or "")

    @property
    def theme(self) -> str:
        """The look that the visitor chose; empty for the look of the system."""
        chosen = self.cookies.get(THEME, "")
        return chosen if chosen in THEMES else ""

    @property
    def is_secure(self) -> bool:
        """Whether the browser came over TLS, as far as the service is told."""
        public = self.bank.settings.public_url
        if public is not None:
            return public.startswith("https://")
        return self.header(b"x-forwarded-proto") == "https"

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A read-only transaction for everything that the page shows, all of one moment. Raises `Unavailable` for a page that takes too long."""
        limit = Within(self.bank.settings.search_timeout, LATER)
        async with snapshot(self.bank.database, limit) as db, self._counted_on(db):
            yield db

    @asynccontextmanager
    async def connected(self, limit: Deadline) -> AsyncIterator[Connection]:
        async with super().connected(limit) as db, self._counted_on(db):
            yield db

    @asynccontextmanager
    async def _counted_on(self, db: Connection) -> AsyncIterator[None]:
        """Count the statements, for the foot of the page."""
        with db.query_logger(self._note_statement):
            yield
        await asyncio.sleep(0)  # the last statement is told in the next turn of the loop

    def _note_statement(self, record: asyncpg.connection.LoggedQuery) -> None:
        query = record.query
        if not query.lstrip().startswith(AROUND) and not any(mark in query for mark in OF_DRIVER):
            state = self.scope["state"]
            state["statements"] = state.get("statements", 0) + 1

    async def read_form(self, *, may_hold_nul: bool = False) -> dict[str, list[str]]:
        """Read a form. Raises `Malformed` and `TooLarge`, and `Invalid` for NUL, which no text of the database holds."""
        body = await self.gathered(MOST_FORM, TOO_LARGE)
        try:
            pairs = parse_qsl(
                body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"
            )
        except ValueError as error:
            raise Malformed(NO_FORM) from error
        fields: dict[str, list[str]] = {}
        for name, value in pairs:
            fields.setdefault(name, []).append(value)
        faulty = [name for name, values in fields.items() if "\0" in "".join(values)]
        if faulty and not may_hold_nul:
            raise Invalid(*(Violation(NUL_SAID, name) for name in faulty))
        return fields

    def page(self, content: Page, status: int = 200) -> Response[bytes]:
        """Answer a page."""
        visitor = self.visitor
        state = self.scope["state"]
        frame = Frame(
            root=self.root,
            here=self.here if self.scope["method"] == "GET" else "/",
            theme=self.theme,
            user=None if visitor is None else visitor.caller.user.short_name,
            may=frozenset() if visitor is None else permissions_of(visitor.caller),
            now=self.now,
            milliseconds=max(0, self.bank.clock() - self.now),
            statements=state.get("statements", 0),
        )
        html = render(content, frame).encode("utf-8", "replace")
        headers = {**PAGE, "Vary": "Accept-Encoding, Cookie"}
        if self.takes_gzip:
            # No secret stands in a page, so the length of a packed page tells nothing.
            html, headers["Content-Encoding"] = gzip.compress(html, 1, mtime=0), "gzip"
        return Response(html, status_code=status, media_type=HTML, headers=headers)

    def to(self, path: str, *, cookies: tuple[str, ...] = ()) -> Response[bytes]:
        """Send the browser to another page, given as a path from the first page on, without a leading slash."""
        headers = {**PAGE, "Location": self.root + path}
        response = Response(b"", status_code=303, media_type=HTML, headers=headers)
        for cookie in cookies:
            response.headers["Set-Cookie"] = cookie
        return response
