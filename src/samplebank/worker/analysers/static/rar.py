"""RAR archives of version 4 and 5: the entries, and which entries have a password.

Sources: the technical note of RAR 4 (technote.txt) and the description of the RAR 5.0 archive format, both by the makers of RAR.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from samplebank.worker.analysers.static.containers import MOST_ENTRIES, Container, Entry

MARK_4, MARK_5 = b"Rar!\x1a\x07\x00", b"Rar!\x1a\x07\x01\x00"
MOST_HEADER_BYTES = 2 * 1024 * 1024

BLOCK_4 = struct.Struct("<HBHH")
MAIN_4, FILE_4, END_4 = 0x73, 0x74, 0x7B
HAS_DATA_4, ENCRYPTED_HEADERS_4, PASSWORD_4, LARGE_4, UTF_16_4 = 0x8000, 0x80, 0x04, 0x100, 0x200
NAME_SIZE_4, LARGE_NAME_4, NAME_4 = 26, 40, 32

FILE_5, ENCRYPTION_5, END_5 = 2, 4, 5
HAS_EXTRA_5, HAS_DATA_5 = 1, 2
HAS_TIME_5, HAS_CHECKSUM_5 = 2, 4
ENCRYPTION_RECORD_5 = 1
VINT_BYTES = 10


def read(file: BinaryIO) -> Container:
    """Read the entries. Raises ValueError or struct.error where the first headers make no sense."""
    mark = file.read(len(MARK_5))
    if mark == MARK_5:
        return _container(_entries_5(file))
    file.seek(len(MARK_4))
    return _container(_entries_4(file))


def _container(found: Iterator[Entry | None]) -> Container:
    """Collect entries. `None` among `found` says that all further headers are encrypted."""
    entries: list[Entry] = []
    for entry in found:
        if entry is None:
            return Container(entries, hides_names=True)
        entries.append(entry)
        if len(entries) >= MOST_ENTRIES:
            break
    return Container(entries)


def _entries_4(file: BinaryIO) -> Iterator[Entry | None]:
    for _ in range(MOST_ENTRIES):
        block = file.read(BLOCK_4.size)
        if len(block) < BLOCK_4.size:
            return
        _, kind, flags, size = BLOCK_4.unpack(block)
        header = block + file.read(max(size - BLOCK_4.size, 0))
        if kind == END_4 or size < BLOCK_4.size:
            return
        if kind == MAIN_4 and flags & ENCRYPTED_HEADERS_4:
            yield None
            return
        data = int.from_bytes(header[7:11], "little") if flags & HAS_DATA_4 or kind == FILE_4 else 0
        if kind == FILE_4:
            if flags & LARGE_4:
                data |= int.from_bytes(header[32:36], "little") << 32
            yield Entry(_name_4(header, flags), bool(flags & PASSWORD_4))
        file.seek(min(data, 1 << 62), 1)


def _name_4(header: bytes, flags: int) -> str:
    start = LARGE_NAME_4 if flags & LARGE_4 else NAME_4
    size = int.from_bytes(header[NAME_SIZE_4 : NAME_SIZE_4 + 2], "little")
    # after a zero byte follows the UTF-16 spelling of the name
    name = header[start : start + size].split(b"\0")[0]
    return _text(name, "cp437" if flags & UTF_16_4 and b"\0" in header[start : start + size] else "utf-8")


def _text(name: bytes, encoding: str) -> str:
    return name.decode(encoding, errors="replace").replace("\\", "/")


def _entries_5(file: BinaryIO) -> Iterator[Entry | None]:
    for _ in range(MOST_ENTRIES):
        place = file.tell() + 4
        file.seek(place)
        size, width = _vint(file.read(VINT_BYTES), 0)
        file.seek(place + width)
        if not 0 < size <= MOST_HEADER_BYTES:
            return
        header = file.read(size)
        kind, at = _vint(header, 0)
        flags, at = _vint(header, at)
        extra, at = _vint(header, at) if flags & HAS_EXTRA_5 else (0, at)
        data, at = _vint(header, at) if flags & HAS_DATA_5 else (0, at)
        if kind == ENCRYPTION_5:
            yield None
            return
        if kind == END_5:
            return
        if kind == FILE_5:
            yield Entry(_name_5(header, at), _has_password_5(header[len(header) - extra :] if extra else b""))
        file.seek(min(data, 1 << 62), 1)


def _name_5(header: bytes, at: int) -> str:
    flags, at = _vint(header, at)
    _, at = _vint(header, at)
    _, at = _vint(header, at)
    at += 4 * bool(flags & HAS_TIME_5) + 4 * bool(flags & HAS_CHECKSUM_5)
    _, at = _vint(header, at)
    _, at = _vint(header, at)
    size, at = _vint(header, at)
    return _text(header[at : at + size], "utf-8")


def _has_password_5(extra: bytes) -> bool:
    at = 0
    while at < len(extra):
        size, start = _vint(extra, at)
        kind, _ = _vint(extra, start)
        if kind == ENCRYPTION_RECORD_5:
            return True
        at = start + max(size, 1)
    return False


def _vint(content: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and the place after the number."""
    value = 0
    for place, byte in enumerate(content[at : at + VINT_BYTES]):
        value |= (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            return value, at + place + 1
    raise ValueError("a number without an end")
