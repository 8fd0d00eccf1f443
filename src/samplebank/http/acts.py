"""Requests as acts of the ledger: who asked for what, from where, by which key."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from samplebank.accounts.caller import Caller
from samplebank.accounts.directory import Directory
from samplebank.audit.batches import Batches
from samplebank.audit.model import (
    LONGEST,
    NOBODY,
    Actor,
    Entry,
    Kind,
    Owners,
    opened_to,
    privately,
    reach_of,
)
from samplebank.http.operation import Operation
from samplebank.samples.model import SHA256

#: refusals that are told of: of a permission that lacks, and of a thing that is not there, or not for the caller
REFUSED: Final = frozenset({403, 404})
#: the names of a path that are told as what was acted on, where no sample is
TARGETS: Final = (
    "hunt_id",
    "job_id",
    "task_id",
    "worker",
    "id",
    "query_id",
    "key_id",
    "short_name",
    "session_id",
    "batch_id",
    "a",
    "b",
)


def actor_of(scope: Mapping[str, Any]) -> Actor:
    """Who sends the request. The guard has passed the request."""
    state = scope["state"]
    caller: Caller = state["caller"]
    visitor = state.get("visitor")
    return Actor(
        "user",
        caller.user.id,
        caller.user.customer.id,
        key_id=caller.key_id,
        session_id=None if visitor is None else visitor.session.id,
        reach=reach_of(caller),
        address=address_of(scope),
        request_id=state["request_id"],
    )


def newcomer(scope: Mapping[str, Any], user_id: int, key_id: UUID | None = None) -> Actor:
    """Who signs in by the request, which has no caller yet."""
    return Actor(
        "user", user_id, key_id=key_id, address=address_of(scope), request_id=scope["state"]["request_id"]
    )


def address_of(scope: Mapping[str, Any]) -> str | None:
    """The address of the peer: the client, or the proxy before the service."""
    client = scope["client"]
    return None if client is None else client[0]


def works_on_claims(caller: Caller, declared: Operation) -> bool:
    """Whether the caller may do this for own claims only."""
    return declared.by_claims and not caller.holds(*declared.needs)


class Acts:
    """Notes the requests of a process for the ledger. `with_reads` tells whether reads are noted."""

    def __init__(self, batches: Batches, directory: Directory, *, with_reads: bool) -> None:
        self._batches = batches
        self._directory = directory
        self._with_reads = with_reads

    def note(self, scope: Any, status: int) -> None:
        """Note a request that was answered, unless the ledger tells of the request already."""
        state = scope["state"]
        caller: Caller | None = state.get("caller")
        handler = scope.get("route_handler")
        declared: Operation | None = None if handler is None else handler.opt.get("operation")
        if caller is None or declared is None or declared.unheeded or state.get("is_recorded"):
            return
        if status >= 400 and status not in REFUSED:  # noqa: PLR2004 an HTTP status
            return
        kind = declared.kind(scope["method"], status)
        if kind is Kind.READ and not self._with_reads:
            return
        if works_on_claims(caller, declared) and kind is not Kind.DOWNLOAD:
            return  # the row of the task tells who works on the task
        asked = _asked(scope) if kind is Kind.READ else ""
        is_refused = status in REFUSED
        who = (caller.user.id, caller.key_id, address_of(scope))
        key = (*who, declared.id, is_refused, scope["path"], asked, state.get("sha256"))
        if not self._batches.has(key):
            self._batches.add(key, *self._entry(scope, declared, kind, asked, is_refused=is_refused))

    def _entry(
        self, scope: Any, declared: Operation, kind: Kind, asked: str, *, is_refused: bool
    ) -> tuple[Entry, Owners]:
        state = scope["state"]
        sha256 = state.get("sha256") or _sample_of(scope)
        entry = Entry(
            state["now"],
            kind,
            declared.id,
            actor_of(scope),
            sha256=sha256,
            target=None if sha256 is not None else _target_of(scope),
            details={"asked": asked} if asked else None,
            is_refused=is_refused,
        )
        caller: Caller = state["caller"]
        if sha256 is None or is_refused or works_on_claims(caller, declared):
            return entry, NOBODY
        if kind is Kind.CHANGE:
            return entry, privately(caller, self._directory)
        return entry, opened_to(caller, *declared.needs)


def _asked(scope: Any) -> str:
    """What a read asks for: the query, or the body of a search."""
    query: bytes = scope["query_string"] or scope["state"].get("body") or b""
    return _clean(query[:LONGEST].decode("utf-8", "replace"))


def _sample_of(scope: Any) -> bytes | None:
    given: str | None = scope["path_params"].get("sha256")
    return bytes.fromhex(given) if given is not None and SHA256.fullmatch(given) else None


def _target_of(scope: Any) -> str | None:
    given = scope["path_params"]
    found = [str(given[name]) for name in TARGETS if name in given]
    return _clean(" ".join(found))[:LONGEST] if found else None


def _clean(text: str) -> str:
    """The text without the character that PostgreSQL does not store."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
