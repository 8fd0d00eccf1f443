"""Brings the children of a result to the service, and tells in the result which children were stored."""

import hashlib
from collections.abc import AsyncIterator

import msgspec

from samplebank.worker import wire
from samplebank.worker.assignment import Assignment, Receipt
from samplebank.worker.client import ServiceClient
from samplebank.worker.contract import JSON, Child, Result
from samplebank.worker.errors import ServiceRefused

TOO_LARGE = 413
#: bounds that no other child of the same sample passes either
HOLDS_FOR_ALL = frozenset({"depth", "files", "gone"})


async def with_stored_children(
    client: ServiceClient, assignment: Assignment, result: Result, version: str
) -> Result:
    """Store the children of a result. Answers the result with `children`: path, size, SHA-256 and outcome of each child.

    The same children again are stored once. Raises `LeaseLost`.
    """
    if not result.children:
        return result
    told = [entry async for entry in _stored(client, assignment, result.children, version)]
    return msgspec.structs.replace(result, result={**result.result, "children": told}, children=[])


async def _stored(
    client: ServiceClient, assignment: Assignment, children: list[Child], version: str
) -> AsyncIterator[dict[str, JSON]]:
    """Send one child after the other. After a bound is reached, children that cannot pass the bound are not sent."""
    final: str | None = None
    least_refused: int | None = None
    for child in children:
        size = len(child.data)
        if final is not None:
            receipt = Receipt("refused", reason=final)
        elif least_refused is not None and size >= least_refused:
            receipt = Receipt("refused", reason="bytes")
        else:
            receipt = await _sent(client, assignment, child, version)
        if receipt.reason in HOLDS_FOR_ALL:
            final = receipt.reason
        if receipt.reason == "bytes":
            least_refused = size
        yield entry_of(child, receipt)


async def _sent(client: ServiceClient, assignment: Assignment, child: Child, version: str) -> Receipt:
    try:
        return await client.add_child(assignment, child, version)
    except ServiceRefused as refusal:
        if refusal.status == TOO_LARGE:
            return Receipt("refused", reason="size")
        raise


def entry_of(child: Child, receipt: Receipt) -> dict[str, JSON]:
    """What the result of the parent tells of a child."""
    entry: dict[str, JSON] = {
        "path": wire.storable(child.name)[: wire.MOST_OF_PATH],
        "size": len(child.data),
        "sha256": hashlib.sha256(child.data).hexdigest(),
        "how": wire.storable(child.how)[: wire.MOST_CHARACTERS],
        "outcome": receipt.outcome,
    }
    return {**entry, "reason": receipt.reason} if receipt.reason else entry
