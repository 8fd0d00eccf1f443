"""Who may call: every route is guarded unless it says that it is open."""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from samplebank.accounts.access import forbidden
from samplebank.api.operation import Operation
from samplebank.errors import Unauthenticated

HEADER = "argus-api-key"
NO_KEY = "This call needs an API key in the header Argus-API-Key."
BAD_KEY = "The API key is unknown, expired or revoked."


async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Authenticate the caller; refuse those who hold none of the permissions of the operation anywhere."""
    if handler.opt.get("open"):
        return
    declared: Operation = handler.opt["operation"]
    bank = connection.app.state.bank
    key = connection.headers.get(HEADER)
    if not key:
        raise Unauthenticated(NO_KEY)
    caller = await bank.callers.find(key, now=connection.scope["state"]["now"])
    if caller is None:
        raise Unauthenticated(BAD_KEY)
    connection.scope["state"]["caller"] = caller
    if declared.needs and not caller.holds(*declared.needs):
        raise forbidden(declared.needs)
