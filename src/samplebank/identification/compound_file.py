r"""Finds streams of OLE compound files by their directory entries. Runs inside sandbox children only.

Sources: MS-CFB 2.6 (directory entries), MS-OFFCRYPTO 2.3.4.4 (\EncryptedPackage), MS-DOC 2.5.1 (fEncrypted), MS-XLS 2.4.117 (FilePass),
MS-PPT 2.3.2 (the token of the current user).
"""

import mmap
import struct

Content = bytes | mmap.mmap

NAME_BYTES = 64
SECTOR_SHIFT, START_SECTOR = 30, 116
LEAST_SHIFT, MOST_SHIFT = 9, 12

#: where an entry has its class, and the class of an installer
CLASS, INSTALLER = 80, bytes.fromhex("84100c0000000000c000000000000046")

WORD_MARK, WORD_FLAGS, WORD_ENCRYPTED = b"\xec\xa5", 10, 0x0100
RECORD = struct.Struct("<HH")
FILE_PASS, MOST_RECORDS = 0x2F, 20
ENCRYPTED_SLIDES = b"\x14\0\0\0\xdf\xc4\xd1\xf3"


def find_stream(content: Content, name: str) -> int:
    """The place of the directory entry of the stream; -1 where no entry has the name."""
    # The name of an entry is padded with zeros. The same words in a text are not padded.
    wanted, place = name.encode("utf-16-le").ljust(NAME_BYTES, b"\0"), content.find(name.encode("utf-16-le"))
    return content.find(wanted, place) if place >= 0 else -1


def is_encrypted_package(content: Content) -> bool:
    """Whether the file is a document of the new Office format with a password: Office wraps the document in a compound file."""
    return find_stream(content, "EncryptedPackage") >= 0


def is_installer(content: Content) -> bool:
    """Whether the file is an installer of Windows, by the class of its root."""
    root = find_stream(content, "Root Entry")
    return root >= 0 and content[root + CLASS : root + CLASS + len(INSTALLER)] == INSTALLER


def is_encrypted(content: Content) -> bool:
    """Whether the document of any Office format in the file has a password."""
    return (
        is_encrypted_package(content)
        or _is_encrypted_text(_beginning(content, "WordDocument"))
        or any(_is_encrypted_workbook(_beginning(content, name)) for name in ("Workbook", "Book"))
        or content.find(ENCRYPTED_SLIDES) >= 0
    )


def _beginning(content: Content, name: str) -> bytes:
    """The first sector of a stream."""
    entry = find_stream(content, name)
    if entry < 0:
        return b""
    shift = int.from_bytes(content[SECTOR_SHIFT : SECTOR_SHIFT + 2], "little")
    sector_bytes = 1 << min(max(shift, LEAST_SHIFT), MOST_SHIFT)
    start = int.from_bytes(content[entry + START_SECTOR : entry + START_SECTOR + 4], "little")
    place = (start + 1) * sector_bytes
    return content[place : place + sector_bytes]


def _is_encrypted_text(beginning: bytes) -> bool:
    flags = int.from_bytes(beginning[WORD_FLAGS : WORD_FLAGS + 2], "little")
    return beginning.startswith(WORD_MARK) and bool(flags & WORD_ENCRYPTED)


def _is_encrypted_workbook(beginning: bytes) -> bool:
    place = 0
    for _ in range(MOST_RECORDS):
        if len(beginning) - place < RECORD.size:
            return False
        kind, size = RECORD.unpack_from(beginning, place)
        if kind == FILE_PASS:
            return True
        place += RECORD.size + size
    return False
