"""What a route declares about itself: its name in the contract, who may call it, what it takes and answers."""

from collections.abc import Mapping
from typing import Any

import msgspec

from samplebank.accounts.model import Permission

V2 = "/sampledb/v2"
EXTENSIONS = "/samplebank/v1"


class Operation(msgspec.Struct, frozen=True):
    """`answers` is the type of `data` in the envelope, None for answers that are no JSON envelope.

    `needs` empty means that any good key will do. `installation_wide` is what concerns no single customer: by the setting
    `SAMPLEBANK_ADMINISTRATION` the permission has to be held for every customer. `by_claims` lets those in as well who hold
    workOnClaimedTasks, for what concerns their own claims.
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
    by_claims: bool = False
    summary: str = ""

    @property
    def takes_body(self) -> bool:
        return self.raw_body or self.body is not None


def operation(id_: str, *needs: Permission, **more: Any) -> dict[str, Any]:
    """The `opt` of a guarded route."""
    return {"operation": Operation(id_, needs, **more)}


#: the `opt` of a route that needs no key
OPEN = {"open": True}
