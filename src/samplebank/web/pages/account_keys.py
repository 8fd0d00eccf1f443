"""Keys on the page of an account: made and shown once, and ended."""

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
from samplebank.web.pages.accounts import fields_of
from samplebank.web.rendering import Page
from samplebank.web.visit import Visit

NO_ID = "The form has no id of its own: load the page of the account again, and send the form again."
USED = "The form has made another key already: load the page of the account again, and send the form again."


class MadeKey(Page, frozen=True):
    """A key that was just made. The key is shown here alone."""

    template: ClassVar[str] = "made_key.html"
    section: ClassVar[str] = "accounts"

    made: Key
    key: str


@post("/accounts/{short_name:str}/keys", opt=changing("putKeyByPage"))
async def put_key_by_page(request: Visit) -> Response[bytes]:
    """Make a key, and show the key. A form that is sent twice shows another key, and the first key ends."""
    form = await fields_of(request)
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
        made, key = await make_key(request, id_, data, Violations())
    except Conflict:
        raise Conflict(USED) from None
    return request.page(MadeKey(made, key))


@post("/accounts/{short_name:str}/keys/{key_id:str}/revoke", opt=changing("revokeKeyByPage"), status_code=303)
async def revoke_key_by_page(request: Visit) -> Response[bytes]:
    """End a key."""
    await fields_of(request)
    await end_key(request, _id(request))
    return request.to(f"accounts/{name_in(request, 'short_name')}#keys")


def _id(request: Visit) -> UUID:
    """The id of the path. Raises `NotFound`."""
    id_ = find_id(request.path("key_id"))
    if id_ is None:
        raise NotFound("There is no such key.")
    return id_


ROUTES = [put_key_by_page, revoke_key_by_page]
