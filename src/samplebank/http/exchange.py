"""A request as the routes see a request, with the bank, the caller and the time of arrival."""

import codecs
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from litestar import Request

from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Permission
from samplebank.assembly import Bank
from samplebank.audit import recording
from samplebank.audit.model import NOBODY, Entry, Owners, opened_to, privately
from samplebank.database import Connection
from samplebank.database.rounds import on_behalf
from samplebank.database.spending import spender
from samplebank.errors import MOST_TOLD, Invalid, Malformed, TooLarge, Unsupported, Violation
from samplebank.http.acts import actor_of, works_on_claims
from samplebank.http.bodies import Pace
from samplebank.http.operation import Operation
from samplebank.http.streaming import Pieces, disconnected, nothing, opened
from samplebank.http.turns import Budgets, Within, while_connected
from samplebank.http.validation import Document, read_query
from samplebank.samples import catalogue
from samplebank.samples.model import Sample, read_sha256
from samplebank.timespec import Millis

FORM = re.compile(r"multipart/|application/x-www-form-urlencoded", re.IGNORECASE)
NO_FORM = "The body is a form, but this call takes JSON: send a JSON object, with the header Content-Type: application/json."
TOO_LARGE = "The body is larger than {} bytes, which is the most that this call takes."
T = TypeVar("T")
#: bytes of a body that are not counted: as many connections as there may be hold less than the bodies of a few users
SMALL = 16 * 1024
#: the most parameters of a query; each value of a list is a parameter
MOST_PARAMETERS = 20_000
#: how bytes that are no UTF-8 are read, so that these bytes can be told apart: as surrogates
FOREIGN = "surrogateescape"
SURROGATE = re.compile("[\ud800-\udfff]")
NO_UTF_8 = "The parameter is no UTF-8: send text as UTF-8, percent-encoded."


