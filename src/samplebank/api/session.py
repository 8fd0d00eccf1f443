"""`GET /authentication/v1/session`: whether a key is good, and what the key may do."""

from litestar import get

from samplebank.api.call import Call
from samplebank.api.envelope import Answer, single
from samplebank.api.people import UserInfo
from samplebank.http.operation import operation
from samplebank.http.shapes import NoQuery, Shown


class Session(Shown):
    user: UserInfo
    permissions: list[str]


@get("/authentication/v1/session", opt=operation("getSession", query=NoQuery, answers=Session, unheeded=True))
async def get_session(request: Call) -> Answer:
    """Tell the user of the key, and the permissions that the key brings for some customer."""
    caller = request.caller
    permissions = sorted(str(permission) for permission, scope in caller.scopes.items() if scope)
    return single(Session(UserInfo.of(caller.user), permissions))


ROUTES = [get_session]
