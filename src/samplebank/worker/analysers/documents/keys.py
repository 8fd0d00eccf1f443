"""Keys of encrypted Office documents from words, as ECMA-376 derives keys: very many rounds of a hash for each word.

The rounds of msoffcrypto-tool take twice the time. OpenSSL sets up more for each hash than a hash of 70 bytes takes, so the hashes of
Python itself do the rounds.
"""

import hashlib
import importlib
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from itertools import chain, islice
from typing import Any, Protocol

from samplebank.worker.analysers.extract.extras import installed

ciphers = installed("cryptography.hazmat.primitives.ciphers")

#: rounds of a key of the standard kind; documents of the agile kind say how many rounds a key takes
ROUNDS_OF_STANDARD = 50_000
COUNTER = struct.Struct("<I")
#: kept numbers of rounds: Office takes so many
MOST_KEPT = 100_000
#: what ends the derivation of the key that opens the key of the document
OF_KEY = bytes.fromhex("146e0be7abacd0d6")
HASH_BLOCK, FIRST_HALF, SECOND_HALF = 64, 0x36, 0x5C


class Hash(Protocol):
    def digest(self) -> bytes: ...


def agile_key(told: dict[str, Any], word: str) -> bytes:
    """The key of a document of the agile kind. `told` is what msoffcrypto reads from the document."""
    new = hash_of(told["passwordHashAlgorithm"])
    salt = told["passwordSalt"]
    last = _spun(new, salt + word.encode("utf-16-le"), told["spinValue"])
    key = new(last + OF_KEY).digest()[: told["passwordKeyBits"] // 8]
    opened = ciphers.Cipher(ciphers.algorithms.AES(key), ciphers.modes.CBC(salt)).decryptor()
    found: bytes = opened.update(told["encryptedKeyValue"]) + opened.finalize()
    return found


def standard_key(told: dict[str, Any], word: str) -> bytes:
    """The key of a document of the standard kind. `told` is as in `agile_key`."""
    new = hash_of("SHA1")
    last = _spun(new, told["verifier"]["salt"] + word.encode("utf-16-le"), ROUNDS_OF_STANDARD)
    final = new(last + COUNTER.pack(0)).digest()
    halves = [new(_mixed(final, half)).digest() for half in (FIRST_HALF, SECOND_HALF)]
    return b"".join(halves)[: told["header"]["keySize"] // 8]


@cache
def hash_of(name: str) -> Callable[[bytes], Hash]:
    """The hash of Python itself, where there is one; SHA-1 for unknown names, as msoffcrypto does."""
    low = name.lower() if name in {"SHA1", "SHA256", "SHA384", "SHA512"} else "sha1"
    for module in (f"_{low}", "_sha2", "_sha512"):
        with suppress(ImportError, AttributeError):
            own: Callable[[bytes], Hash] = getattr(importlib.import_module(module), low)
            return own
    made: Callable[[bytes], Hash] = getattr(hashlib, low)
    return made


@cache
def kept() -> list[bytes]:
    return list(map(COUNTER.pack, range(MOST_KEPT)))


def _spun(new: Callable[[bytes], Hash], start: bytes, rounds: int) -> bytes:
    last = new(start).digest()
    for counter in _counters(rounds):
        last = new(counter + last).digest()
    return last


def _counters(rounds: int) -> Iterator[bytes]:
    return chain(islice(kept(), rounds), map(COUNTER.pack, range(MOST_KEPT, rounds)))


def _mixed(digest: bytes, with_byte: int) -> bytes:
    mixed = bytes(byte ^ with_byte for byte in digest)
    return mixed + bytes([with_byte]) * (HASH_BLOCK - len(mixed))
