"""A request as the routes see it, with the bank, the caller and the time that it came at."""

import codecs
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from litestar import Request

from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.assembly import Bank
from samplebank.errors import Invalid, Malformed, TooLarge, Unsupported
from samplebank.http.bodies import Pace
from samplebank.http.streaming import Pieces, disconnected, nothing, opened
from samplebank.http.turns import Budgets, Within, while_connected
from samplebank.http.validation import Document, read_query
from samplebank.samples import catalogue
from samplebank.samples.model import Sample, read_sha256
from samplebank.timespec import Millis

FORM = re.compile(r"multipart/|application/x-www-form-urlencoded", re.IGNORECASE)
NO_FORM = "The body is a form, but this call takes JSON: send a JSON object, with the header Content-Type: application/json."
T = TypeVar("T")
#: parameters of a query; values of lists are parameters of their own
MOST_PARAMETERS = 20_000


class Exchange(Request[Any, Any, Any]):
    """One request; `caller` is there behind the guard."""

    @property
    def bank(self) -> Bank:
        # Litestar's state is slow to ask
        state = self.scope["state"]
        bank: Bank | None = state.get("bank")
        if bank is None:
            bank = state["bank"] = self.app.state.bank
        return bank

    @property
    def budgets(self) -> Budgets:
        # Litestar's state is slow to ask
        state = self.scope["state"]
        budgets: Budgets | None = state.get("budgets")
        if budgets is None:
            budgets = state["budgets"] = self.app.state.budgets
        return budgets

    @property
    def caller(self) -> Caller:
        caller: Caller = self.scope["state"]["caller"]
        return caller

    @property
    def now(self) -> Millis:
        """The time at which the request came; the same throughout it."""
        now: Millis = self.scope["state"]["now"]
        return now

    @property
    def is_head(self) -> bool:
        """Whether the answer is for its headers only."""
        return bool(self.scope["state"].get("is_head"))

    def path(self, name: str) -> str:
        value: str = self.path_params[name]
        return value

    def read_query(self, wanted: type[T]) -> T:
        text = self.scope["query_string"].decode("latin-1")
        try:
            pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_PARAMETERS) if text else []
        except ValueError as error:
            raise Invalid(f"The query has more than {MOST_PARAMETERS} parameters.") from error
        return read_query(pairs, wanted, self.now)

    async def document(self, wanted: type[T], *, extra: int = 0) -> Document[T]:
        """The JSON body; raises `Malformed` or `TooLarge`. Its `read` raises what is wrong with its content.

        `extra` bytes more than usual are taken.
        """
        body = (await self.bytes_of_body(extra)).removeprefix(
            codecs.BOM_UTF8
        )  # as some editors and shells put it
        try:
            return Document(body, wanted)
        except Malformed:
            if FORM.match(self.headers.get("content-type", "")):
                raise Unsupported(NO_FORM) from None
            raise

    async def bytes_of_body(self, extra: int = 0) -> bytes:
        """The body, read once; raises `Malformed` for an empty one, `TooLarge`."""
        kept: bytes | None = self.scope["state"].get("body")
        if kept is not None:
            return kept
        most = self.bank.settings.max_body_size + extra
        if (self.announced_length or 0) > most:
            raise _too_large(most)
        body = bytearray()
        async for chunk in self.chunks():
            self._hold(len(chunk))
            body += chunk
            if len(body) > most:
                raise _too_large(most)
        if not body:
            raise Malformed("The body is empty; this call takes a JSON object.")
        self.scope["state"]["body"] = kept = bytes(body)
        return kept

    @property
    def announced_length(self) -> int | None:
        """Bytes of the body by its Content-Length; the HTTP server has taken care that it can be trusted."""
        announced = self.header(b"content-length")
        return int(announced) if announced and announced.isdigit() else None

    def header(self, name: bytes) -> str | None:
        """The first header of this name, which is in lower case. Litestar would copy all headers for the first look."""
        for given, value in self.scope["headers"]:
            if given == name:
                return value.decode("latin-1")
        return None

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes, once; raises `Malformed` when its end does not, `TooSlow`.

        What was announced is not waited for to be said to be over, as Litestar does: that is one more message.
        """
        left = self.announced_length
        pace = Pace(self.bank.settings.body_timeout)
        while left != 0:
            message = await pace.next(self.receive)
            if message["type"] == "http.disconnect":
                raise Malformed("The body ended before it was complete.")
            chunk = message["body"]
            if chunk:
                yield chunk
            if not message["more_body"]:
                return
            if left is not None:
                left -= len(chunk)

    def _hold(self, size: int) -> None:
        """Count bytes that stay in memory until the request is answered (`api.log.Observed`). Raises `TooMany`, `Unavailable`."""
        self.budgets.memory.take(size, self.caller.user.id)
        state = self.scope["state"]
        state["held"] = state.get("held", 0) + size

    async def disconnected(self) -> None:
        """Return when the client has gone; its body must have been read."""
        await disconnected(self.receive)

    async def visible_sample(self, *permissions: Permission) -> Sample:
        """The sample of the path, if the caller may see it by any of `permissions` and it is not deleted."""
        sha256 = read_sha256(self.path("sha256"))
        async with self.bank.database.connection() as db:
            return await catalogue.get_undeleted(db, self.caller, sha256, *permissions)

    @asynccontextmanager
    async def dear(self) -> AsyncIterator[None]:
        """A turn for what asks much of the database, which ends when it takes too long or the client goes.

        The body must have been read. Raises `TooMany` and `Unavailable`.
        """
        async with self.budgets.searches.turn(self.caller.user.id):
            with Within(self.bank.settings.search_timeout):
                async with while_connected(self.disconnected):
                    yield

    async def opened(self, pieces: Pieces) -> Pieces:
        """The pieces of an answer, once the first is there; none where only headers are asked for."""
        return nothing() if self.is_head else await opened(pieces)


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"The body is larger than {most} bytes, which is the most that this call takes.")
