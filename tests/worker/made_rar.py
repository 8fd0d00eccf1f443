"""RAR archives of version 5 with a member under a password and with a comment. Source: the description of the format by its makers."""

import hashlib
import secrets
import zlib

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK_BYTES, KEY_BYTES, ROUNDS = 16, 32, 10
MAIN, FILE, SERVICE, END = 1, 2, 3, 5
HAS_EXTRA, HAS_DATA, HAS_SUM = 1, 2, 4


def _number(value: int) -> bytes:
    """A number in groups of seven bits, the lowest first."""
    groups = b""
    while value > 0x7F:
        groups, value = groups + bytes([value & 0x7F | 0x80]), value >> 7
    return groups + bytes([value])


def _block(header: bytes, data: bytes = b"") -> bytes:
    counted = _number(len(header)) + header
    return zlib.crc32(counted).to_bytes(4, "little") + counted + data


def _entry(kind: int, name: str, data: bytes, size: int, total: int, extra: bytes = b"") -> bytes:
    flags = HAS_DATA | (HAS_EXTRA if extra else 0)
    sizes = (_number(len(extra)) if extra else b"") + _number(len(data))
    fields = (
        _number(HAS_SUM)
        + _number(size)
        + _number(0x20)
        + total.to_bytes(4, "little")
        + _number(0)
        + _number(1)
    )
    title = _number(len(name)) + name.encode()
    return _block(_number(kind) + _number(flags) + sizes + fields + title + extra, data)


def _locked(name: str, data: bytes, word: str) -> bytes:
    salt, start = secrets.token_bytes(BLOCK_BYTES), secrets.token_bytes(BLOCK_BYTES)
    key = hashlib.pbkdf2_hmac("sha256", word.encode(), salt, 1 << ROUNDS, KEY_BYTES)
    coder = Cipher(algorithms.AES(key), modes.CBC(start)).encryptor()
    coded = coder.update(data + bytes(-len(data) % BLOCK_BYTES)) + coder.finalize()
    record = _number(1) + _number(0) + _number(0) + bytes([ROUNDS]) + salt + start
    return _entry(FILE, name, coded, len(data), zlib.crc32(data), _number(len(record)) + record)


def rar_with_comment(name: str, data: bytes, word: str, comment: str) -> bytes:
    """An archive with a member under the word, and with a comment."""
    told = comment.encode()
    commented = _entry(SERVICE, "CMT", told, len(told), zlib.crc32(told))
    end = _block(_number(END) + _number(0) + _number(0))
    main = _block(_number(MAIN) + _number(0) + _number(0))
    return b"Rar!\x1a\x07\x01\0" + main + commented + _locked(name, data, word) + end