class Exchange(Request[Any, Any, Any]):
    """A request. `caller` is known once the guard has passed the request."""

    @cached_property
    def bank(self) -> Bank:
        # Litestar's application state is slow to read. The guard has a request object of its own.
        state = self.scope["state"]
        bank: Bank | None = state.get("bank")
        if bank is None:
            bank = state["bank"] = self.app.state.bank
        return bank

    @property
    def budgets(self) -> Budgets:
        # Litestar's application state is slow to read.
        state = self.scope["state"]
        budgets: Budgets | None = state.get("budgets")
        if budgets is None:
            budgets = state["budgets"] = self.app.state.budgets
        return budgets

    def admit(self, caller: Caller) -> None:
        """Note who calls, count the request among those of the caller until its end, and wait for connections in turn.

        Raises `TooMany`.
        """
        state = self.scope["state"]
        state["caller"] = caller
        if "counted" not in state:
            self.budgets.spending.check(caller)
            self.budgets.crowd.enter(caller)
            state["counted"] = caller
            spender.set(self.budgets.spending.account(caller))
            on_behalf.set((caller.user.customer.id, caller.user.id))

    @property
    def caller(self) -> Caller:
        caller: Caller = self.scope["state"]["caller"]
        return caller

    @property
    def now(self) -> Millis:
        """The time at which the request came. The time stays the same until the answer."""
        now: Millis = self.scope["state"]["now"]
        return now

    @property
    def is_head(self) -> bool:
        """Whether only the headers of the answer are asked for."""
        return bool(self.scope["state"].get("is_head"))

    def path(self, name: str) -> str:
        value: str = self.path_params[name]
        return value

    def read_query(self, wanted: type[T]) -> T:
        return read_query(_pairs_of(self.scope["query_string"]), wanted, self.now)

    async def document(self, wanted: type[T], *, extra: int = 0, if_empty: bytes = b"") -> Document[T]:
        """Read the JSON body. Raises `Malformed` or `TooLarge`. `Document.read` raises the violations in the content.

        The body may have `extra` bytes more than usual. `if_empty` stands for a body that may be left out.
        """
        # some editors and shells put a byte order mark first
        body = (await self.bytes_of_body(extra, if_empty)).removeprefix(codecs.BOM_UTF8)
        try:
            return Document(body, wanted)
        except Malformed:
            if FORM.match(self.header(b"content-type") or ""):
                raise Unsupported(NO_FORM) from None
            raise

    async def bytes_of_body(self, extra: int = 0, if_empty: bytes = b"") -> bytes:
        """Read the body, once. Raises `Malformed` for an empty body without a stand-in, and `TooLarge`."""
        most = self.bank.settings.max_body_size + extra
        kept: bytes | None = self.scope["state"].get("body")
        if kept is None:
            kept = await self.gathered(most, TOO_LARGE) or if_empty
            if not kept:
                raise Malformed("The body is empty; this call takes a JSON object.")
            self.scope["state"]["body"] = kept
        if len(kept) > most:
            raise TooLarge(TOO_LARGE.format(most))
        return kept

    async def gathered(self, most: int, too_large: str) -> bytes:
        """Read the body into memory. Raises `TooLarge`, saying `too_large` of the most bytes."""
        if "caller" not in self.scope["state"]:  # a stranger, who has no share of the memory for bodies
            most = min(most, SMALL)
        announced = self.announced_length
        if (announced or 0) > most:
            raise TooLarge(too_large.format(most))
        is_small = min(most, announced or most) <= SMALL
        body = bytearray()
        async for chunk in self.chunks():
            if not is_small:
                self._hold(len(chunk))
            body += chunk
            if len(body) > most:
                raise TooLarge(too_large.format(most))
        return bytes(body)

    @property
    def announced_length(self) -> int | None:
        """The bytes of the body by the header Content-Length. The HTTP server makes sure that the header is right."""
        announced = self.header(b"content-length")
        return int(announced) if announced and announced.isdigit() else None

    def header(self, name: bytes) -> str | None:
        """The first header of the name, given in lower case. Litestar would look at each header in Python."""
        value = self.first_headers.get(name)
        return None if value is None else value.decode("latin-1")

    @cached_property
    def first_headers(self) -> dict[bytes, bytes]:
        """The first header of each name."""
        return dict(reversed(list(self.scope["headers"])))

    async def chunks(self) -> AsyncIterator[bytes]:
        """Read the body as the bytes come, once. Raises `TooSlow`, and `Malformed` when the end does not come.

        Stops after Content-Length bytes. Litestar waits for one more message, which says that the body is over.
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
        """Count bytes held until the request is answered (`http.log.Observed`). Raises `TooMany` and `Unavailable`."""
        self.budgets.memory.take(size, self.caller.user.id)
        state = self.scope["state"]
        state["held"] = state.get("held", 0) + size

    async def disconnected(self) -> None:
        """Return when the client has gone. The body of the request must have been read."""
        await disconnected(self.receive)

    async def record(
        self,
        db: Connection,
        *,
        sha256: bytes | None = None,
        target: object = None,
        owners: Owners | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        """Add the request to the ledger, in the transaction of what the request changes.

        By default, the entry is for the customer of a caller who holds nothing elsewhere.
        """
        declared: Operation = self.route_handler.opt["operation"]
        entry = Entry(
            self.now,
            declared.kind(self.scope["method"]),
            declared.id,
            actor_of(self.scope),
            sha256=sha256,
            target=None if target is None else str(target),
            details=None if details is None else dict(details),
        )
        if owners is None:
            owners = NOBODY if sha256 is None else privately(self.caller, self.bank.directory)
        await recording.record(db, entry, owners)
        self.note_recorded()

    def note_recorded(self) -> None:
        """Note that the ledger needs no further entry for the request."""
        self.scope["state"]["is_recorded"] = True

    async def record_download(self, sha256: bytes | None, **details: object) -> None:
        """Add a download to the ledger, before the first byte leaves. Raises `Unavailable`.

        The download for a claim follows with other entries: the row of the task tells already who has the sample.
        """
        declared: Operation = self.route_handler.opt["operation"]
        if self.is_head or works_on_claims(self.caller, declared):
            return
        owners = NOBODY if sha256 is None else opened_to(self.caller, *declared.needs)
        async with self.bank.database.connection() as db:
            await self.record(db, sha256=sha256, owners=owners, details=details)

    def tell_of(self, sha256: bytes) -> None:
        """Say which sample a request is about whose path names no sample."""
        self.scope["state"]["sha256"] = sha256

    @contextmanager
    def working_in(self, bank: Bank) -> Iterator[None]:
        """Work with another bank, for as long as the block lasts."""
        state = self.scope["state"]
        before = self.bank
        state["bank"] = self.__dict__["bank"] = bank
        try:
            yield
        finally:
            state["bank"] = self.__dict__["bank"] = before

    async def visible_sample(self, *permissions: Permission) -> Sample:
        """Get the sample of the path that the caller may see by any of `permissions`. A deleted sample is not found."""
        sha256 = read_sha256(self.path("sha256"))
        async with self.bank.database.connection() as db:
            return await catalogue.get_undeleted(db, self.caller, sha256, *permissions)

    async def dearly(self, search: Callable[[], Awaitable[T]]) -> T:
        """Do a search that may cost the database much. The search ends when too slow, or when the client goes.

        The search must be safe to begin again. The body of the request must have been read. Raises `TooMany`,
        `Unavailable`, and the errors of the search.
        """

        async def within() -> T:
            with Within(self.bank.settings.search_timeout):
                return await search()

        async with while_connected(self.disconnected):
            return await self.budgets.searches.run(self.caller.user.id, within)

    async def opened(self, pieces: Pieces) -> Pieces:
        """Wait for the first piece of an answer. Where only headers are asked for, there are no pieces."""
        return nothing() if self.is_head else await opened(pieces)


def _pairs_of(query: bytes) -> list[tuple[str, str]]:
    """The parameters of a query string. Raises `Invalid` for very many, and for bytes that are no UTF-8.

    Bytes that are no UTF-8 would all become the same sign, so that different names would look alike.
    """
    if not query:
        return []
    text = query.decode(errors=FOREIGN)
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_PARAMETERS, errors=FOREIGN)
    except ValueError as error:
        raise Invalid(f"The query has more than {MOST_PARAMETERS} parameters.") from error
    strange = [pair for pair in pairs if _is_foreign(*pair)]
    if strange:
        names = [name.encode(errors="replace").decode() for name, _ in strange[:MOST_TOLD]]
        raise Invalid(*(Violation(NO_UTF_8, name) for name in names))
    return pairs


def _is_foreign(*texts: str) -> bool:
    return any(not text.isascii() and SURROGATE.search(text) for text in texts)
