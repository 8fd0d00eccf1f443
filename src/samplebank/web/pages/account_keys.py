"""Keys on the page of an account: made and shown once, and ended."""

from functools import partial
from typing import ClassVar
from uuid import UUID

import msgspec
from litestar import Response, post

from samplebank.accounts.keys import Key
from samplebank.api.accounts import changing, name_in
from samplebank.api.keys import KeyPutRequest, end_key, make_key
from samplebank.database.identifiers import find_id
from samplebank.errors import Conflict, NotFound, Violations, invalid
from samplebank.http.validation import Document
from samplebank.web.pages.account import account_page
from samplebank.web.pages.returned import Form, by_form
from samplebank.web.rendering import Page
from samplebank.web.visit import Visit

NO_ID = "The form has no id of its own: send the form again."
USED = "The form has made another key already: send the form again for a further key."
#: the fields of the form, by the names that the interface has for them
FIELDS = {"roles": "role", "customers": "customer", "expiryTimestamp": "expires", "id": ""}


class MadeKey(Page, frozen=True):
    """A key that was just made. The key is shown here alone."""

    template: ClassVar[str] = "made_key.html"
    section: ClassVar[str] = "accounts"

    made: Key
    key: str


@post("/accounts/{short_name:str}/keys", opt=changing("putKeyByPage"))
async def put_key_by_page(request: Visit) -> Response[bytes]:
    """Make a key, and show the key. A form that is sent twice shows another key, and the first key ends."""

    async def change(form: Form) -> Response[bytes]:
        made, key = await _make(request, form)
        return request.page(MadeKey(made, key))

    return await by_form(request, "key", change, partial(account_page, request), FIELDS)


async def _make(request: Visit, form: Form) -> tuple[Key, str]:
    id_ = find_id(form.get("id", ""))
    if id_ is None:
        raise invalid("id", NO_ID)
    given = {
        "user": name_in(request, "short_name"),
        "label": form.get("label", ""),
        **({"roles": [form["role"]]} if form.get("role") else {}),
        **({"customers": [form["customer"]]} if form.get("customer") else {}),
        **({"expiryTimestamp": form["expires"]} if form.get("expires") else {}),
    }
    data = Document(msgspec.json.encode(given), KeyPutRequest).read(request.now)
    try:
        return await make_key(request, id_, data, Violations())
    except Conflict:
        raise Conflict(USED) from None


@post("/accounts/{short_name:str}/keys/{key_id:str}/revoke", opt=changing("revokeKeyByPage"), status_code=303)
async def revoke_key_by_page(request: Visit) -> Response[bytes]:
    """End a key."""

    async def change(_: Form) -> Response[bytes]:
        await end_key(request, _id(request))
        return request.to(f"accounts/{name_in(request, 'short_name')}#keys")

    return await by_form(request, "key-end", change, partial(account_page, request))


def _id(request: Visit) -> UUID:
    """The id of the path. Raises `NotFound`."""
    id_ = find_id(request.path("key_id"))
    if id_ is None:
        raise NotFound("There is no such key.")
    return id_


ROUTES = [put_key_by_page, revoke_key_by_page]
