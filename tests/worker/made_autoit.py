"""Programs with a compiled script of AutoIt, made at test time."""

import struct
import zlib
from collections.abc import Sequence

from autoit_ripper.utils import EA05Decryptor, EA06Decryptor

from samplebank.worker.analysers.extract.autoit import FORMS, MARK, PLAIN, UNICODE
from worker.made_hostile import PROGRAM

SALT = bytes(range(16))


def autoit(records: Sequence[tuple[str, bytes]], *, is_old: bool = False) -> bytes:
    """A program with files, each with a kind: the name of the file, or what AutoIt calls its script."""
    keys = EA05Decryptor() if is_old else EA06Decryptor()
    made = [MARK, FORMS[not is_old], SALT]
    for kind, data in records:
        packed = _packed(data, is_old=is_old)
        sizes = struct.pack("<BII", 1, len(packed) ^ keys.au3_ResSize, len(data) ^ keys.au3_ResSize)
        made += [
            keys.decrypt(b"FILE", keys.au3_ResType),
            _text(kind, keys, keys.au3_ResSubType),
            _text("C:\\source", keys, keys.au3_ResName),
            sizes,
            struct.pack("<I", zlib.adler32(packed) ^ keys.au3_ResCrcCompressed),
            bytes(16),
            keys.decrypt(packed, (sum(SALT) if is_old else 0) + keys.au3_ResContent),
        ]
    return PROGRAM + bytes(600) + b"".join(made)


def script(text: str, *, is_old: bool = False) -> tuple[str, bytes]:
    return (PLAIN, text.encode()) if is_old else (UNICODE, text.encode("utf-16"))


def _packed(data: bytes, *, is_old: bool) -> bytes:
    """Packed without repeats: a bit before each byte."""
    mark = "0" if is_old else "1"
    bits = "".join(f"{mark}{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % 8)
    head = struct.pack(">4sI", b"EA05" if is_old else b"EA06", len(data))
    return head + int(bits, 2).to_bytes(len(bits) // 8, "big")


def _text(text: str, keys: EA05Decryptor | EA06Decryptor, key: tuple[int, int]) -> bytes:
    encoded = text.encode("utf-16-le" if keys.au3_Unicode else "latin-1")
    hidden: bytes = keys.decrypt(encoded, len(text) + key[1])
    return struct.pack("<I", len(text) ^ key[0]) + hidden
