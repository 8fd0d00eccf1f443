"""Seals: what a cursor hides from callers, with a proof that the service has hidden it. Only the service can open a seal."""

import hmac
from typing import Final
from uuid import UUID

from samplebank.feed.cloud_events import keyed

#: the bytes of the proof
PROOF: Final = 16


def sealed(secret: UUID, kind: bytes, plain: bytes) -> bytes:
    """The proof and the hidden content, of 1 to 64 bytes. The same content of a kind always looks the same."""
    proof = keyed(secret, kind, plain, PROOF)
    return proof + _masked(secret, proof, plain)


def opened(secret: UUID, kind: bytes, seal: bytes) -> bytes:
    """The content of a seal. Raises `ValueError` for a seal that was not made with the secret for the kind."""
    proof = seal[:PROOF]
    plain = _masked(secret, proof, seal[PROOF:])
    if not hmac.compare_digest(proof, keyed(secret, kind, plain, PROOF)):
        raise ValueError("not sealed here")
    return plain


def _masked(secret: UUID, proof: bytes, content: bytes) -> bytes:
    """Hide the content, or show what is hidden."""
    mask = keyed(secret, b"mask", proof, len(content))
    return bytes(one ^ other for one, other in zip(content, mask, strict=True))
