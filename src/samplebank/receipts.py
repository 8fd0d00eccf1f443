"""Receipts: statements that the installation has signed with Ed25519. Whoever has the public key can check a receipt.

The signature is over the statement as canonical JSON: names sorted, no blanks between, UTF-8, and whole numbers only.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from samplebank.errors import Invalid

#: hexadecimal digits of the name of a key
NAME = 16
UNKNOWN = "The receipt was signed with the key {}, which is not among the given keys: another installation made the receipt."
FORGED = "The signature does not belong to the statement: the receipt was changed, or another installation made the receipt."
NO_SIGNATURE = "The signature of the receipt is no Base64 of 64 bytes."
NO_KEY = "The public key {} is no Ed25519 key."


class Key(NamedTuple):
    """A key of the installation, named by the digest of its public part. Both parts have 32 bytes."""

    id: str
    public: bytes
    private: bytes


class Receipt(msgspec.Struct, frozen=True):
    """A signed statement. `signature` is Base64."""

    statement: dict[str, Any]
    key_id: str = msgspec.field(name="keyID")
    signature: str


def new_key() -> Key:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    return Key(hashlib.sha256(public).hexdigest()[:NAME], public, private.private_bytes_raw())


def canonical(statement: Mapping[str, Any]) -> bytes:
    """The bytes of a statement that are signed."""
    return msgspec.json.encode(statement, order="sorted")


def sign(statement: Mapping[str, Any], private: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(private).sign(canonical(statement))


def check(receipt: Receipt, keys: Mapping[str, bytes]) -> None:
    """Raise `Invalid` unless one of the public `keys`, by name, has signed the statement."""
    public = keys.get(receipt.key_id)
    if public is None:
        raise Invalid(UNKNOWN.format(receipt.key_id))
    try:
        signature = base64.b64decode(receipt.signature, validate=True)
    except binascii.Error:
        raise Invalid(NO_SIGNATURE) from None
    try:
        known = Ed25519PublicKey.from_public_bytes(public)
    except ValueError:
        raise Invalid(NO_KEY.format(receipt.key_id)) from None
    try:
        known.verify(signature, canonical(receipt.statement))
    except InvalidSignature:
        raise Invalid(FORGED) from None
