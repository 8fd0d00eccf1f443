"""Signing in by OpenID Connect: the browser goes to the provider, and comes back with a code for a token.

All that the service has to know on the way back follows from one random cookie of 10 minutes. So any process of any host
can take the way back, and nothing is stored for strangers.
"""

import base64
import hashlib
import hmac
import re
import secrets
from typing import Annotated, Final
from urllib.parse import quote

import msgspec
from litestar import Response, get
from litestar.datastructures import Cookie
from msgspec import Meta

from samplebank.accounts import sessions, sign_in
from samplebank.accounts.sign_in import Identity, Unproven
from samplebank.errors import Conflict, Forbidden, Malformed, Refusal
from samplebank.http.operation import OPEN
from samplebank.http.shapes import Body
from samplebank.timespec import Millis
from samplebank.web.entrance import cookie_for
from samplebank.web.headers import PAGE
from samplebank.web.pages.login import ours, tell_sign_in
from samplebank.web.pages.refused import Refused
from samplebank.web.visit import HTML, Visit

#: the cookie of a sign-in under way: over TLS, which no other host can set, and over plain HTTP
SECURE: Final = "__Host-samplebank-sign-in"
PLAIN: Final = "samplebank-sign-in"
#: milliseconds for which a sign-in may be under way, and by which the clocks of hosts may differ
LASTS: Final = 10 * 60_000
AHEAD: Final = 60_000
COOKIE: Final = re.compile(r"([A-Za-z0-9_-]{43})\.([0-9]{1,15})\.((?:[0-9a-f]{2}){1,2001})", re.ASCII)
BACK: Final = "/login/oidc/back"
LOST: Final = (
    "This sign-in was begun in another browser or more than 10 minutes ago, or the browser refuses cookies: "
    "begin again."
)
DENIED: Final = (
    "The sign-in service did not let you in, or you have declined: begin again, or ask who runs it."
)

Short = Annotated[str, Meta(max_length=2000)]


class BeginQuery(Body):
    next: Annotated[str, Meta(max_length=4000)] = "/"


class BackQuery(msgspec.Struct):
    """The provider's answer; `iss` is the provider. Further fields of a provider do not matter."""

    state: Short = ""
    code: Short | None = None
    iss: Short | None = None
    error: Short | None = None


class Way(msgspec.Struct, frozen=True):
    """A sign-in under way: a random secret of the browser, its beginning, and the page asked for."""

    secret: str
    begun: Millis
    target: str

    @property
    def value(self) -> str:
        """The value of the cookie."""
        return f"{self.secret}.{self.begun}.{self.target.encode().hex()}"

    def word(self, purpose: str) -> str:
        """A word for this purpose and sign-in: nobody without the cookie can make or foresee the word."""
        said = f"{purpose}.{self.value}".encode()
        return _letters(hmac.digest(self.secret.encode(), said, "sha256"))

    @property
    def challenge(self) -> str:
        return _letters(hashlib.sha256(self.word("verifier").encode()).digest())


def _letters(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@get("/login/oidc", opt=OPEN)
async def begin_sign_in(request: Visit) -> Response[bytes]:
    """Send the browser to the provider. Nothing is stored but the cookie."""
    provider = request.bank.get_provider()
    query = request.read_query(BeginQuery)
    way = Way(secrets.token_urlsafe(32), request.now, ours(query.next))
    address = await provider.address(
        back=request.address + BACK,
        state=way.word("state"),
        nonce=way.word("nonce"),
        challenge=way.challenge,
    )
    answer = Response(b"", status_code=303, media_type=HTML, headers={**PAGE, "Location": address})
    answer.set_cookie(_cookie(request, way.value, LASTS // 1000))
    return answer


@get(BACK, opt=OPEN)
async def end_sign_in(request: Visit) -> Response[bytes]:
    """Take the way back from the provider: a code becomes a session."""
    query = request.read_query(BackQuery)
    try:
        way = _way_of(request, query.state)
        who = await _ask(request, way, query)
        cookie = await _admit(request, who)
    except Refusal as refusal:
        status = 409 if isinstance(refusal, Conflict) else refusal.status
        answer = request.page(Refused.of(status, refusal.violations), status)
    else:
        answer = request.to(f"login?tried=1&next={quote(way.target, safe='')}", cookies=(cookie,))
    answer.set_cookie(_cookie(request, "", 0))
    return answer


def _way_of(request: Visit, state: str) -> Way:
    """The sign-in under way in this browser. Raises `Malformed` where the answer belongs to another or to none."""
    value = request.cookies.get(SECURE if request.is_secure else PLAIN, "")
    form = COOKIE.fullmatch(value)
    if form is None:
        raise Malformed(LOST)
    secret, begun, target = form.groups()
    way = Way(secret, int(begun), ours(bytes.fromhex(target).decode("ascii", "replace")))
    is_young = -AHEAD <= request.now - way.begun <= LASTS
    if not is_young or not hmac.compare_digest(way.word("state").encode(), state.encode()):
        raise Malformed(LOST)
    return way


async def _ask(request: Visit, way: Way, query: BackQuery) -> Identity:
    """Ask the provider who has signed in."""
    provider = request.bank.get_provider()
    await provider.check_sender(query.iss)
    if query.error == "access_denied":
        raise Forbidden(DENIED)
    if query.code is None:
        raise Unproven(
            f"The sign-in service answered with the error {query.error or 'of no name'}: begin again, or ask who runs it."
        )
    return await provider.exchange(
        query.code,
        back=request.address + BACK,
        verifier=way.word("verifier"),
        nonce=way.word("nonce"),
        now=request.now,
    )


async def _admit(request: Visit, who: Identity) -> str:
    """Begin a session; answers the header with its cookie. Raises `Forbidden` for somebody without a rule."""
    bank = request.bank
    lasting = bank.visitors.lasting
    longest = min(lasting.longest, 1000 * bank.settings.oidc_session)
    async with bank.database.transaction() as db:
        user_id = await sign_in.admit(db, who, now=request.now)
        if user_id is not None:
            await tell_sign_in(request, db, user_id, "oidc")
            cookie = await sessions.begin(
                db,
                user_id,
                msgspec.structs.replace(lasting, longest=longest),
                now=request.now,
                label=request.header(b"user-agent") or "",
            )
    bank.visitors.forget()
    if user_id is None:
        raise Forbidden(sign_in.NO_RULE.format(sign_in.short_name_of(who)))
    return cookie_for(request, cookie)


def _cookie(request: Visit, value: str, seconds: int) -> Cookie:
    return Cookie(
        key=SECURE if request.is_secure else PLAIN,
        value=value,
        max_age=seconds,
        path="/",
        httponly=True,
        samesite="lax",
        secure=request.is_secure,
    )


ROUTES = [begin_sign_in, end_sign_in]
