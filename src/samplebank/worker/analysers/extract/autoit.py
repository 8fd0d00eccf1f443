"""Compiled scripts of AutoIt: the program carries its script and the files of the script, each disguised and packed."""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from samplebank.worker.analysers.extract.extras import installed
from samplebank.worker.analysers.extract.haul import MIB, Haul

#: what stands before the forms, and what stands before the first record: a sum of these bytes is a part of the key
MARK, FORMS, SALT_BYTES = bytes.fromhex("a3484bbe986c4aa9994c530a86d6487d"), (b"AU3!EA05", b"AU3!EA06"), 16
#: the mark alone may stand anywhere
BEGIN = re.compile(re.escape(MARK) + b"(?:%s)" % b"|".join(FORMS))
#: the package undoes 0.5 MiB a second, and unpacks a megabyte a second: so many bytes of all records are looked at
MOST_BYTES = 8 * MIB
#: the most bytes of a name, and the most records without a file
MOST_NAME, MOST_OTHERS = 1024, 20
#: two sizes, a sum and two times before the content of a file, and what stands behind the size of a record without a file
RECORD_BYTES, OTHER_BYTES = 1 + 3 * 4 + 2 * 8, 0x18
RECORD, SCRIPT_NAME = b"FILE", "script.au3"
TOKENS, UNICODE, PLAIN, NO_FILE = (
    ">>>AUTOIT SCRIPT<<<",
    ">AUTOIT UNICODE SCRIPT<",
    ">AUTOIT SCRIPT<",
    ">>>AUTOIT NO CMDEXECUTE<<<",
)
#: what the package raises for damaged records
BROKEN = (
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    ArithmeticError,
    AttributeError,
    MemoryError,
    struct.error,
)


class Packed(NamedTuple):
    """A file of the program. `data` is still disguised."""

    path: str
    kind: str
    is_packed: bool
    size: int
    sum: int
    data: bytes


class Form(NamedTuple):
    """How a version of AutoIt disguises: the keys of the package, and what is added to the key of contents."""

    keys: Any
    salt: int

    def undo(self, data: bytes, key: int) -> bytes:
        undone: bytes = self.keys.decrypt(data, key)
        return undone


def can_open() -> bool:
    return installed("autoit_ripper") is not None


def begin_of(data: bytes) -> int:
    """Where the compiled script begins; -1 for a program without."""
    found = BEGIN.search(data)
    return found.start() if found else -1


def open_script(data: bytes, haul: Haul) -> None:
    """Take the script and its files. Damage ends the records: each is found by the end of the record before."""
    utils = installed("autoit_ripper.utils")
    place = begin_of(data) + len(MARK)
    is_old = data.startswith(FORMS[0], place)
    start = place + len(FORMS[0])
    salt = sum(data[start : start + SALT_BYTES]) if is_old else 0
    form = Form(utils.EA05Decryptor() if is_old else utils.EA06Decryptor(), salt)
    for packed in _records(data[start + SALT_BYTES : start + MOST_BYTES], form):
        if haul.begin(packed.path, packed.size, len(packed.data)):
            try:
                content = _content(packed, form)
            except BROKEN as error:
                haul.fail(packed.path, packed.size, ValueError(f"{type(error).__name__}: {error}"))
            else:
                haul.take(packed.path, content, "autoit", acts=packed.kind in {TOKENS, UNICODE, PLAIN})


def _records(data: bytes, form: Form) -> Iterator[Packed]:
    keys = form.keys
    place = others = 0
    while form.undo(data[place : place + 4], keys.au3_ResType) == RECORD and others < MOST_OTHERS:
        kind, place = _text(data, place + 4, form, keys.au3_ResSubType)
        _, place = _text(data, place, form, keys.au3_ResName)
        if kind is None or place + RECORD_BYTES > len(data):
            return
        is_packed, stored, size, sum_ = struct.unpack_from("<BIII", data, place)
        stored, size = stored ^ keys.au3_ResSize, size ^ keys.au3_ResSize
        if kind == NO_FILE:
            others += 1
            place += 5 + stored + OTHER_BYTES
            continue
        place += RECORD_BYTES
        path = SCRIPT_NAME if kind in {TOKENS, UNICODE, PLAIN} else kind
        sum_ ^= keys.au3_ResCrcCompressed
        yield Packed(path, kind, is_packed == 1, size, sum_, data[place : place + stored])
        place += stored


def _text(data: bytes, place: int, form: Form, keys: tuple[int, int]) -> tuple[str | None, int]:
    """A text and the place behind it. None for a text that is none."""
    length = int.from_bytes(data[place : place + 4], "little") ^ keys[0]
    place += 4
    bytes_ = length * (2 if form.keys.au3_Unicode else 1)
    if not 0 < length <= MOST_NAME or place + bytes_ > len(data):
        return None, place
    undone = form.undo(data[place : place + bytes_], length + keys[1])
    return undone.decode("utf-16-le" if form.keys.au3_Unicode else "latin-1", "replace"), place + bytes_


def _content(packed: Packed, form: Form) -> bytes:
    """The content of a file. A script without its words is written in words again."""
    content = form.undo(packed.data, form.salt + form.keys.au3_ResContent)
    if zlib.adler32(content) != packed.sum:
        raise ValueError("the sum of the bytes is another")
    if packed.is_packed:
        unpacked = installed("autoit_ripper.decompress").decompress(
            installed("autoit_ripper.utils").ByteStream(content)
        )
        if unpacked is None:
            raise ValueError("packed by an unknown method")
        content = unpacked[: packed.size]
    if packed.kind == TOKENS:
        written: str = installed("autoit_ripper.opcodes").deassemble_script(content)
        return written.encode("utf-8", "replace")
    if packed.kind == UNICODE:
        return content.decode("utf-16", "replace").encode()
    return content
