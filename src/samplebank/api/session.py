"""`GET /authentication/v1/session`: whether a key is good, and what the key may do."""

from typing import Literal

import msgspec
from litestar import get

from samplebank.api.call import Call
from samplebank.api.envelope import Answer, single
from samplebank.api.people import UserInfo
from samplebank.http.operation import operation
from samplebank.http.shapes import Int64, NoQuery, Shown
from samplebank.http.stored_bytes import budgets_of


class StoredBytes(Shown):
    """A budget of the key, of the user or of the customer of the user: so many bytes of samples are stored, and may be stored."""

    whose: Literal["key", "user", "customer"]
    used: Int64
    most: Int64


class Session(Shown):
    """`storedBytes` has the budgets that the operator has set."""

    user: UserInfo
    permissions: list[str]
    stored_bytes: tuple[StoredBytes, ...] = ()


@get("/authentication/v1/session", opt=operation("getSession", query=NoQuery, answers=Session, unheeded=True))
async def get_session(request: Call) -> Answer:
    """Tell the user of the key, and the permissions that the key brings for some customer."""
    request.read_query(NoQuery)
    caller = request.caller
    permissions = sorted(str(permission) for permission, scope in caller.scopes.items() if scope)
    budgets = await budgets_of(request.bank, caller)
    stored = msgspec.convert(budgets, tuple[StoredBytes, ...], from_attributes=True)
    return single(Session(UserInfo.of(caller.user), permissions, stored))


ROUTES = [get_session]
