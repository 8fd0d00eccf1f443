"""Signing in: by pasting an API key, or by a link that works once; and signing out."""

import re
from functools import partial
from typing import Annotated, ClassVar, Final
from urllib.parse import quote
from uuid import UUID

from litestar import Response, get, post
from msgspec import Meta

from samplebank.accounts import sessions
from samplebank.accounts.caller import Caller
from samplebank.audit.model import Kind
from samplebank.audit.recording import record_access
from samplebank.database import Connection
from samplebank.errors import Unauthenticated
from samplebank.http.acts import newcomer
from samplebank.http.operation import OPEN, operation
from samplebank.http.shapes import Body
from samplebank.web.entrance import PLAIN, cookie_for
from samplebank.web.rendering import Page
from samplebank.web.visit import Visit

#: a page of ours, as a path: no second slash, which would begin the name of a host, and nothing that a browser rewrites
OURS: Final = re.compile(r"/(?![/\\])[!-\[\]-~]{0,2000}")
#: what a browser throws away when somebody signs out. With "cookies" in the list, browsers would also forget the cookies of all
#: other hosts of the domain, and so end the sessions of other programs
THROWN_AWAY: Final = '"cache", "storage"'
BAD_KEY: Final = "The API key is unknown, expired or revoked."
BAD_LINK: Final = (
    "The link is unknown, has been used, or is older than 10 minutes: samplebank login makes another one."
)
NOTHING_GIVEN: Final = "Paste an API key."


class LoginQuery(Body):
    next: Annotated[str, Meta(max_length=4000)] = "/"
    link: Annotated[str, Meta(max_length=200)] | None = None
    tried: Annotated[str, Meta(max_length=10)] | None = None


class LoginPage(Page, frozen=True):
    """`is_lost` says that the cookie of a fresh session did not come back. `provider` is the name of the provider of OpenID Connect."""

    template: ClassVar[str] = "login.html"

    next: str
    link: str | None
    mistake: str | None
    is_lost: bool
    is_secure: bool
    provider: str | None


@get("/login", opt=OPEN)
async def show_login(request: Visit) -> Response[bytes]:
    """The page to sign in. Whoever has just signed in goes on to the page asked for."""
    query = request.read_query(LoginQuery)
    target = ours(query.next)
    if query.tried is not None and request.visitor is not None:
        return request.to(target[1:])
    is_lost = query.tried is not None
    return request.page(_page(request, target, query.link, is_lost=is_lost))


@post("/login", opt=OPEN, status_code=303)
async def sign_in(request: Visit) -> Response[bytes]:
    """Exchange a key, or a link, for a session. The key itself is not stored."""
    form = await request.read_form()
    given = {name: values[0].strip() for name, values in form.items()}
    target = ours(given.get("next", "/"))
    refuse = partial(_refuse, request, target, given.get("link") or None)
    if link := given.get("link"):
        cookie = await _by_link(request, link)
        mistake = BAD_LINK
    else:
        caller = await request.bank.callers.find(given.get("key", ""), now=request.now)
        cookie = None if caller is None else await _begin(request, caller)
        mistake = BAD_KEY if given.get("key") else NOTHING_GIVEN
    if cookie is None:
        return refuse(mistake)
    return request.to(f"login?tried=1&next={quote(target, safe='')}", cookies=(cookie_for(request, cookie),))


@post("/logout", opt=operation("signOut", act=Kind.ACCESS), status_code=303)
async def sign_out(request: Visit) -> Response[bytes]:
    """End the session. The browser forgets everything of the service."""
    visitor = request.visitor
    if visitor is None:
        raise Unauthenticated(BAD_KEY)
    async with request.bank.database.transaction() as db:
        await sessions.end(db, visitor.session.id, visitor.session.user_id)
        await request.record(db, target=visitor.session.id)
    request.bank.visitors.forget()
    request.bank.signals.tell(visitor.session.id)
    answer = request.to("login", cookies=(cookie_for(request, ""),))
    if request.is_secure:  # the browser may have a cookie from a time without TLS
        answer.delete_cookie(PLAIN)
    answer.headers["Clear-Site-Data"] = THROWN_AWAY
    return answer


def ours(path: str) -> str:
    """The path, if the path is one of this service; else the path of the first page."""
    return path if OURS.fullmatch(path) else "/"


def _refuse(request: Visit, target: str, link: str | None, mistake: str) -> Response[bytes]:
    kept = None if mistake == BAD_LINK else link
    return request.page(_page(request, target, kept, mistake=mistake), 401)


def _page(
    request: Visit, target: str, link: str | None, *, mistake: str | None = None, is_lost: bool = False
) -> LoginPage:
    bank = request.bank
    provider = None if bank.provider is None else bank.settings.oidc_name
    return LoginPage(target, link, mistake, is_lost=is_lost, is_secure=request.is_secure, provider=provider)


async def _begin(request: Visit, caller: Caller) -> str:
    bank = request.bank
    async with bank.database.transaction() as db:
        await tell_sign_in(request, db, caller.user.id, "key", caller.key_id)
        return await sessions.begin(
            db,
            caller.user.id,
            bank.visitors.lasting,
            now=request.now,
            key_id=caller.key_id,
            label=request.header(b"user-agent") or "",
        )


async def _by_link(request: Visit, secret: str) -> str | None:
    bank = request.bank
    if not sessions.is_secret(secret):
        return None
    async with bank.database.transaction() as db:
        user_id = await sessions.use_link(db, secret, now=request.now)
        if user_id is None:
            return None
        await tell_sign_in(request, db, user_id, "link")
        label = request.header(b"user-agent") or ""
        return await sessions.begin(db, user_id, bank.visitors.lasting, now=request.now, label=label)


async def tell_sign_in(
    request: Visit, db: Connection, user_id: int, way: str, key_id: UUID | None = None
) -> None:
    """Tell the ledger that somebody has signed in, and how."""
    by = newcomer(request.scope, user_id, key_id)
    await record_access(db, "signIn", user_id, by=by, now=request.now, way=way)


ROUTES = [show_login, sign_in, sign_out]
