"""Describes archives without opening an entry: the entries that an archive claims, and which entries have a password."""

import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from samplebank.worker.analysers.static import rar, sevenzip
from samplebank.worker.analysers.static.containers import MOST_ENTRIES, Container, Entry
from samplebank.worker.analysers.static.parts import Parts
from samplebank.worker.analysers.static.traits import Finding
from samplebank.worker.contract import JSON

ARJ_MARK = b"\x60\xea"
ARJ_FLAGS, ARJ_PACKED, ARJ_NAME_FROM, GARBLED = 4, 12, 0, 0x01
ACE_HEADER = struct.Struct("<BHI")
ACE_FILE, ACE_HAS_DATA, ACE_PASSWORD, ACE_NAME = 1, 0x0001, 0x4000, 31
GZIP_HEADER_BYTES, GZIP_HAS_EXTRA, GZIP_HAS_NAME = 10, 4, 8
MOST_NAME_BYTES = 4096

#: how files begin that are encrypted as a whole, or except for the address of the recipient
SEALED: tuple[tuple[bytes, str], ...] = (
    (b"Salted__", "openssl"),
    (b"-----BEGIN PGP MESSAGE-----", "pgp"),
    (b"age-encryption.org/v1\n", "age"),
    (b"-----BEGIN AGE ENCRYPTED FILE-----", "age"),
    (b"LUKS\xba\xbe", "luks"),
    (b"\xeb\x58\x90-FVE-FS-", "bitlocker"),
    (b"\xeb\x52\x90-FVE-FS-", "bitlocker"),
    (b"encrcdsa", "dmg"),
    (b"cdsaencr", "dmg"),
    (b"AES\x01", "aescrypt"),
    (b"AES\x02", "aescrypt"),
    (b"\x03\xd9\xa2\x9a", "keepass"),
    (b"\x76\xe8\x04\x60\xc4\x11\xe3\x86", "rpmsg"),
    (b"-----BEGIN ENCRYPTED PRIVATE KEY-----", "key"),
    (b"$ANSIBLE_VAULT;", "ansible"),
    (b"\0GITCRYPT\0", "gitcrypt"),
)

Facts = dict[str, JSON]


def reader_of(kind: str) -> Callable[[Path, bytes, Parts], tuple[Facts, list[Finding]] | None] | None:
    """The reader for archives of `kind`, a type of the classifier; None where no reader knows the type."""
    describe = KINDS.get(kind)
    if describe is None:
        return None

    def read(path: Path, _head: bytes, parts: Parts) -> tuple[Facts, list[Finding]]:
        with path.open("rb") as file:
            container = parts.read("directory", lambda: describe(file)) or Container()
        return container.facts(kind), []

    return read


def sealed_kind(head: bytes) -> str | None:
    """The kind of a file that is encrypted as a whole; None for any other file."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    return next((kind for mark, kind in SEALED if head.startswith(mark) or text.startswith(mark)), None)


def _read_arj(file: BinaryIO) -> Container:
    entries: list[Entry] = []
    is_main = True
    while len(entries) < MOST_ENTRIES and file.read(2) == ARJ_MARK:
        header = file.read(int.from_bytes(file.read(2), "little"))
        if not header:
            break
        file.seek(4, 1)
        while size := int.from_bytes(file.read(2), "little"):
            file.seek(size + 4, 1)
        garbled = bool(header[ARJ_FLAGS] & GARBLED)
        name = header[header[ARJ_NAME_FROM] :].split(b"\0")[0].decode("cp437")
        if not is_main:
            entries.append(Entry(name, garbled))
            file.seek(int.from_bytes(header[ARJ_PACKED : ARJ_PACKED + 4], "little"), 1)
        is_main = False
    return Container(entries)


def _read_ace(file: BinaryIO) -> Container:
    entries: list[Entry] = []
    for _ in range(MOST_ENTRIES):
        size = int.from_bytes(file.read(4)[2:], "little")
        header = file.read(size)
        if len(header) < ACE_HEADER.size:
            break
        kind, flags, data = ACE_HEADER.unpack_from(header)
        if kind == ACE_FILE:
            length = int.from_bytes(header[ACE_NAME - 2 : ACE_NAME], "little")
            name = header[ACE_NAME : ACE_NAME + length].decode("cp437")
            entries.append(Entry(name, bool(flags & ACE_PASSWORD)))
        if flags & ACE_HAS_DATA:
            file.seek(data, 1)
    return Container(entries)


def _read_gzip(file: BinaryIO) -> Container:
    header = file.read(GZIP_HEADER_BYTES)
    if header[3] & GZIP_HAS_EXTRA:
        file.seek(int.from_bytes(file.read(2), "little"), 1)
    name = file.read(MOST_NAME_BYTES).split(b"\0")[0] if header[3] & GZIP_HAS_NAME else b""
    return Container([Entry(name.decode("latin-1"))] if name else [])


KINDS: Mapping[str, Callable[[BinaryIO], Container]] = {
    "sevenzip": sevenzip.read,
    "rar": rar.read,
    "arj": _read_arj,
    "ace": _read_ace,
    "gzip": _read_gzip,
}
