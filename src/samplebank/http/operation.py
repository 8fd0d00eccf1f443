"""The declaration of a route: the name in the contract, the permissions, the query, the body and the answer."""

from collections.abc import Mapping
from typing import Any

import msgspec

from samplebank.accounts.model import Permission
from samplebank.audit.model import Kind

V2 = "/sampledb/v2"
EXTENSIONS = "/samplebank/v1"
#: the status of an answer without bytes: the caller has the bytes already
NOT_MODIFIED = 304


class Operation(msgspec.Struct, frozen=True):
    """`answers` is the type of `data` in the envelope, None for answers without an envelope of JSON.

    `needs` empty means that any good key will do. `installation_wide` operations concern no single customer: by the
    setting `SAMPLEBANK_ADMINISTRATION` the permission has to be held for every customer. For `everywhere` operations, the
    permission has to be held for every customer in any case: who may give rights could take any right. `by_claims` admits callers who
    hold workOnClaimedTasks as well, for everything that concerns the callers' own claims. `keyed` operations heed the
    header Idempotency-Key. The ledger tells of each request as an act of the kind `act`, by default as of a read or a
    change; it passes over `unheeded` operations, by which programs keep in touch. Scripts of pages ask for `aside` operations,
    whose answers nobody sees: a stranger gets no content there.
    """

    id: str
    needs: tuple[Permission, ...] = ()
    query: type[Any] | None = None
    body: type[Any] | None = None
    answers: Any = None
    status: int = 200
    media_type: str = "application/json"
    also: Mapping[int, Any] = {}
    raw_body: bool = False
    installation_wide: bool = False
    everywhere: bool = False
    by_claims: bool = False
    keyed: bool = False
    act: Kind | None = None
    unheeded: bool = False
    aside: bool = False
    summary: str = ""

    @property
    def takes_body(self) -> bool:
        return self.raw_body or self.body is not None

    def kind(self, method: str, status: int = 200) -> Kind:
        """What a request by the method is for the ledger, when answered by the status."""
        if method == "HEAD" or status == NOT_MODIFIED:
            return Kind.READ
        return self.act or (Kind.READ if method == "GET" else Kind.CHANGE)


def operation(id_: str, *needs: Permission, **more: Any) -> dict[str, Any]:
    """The `opt` of a guarded route."""
    return {"operation": Operation(id_, needs, **more)}


#: the `opt` of a route that needs no key
OPEN = {"open": True}
