"""The header Idempotency-Key: what a key is, and which requests are the same request."""

import hashlib
from typing import Final

from samplebank.errors import invalid
from samplebank.http.exchange import Exchange
from samplebank.repeats.kept import Keyed, digest_of_key

HEADER: Final = b"idempotency-key"
NAME: Final = "Idempotency-Key"
#: the most characters of a key
LONGEST: Final = 200


def key_of(request: Exchange) -> str | None:
    """Read the key of a request; None without the header. Raises `Invalid`."""
    given = [value for name, value in request.scope["headers"] if name == HEADER]
    if not given:
        return None
    if len(given) > 1:
        raise invalid(NAME, f"The header {NAME} may be given once only.")
    key = given[0].decode("latin-1").strip()
    if not key:
        raise invalid(
            NAME, f"The header {NAME} is empty: give a key of the request's own, such as a random UUID."
        )
    if len(key) > LONGEST:
        raise invalid(NAME, f"The key in {NAME} has {len(key)} characters, and may have {LONGEST} at most.")
    return key


def keyed(request: Exchange, key: str, content: bytes) -> Keyed:
    """The request with its key. `content` is the SHA-256 of the body.

    Requests with the same method, path, query and body are the same request.
    """
    scope = request.scope
    digest = hashlib.sha256(content)
    for part in (scope["method"].encode(), scope["path"].encode("utf-8", "replace"), scope["query_string"]):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return Keyed(request.caller.user.id, digest_of_key(key), digest.digest())
