"""One's own account: permissions, sessions that can be ended, keys, and saved queries."""

from typing import ClassVar, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post

from samplebank.accounts import keys, sessions
from samplebank.accounts.keys import Key
from samplebank.accounts.saved_queries import SavedQuery, queries_of
from samplebank.accounts.sessions import Session
from samplebank.audit.model import Kind
from samplebank.audit.queries import ways_of_sign_in
from samplebank.database import Connection
from samplebank.database.identifiers import find_id
from samplebank.errors import NotFound
from samplebank.http.operation import operation
from samplebank.http.shapes import NoQuery
from samplebank.http.stored_bytes import Budget, budgets_of
from samplebank.web.copying import Copied, of_account
from samplebank.web.rendering import Page
from samplebank.web.visit import Visit

#: the most sessions, and the most keys, that the page shows
MOST: Final = 100
#: ways to sign in without a key, in words
WAYS: Final = {"link": "link", "oidc": "sign-in service"}


class Opened(msgspec.Struct, frozen=True):
    """A session, and how the session was opened, in words."""

    session: Session
    way: str


class Own(Page, frozen=True):
    """`current` is the session that looks at the page. `is_cut` is whether there are more sessions than `sessions`."""

    template: ClassVar[str] = "me.html"
    section: ClassVar[str] = "me"

    name: str
    short_name: str
    customer: str
    permissions: list[str]
    sessions: list[Opened]
    is_cut: bool
    current: UUID
    keys: list[Key]
    older_keys: int
    queries: list[SavedQuery]
    budgets: list[Budget]
    copied: Copied


@get("/me", opt=operation("showAccount"))
async def show_account(request: Visit) -> Response[bytes]:
    """Show the account."""
    request.read_query(NoQuery)
    visitor = request.visitor
    assert visitor is not None  # noqa: S101 the entrance lets nobody else in
    user = visitor.caller.user
    async with request.reading() as db:
        found = await sessions.sessions_of(
            db, user.id, request.bank.visitors.lasting, now=request.now, most=MOST + 1
        )
        opened = await _opened(db, found[:MOST])
        own, older = await keys.newest_keys(db, user.short_name, MOST)
        saved = await queries_of(db, user.id)
    budgets = await budgets_of(request.bank, visitor.caller)
    return request.page(
        Own(
            name=user.name,
            short_name=user.short_name,
            customer=user.customer.name,
            permissions=sorted(str(one) for one, scope in visitor.caller.scopes.items() if scope),
            sessions=opened,
            is_cut=len(found) > MOST,
            current=visitor.session.id,
            keys=own,
            older_keys=older,
            queries=saved,
            budgets=budgets,
            copied=of_account(request.address),
        )
    )


async def _opened(db: Connection, found: list[Session]) -> list[Opened]:
    """The sessions of a user, with how each was opened. The session itself knows its key alone; the ledger knows other ways."""
    without = [one for one in found if one.key_id is None]
    ways = (
        await ways_of_sign_in(db, without[0].user_id, [one.created_time for one in without])
        if without
        else {}
    )
    return [
        Opened(one, "key" if one.key_id else WAYS.get(ways.get(one.created_time, ""), "unknown"))
        for one in found
    ]


@post("/me/sessions/{session_id:str}/end", opt=operation("endSession", act=Kind.ACCESS), status_code=303)
async def end_session(request: Visit) -> Response[bytes]:
    """End one of the visitor's sessions; the browser of the session is signed out within 2 seconds."""
    id_ = find_id(request.path("session_id"))
    if id_ is None:
        raise NotFound(sessions.NO_SESSION)
    async with request.bank.database.transaction() as db:
        await sessions.end(db, id_, request.caller.user.id)
        await request.record(db, target=id_)
    request.bank.visitors.forget()
    request.bank.signals.tell(id_)
    return request.to("me")


ROUTES = [show_account, end_session]
