"""Facts of programs and shortcuts of Windows."""

import hashlib
import struct
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final
from uuid import UUID

import lief

from samplebank.worker.analysers.static.facts.bytes import Told, code_of, sha256
from samplebank.worker.contract import Fact, FactKind

#: what the static analysis tells under the same name
TOLD: Final[tuple[FactKind, ...]] = ("imphash", "authentihash", "pdb")
#: what a program says of itself, in the order of the digest, and how much of that a digest needs
SAID: Final = ("CompanyName", "FileDescription", "InternalName", "OriginalFilename", "ProductName")
FEWEST_SAID: Final = 3
MOST_ICONS, MOST_SIGNATURES, MOST_CERTIFICATES = 100, 5, 10
#: LIEF holds copies of a file in memory
MOST_PARSED: Final = 256 * 1024 * 1024
#: where the file says where its headers begin, and how far the headers may begin
HEADERS_AT, MOST_STUB = 0x3C, 0x1000
#: where a Rich header begins at the earliest: before, there is the program for DOS
BEHIND_STUB: Final = 0x80
STREAMS_AT: Final = 16
#: how the metadata of .NET begin
METADATA: Final = b"BSJB"
#: the begin of the block of a shortcut about the machine that made the shortcut
TRACKER: Final = struct.pack("<II", 0x60, 0xA0000003)
MOST_SHORTCUT: Final = 1024 * 1024
BY_TIME: Final = 1
#: a width or height of 256 is written as 0
LARGEST_ICON: Final = 256


def program(told: Told) -> Iterator[Fact]:
    facts = told.of("pe")
    for kind in TOLD:
        if value := facts.get(kind):
            yield Fact(kind, value)
    yield from code_of(told, "pe")
    yield from _version(facts)
    yield from told.parts.some("rich header", lambda: list(_rich_hash(told)))
    binary = told.parts.read("headers", lambda: _parsed(told)) if _has_more(told) else None
    if binary is not None:
        yield from told.parts.some("icons", lambda: list(_icon(binary)))
        yield from told.parts.some("certificates", lambda: list(_certificates(binary)))
        yield from told.parts.some("metadata", lambda: list(_mvid(told, binary)))


def _version(facts: dict[str, Any]) -> Iterator[Fact]:
    """The digest of what the program says of itself, without the numbers of versions: the same in each release."""
    said = (facts.get("version") or {}).get("strings", {})
    values = [str(said.get(name, "")).strip() for name in SAID]
    if sum(map(bool, values)) >= FEWEST_SAID:
        yield Fact("version-info", sha256("\0".join(values).encode()))


def _has_more(told: Told) -> bool:
    """Whether there may be an icon, a signature or metadata of .NET: most libraries have none of these."""
    facts = told.of("pe")
    is_whole = "damagedParts" not in told.result
    return not is_whole or bool(facts.get("icon") or facts.get("signature")) or told.data.find(METADATA) >= 0


def _parsed(told: Told) -> lief.PE.Binary | None:
    """Parse what the facts need, and no more: resources and signatures."""
    if len(told.data) > MOST_PARSED:
        return None
    config = lief.PE.ParserConfig()
    config.parse_imports = config.parse_exports = config.parse_reloc = config.parse_exceptions = False
    return lief.PE.parse(str(told.path), config)


def _rich_hash(told: Told) -> Iterator[Fact]:
    """The MD5 of the deciphered Rich header, from "DanS" to before "Rich"."""
    (headers,) = struct.unpack_from("<I", told.data, HEADERS_AT)
    stub = told.data[: min(headers, MOST_STUB)]
    end = stub.find(b"Rich", BEHIND_STUB)
    key = stub[end + 4 : end + 8]
    if end < 0 or len(key) < len(b"DanS"):
        return
    start = stub.rfind(_deciphered(b"DanS", key), 0, end)
    if start >= 0:
        clear = _deciphered(stub[start:end], key)
        yield Fact("rich-hash", hashlib.md5(clear, usedforsecurity=False).hexdigest())


def _deciphered(data: bytes, key: bytes) -> bytes:
    return bytes(byte ^ key[place % len(key)] for place, byte in enumerate(data))


def _icon(binary: lief.PE.Binary) -> Iterator[Fact]:
    """The digest of the largest icon."""
    if not binary.has_resources:
        return
    resources = binary.resources_manager
    if isinstance(resources, lief.lief_errors) or not resources.has_icons:
        return
    icons = islice(resources.icons, MOST_ICONS)
    sized = [
        ((one.width or LARGEST_ICON) * (one.height or LARGEST_ICON), one.bit_count, bytes(one.pixels))
        for one in icons
    ]
    if sized and (largest := max(sized)[2]):
        yield Fact("icon", sha256(largest))


def _certificates(binary: lief.PE.Binary) -> Iterator[Fact]:
    """The digests of the certificates of those who signed, without the certificates above these."""
    found: dict[str, None] = {}
    for signature in islice(binary.signatures, MOST_SIGNATURES):
        signers = {bytes(signer.serial_number) for signer in islice(signature.signers, MOST_CERTIFICATES)}
        for certificate in signature.certificates:
            if bytes(certificate.serial_number) in signers:
                found[sha256(bytes(certificate.raw))] = None
    for digest in list(found)[:MOST_CERTIFICATES]:
        yield Fact("certificate", digest)


def _mvid(told: Told, binary: lief.PE.Binary) -> Iterator[Fact]:
    """The first GUID of the metadata of .NET, which names the build."""
    directory = binary.data_directory(lief.PE.DataDirectory.TYPES.CLR_RUNTIME_HEADER)
    root = told.data.find(METADATA) if directory is not None and directory.rva else -1
    if root < 0:
        return
    (version_bytes,) = struct.unpack_from("<I", told.data, root + 12)
    place = root + STREAMS_AT + version_bytes
    (number,) = struct.unpack_from("<H", told.data, place + 2)
    place += 4
    for _ in range(min(number, 16)):
        offset, size = struct.unpack_from("<II", told.data, place)
        name = told.data[place + 8 : place + 40].split(b"\0", 1)[0]
        if name == b"#GUID" and size >= STREAMS_AT:
            yield Fact("dotnet-mvid", str(UUID(bytes_le=told.data[root + offset : root + offset + 16])))
            return
        place += 8 + (len(name) // 4 + 1) * 4


def shortcut(told: Told) -> Iterator[Fact]:
    """The machine that made a shortcut, and the address of its network card."""
    data = told.data[:MOST_SHORTCUT]
    place = data.find(TRACKER)
    block = data[place : place + 0x60]
    if place < 0 or len(block) < 0x60:  # noqa: PLR2004 the size that the block begins with
        return
    machine = block[16:32].split(b"\0", 1)[0].decode("ascii").strip().lower()
    if machine:
        yield Fact("lnk-machine", machine)
    droid = UUID(bytes_le=block[48:64])
    if droid.version == BY_TIME:
        yield Fact("lnk-mac", ":".join(f"{byte:02x}" for byte in droid.bytes[10:]))
