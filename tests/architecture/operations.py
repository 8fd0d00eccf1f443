"""The guarded routes of the API, and who is let in by what the routes declare."""

from collections.abc import Collection
from typing import Any

from samplebank.accounts.model import Permission
from samplebank.api.app import ROUTES
from samplebank.http.operation import Operation

#: an identifier without a row, so that a caller who is let in finds nothing
NAMES_NOTHING = "00000000-0000-0000-0000-000000000000"
SHA256_OF_NOTHING = "0" * 64


def declared() -> list[tuple[str, str, Operation]]:
    """(method, path, operation) of each guarded route."""
    return [
        (min(route.http_methods), path_of(route), route.opt["operation"])
        for route in ROUTES
        if "operation" in route.opt
    ]


def path_of(route: Any) -> str:
    (path,) = route.paths
    parts = []
    for part in path.split("/"):
        name = part.strip("{}").split(":")[0]
        parts.append(
            (SHA256_OF_NOTHING if name == "sha256" else NAMES_NOTHING) if part.startswith("{") else part
        )
    return "/".join(parts)


GUARDED = declared()
IDS = [operation.id for _, _, operation in GUARDED]


def lets_in(operation: Operation, held: Collection[Permission], *, everywhere: bool) -> bool:
    """Whether the operation is for a caller who holds the permissions: for every customer, or for some."""
    is_held = not operation.needs or bool(set(held) & set(operation.needs))
    if operation.by_claims and Permission.WORK_ON_CLAIMS in held:
        is_held = True
    return is_held and (everywhere or not (operation.installation_wide or operation.everywhere))
