"""Signing in from a command line: somebody says a code on another device, and the command gets a key of the user.

The service asks the provider, so the command needs no secret, and no token travels.
"""

from typing import Annotated

from litestar import delete, post
from msgspec import Meta

from samplebank.accounts import sign_in
from samplebank.accounts.sign_in import Identity
from samplebank.api.call import Call
from samplebank.api.envelope import Answer, single
from samplebank.audit.model import Kind
from samplebank.audit.recording import record_access
from samplebank.errors import Forbidden
from samplebank.http.acts import newcomer
from samplebank.http.operation import EXTENSIONS, OPEN, operation
from samplebank.http.shapes import Body, NoQuery, Shown


class DeviceSignIn(Shown):
    """`interval` and `expires_in` are seconds. `complete_url` has the code already."""

    device_code: str
    user_code: str
    url: str
    complete_url: str | None
    expires_in: int
    interval: int


class DeviceCode(Body):
    device_code: Annotated[str, Meta(min_length=1, max_length=4000)]


class DeviceKey(Shown):
    """The key is None while nobody has said the code; `is_too_soon` asks for 5 seconds more between two requests."""

    key: str | None = None
    user: str | None = None
    expiry_timestamp: int | None = None
    is_too_soon: bool = False


class Ended(Shown):
    ended: bool


@post(f"{EXTENSIONS}/sign-in", opt=OPEN, status_code=200)
async def begin_device_sign_in(request: Call) -> Answer:
    """Begin a sign-in on another device."""
    request.read_query(NoQuery)
    way = await request.bank.get_provider().begin_on_device()
    return single(
        DeviceSignIn(
            device_code=way.device_code,
            user_code=way.user_code,
            url=way.verification_uri,
            complete_url=way.verification_uri_complete,
            expires_in=way.expires_in,
            interval=way.interval,
        )
    )


@post(f"{EXTENSIONS}/sign-in/key", opt=OPEN, status_code=200)
async def take_key(request: Call) -> Answer:
    """Give a key to the command whose code somebody has said."""
    document = await request.document(DeviceCode)
    request.read_query(NoQuery)
    code = document.read(request.now).device_code
    found = await request.bank.get_provider().look_at_device(code, now=request.now)
    if isinstance(found, str):
        return single(DeviceKey(is_too_soon=found == "slow_down"))
    return single(await _admit(request, found))


async def _admit(request: Call, who: Identity) -> DeviceKey:
    bank = request.bank
    expiry = request.now + 1000 * bank.settings.oidc_session
    async with bank.database.transaction() as db:
        user_id = await sign_in.admit(db, who, now=request.now)
        key = (
            None if user_id is None else await sign_in.issue_key(db, user_id, now=request.now, expiry=expiry)
        )
        if user_id is not None:
            by = newcomer(request.scope, user_id)
            await record_access(db, "signIn", user_id, by=by, now=request.now, way="device")
    if user_id is None:
        raise Forbidden(sign_in.NO_RULE.format(sign_in.short_name_of(who)))
    await bank.directory.refresh(at_once=True)
    return DeviceKey(key=key, user=bank.directory.subject(user_id).short_name, expiry_timestamp=expiry)


@delete(
    f"{EXTENSIONS}/sign-in/key",
    opt=operation("endSignIn", query=NoQuery, answers=Ended, act=Kind.ACCESS),
    status_code=200,
)
async def end_sign_in(request: Call) -> Answer:
    """End the key of this request, if a sign-in gave the key."""
    request.read_query(NoQuery)
    async with request.bank.database.transaction() as db:
        await sign_in.end_key(db, request.caller.key_id, now=request.now)
        await request.record(db, target=request.caller.key_id)
    return single(Ended(ended=True))


ROUTES = [begin_device_sign_in, take_key, end_sign_in]
