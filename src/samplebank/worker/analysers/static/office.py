"""Office documents: finds macros, remote templates, DDE and embedded objects by names and relationships, never by running.

Of ZIP and compound files that are no documents, only the entries are described.
"""

import mmap
import re
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from samplebank.identification import compound_file
from samplebank.identification.zip_directory import (
    ENCRYPTION_BITS,
    Directory,
    Entry,
    read_content,
    read_directory,
)
from samplebank.worker.analysers.static.parts import Parts
from samplebank.worker.analysers.static.programs import plain
from samplebank.worker.analysers.static.traits import Finding
from samplebank.worker.contract import JSON

MOST_LISTED, MOST_PARTS, MOST_PART_BYTES = 200, 50, 256 * 1024
EXECUTABLE_SUFFIXES = (
    ".exe",
    ".dll",
    ".scr",
    ".js",
    ".jse",
    ".vbs",
    ".vbe",
    ".hta",
    ".lnk",
    ".ps1",
    ".bat",
    ".cmd",
)
RELATIONSHIP = re.compile(rb"<Relationship [^>]{0,2000}>")
TEMPLATE, TARGET = (b"attachedTemplate", b'"External"'), re.compile(rb"""\bTarget\s*=\s*["']([^"']*)""")
STREAMS = {
    "macros": "_VBA_PROJECT",
    "equation": "Equation Native",
    "embeddedObject": "\x01Ole10Native",
    "word": "WordDocument",
    "workbook": "Workbook",
    "presentation": "PowerPoint Document",
    "encryptedPackage": "EncryptedPackage",
    "message": "__properties_version1.0",
}
#: OpenDocument 1.3 part 2, 4.4: the manifest entry of an encrypted file, and the encryption data that follow
ENCRYPTED_PART = re.compile(
    rb"""full-path=["']([^"'<>]{0,300})["'][^<>]{0,2000}>\s{0,100}<(?:\w{1,20}:)?encryption-data\b"""
)
#: EPUB 3.3, 4.2.6.3.2: fonts may be masked, and masking is no encryption
CIPHER, CIPHERED_PART = (
    re.compile(rb"#(?:aes|tripledes|kw-)"),
    re.compile(rb"""\bURI=["']([^"'<>#]{1,300})"""),
)
DDE = re.compile(rb"\bDDE(?:AUTO)?\b")


def read_package(path: Path, _head: bytes, parts: Parts) -> tuple[dict[str, JSON], list[Finding]] | None:
    with path.open("rb") as file:
        directory = parts.read("directory", lambda: read_directory(file))
        if directory is None or not directory.entries:
            return None
        return _read_archive(_Package(file, directory, parts))


class _Package:
    def __init__(self, file: BinaryIO, directory: Directory, parts: Parts) -> None:
        self.entries = directory.entries
        self._file, self._directory, self._parts = file, directory, parts

    def content(self, entry: Entry) -> bytes:
        """The beginning of a part; empty where the part is damaged or encrypted."""
        read = partial(read_content, self._file, self._directory, entry, MOST_PART_BYTES)
        return b"" if entry.flags & ENCRYPTION_BITS else self._parts.read(plain(entry.name), read) or b""

    def named(self, *names: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.name.lower() in names]


def _read_archive(package: _Package) -> tuple[dict[str, JSON], list[Finding]]:
    entries = package.entries
    names = [plain(entry.name) for entry in entries]
    encrypted = _encrypted_names(package)
    macros = [name for name in names if name.lower().endswith("vbaproject.bin")]
    objects = [name for name in names if "/embeddings/" in name.lower()]
    facts: dict[str, JSON] = {
        "entries": len(entries),
        "names": names[:MOST_LISTED],
        "unpackedSize": sum(entry.size for entry in entries),
        "isEncrypted": bool(encrypted),
        "encryptedEntries": encrypted[:MOST_LISTED],
        "isOfficeDocument": bool(package.named("[content_types].xml")),
        "macros": macros[:MOST_LISTED],
        "embeddedObjects": objects[:MOST_LISTED],
        "executables": [name for name in names if name.lower().endswith(EXECUTABLE_SUFFIXES)][:MOST_LISTED],
    }
    findings = [Finding("office-macros", name) for name in macros[:1]]
    findings += [Finding("office-embedded-object", name) for name in objects[:1]]
    if facts["isOfficeDocument"]:
        findings += _part_findings(package)
    return facts, findings


def _encrypted_names(package: _Package) -> list[str]:
    """The names of entries that the archive has encrypted, or else the document inside.

    A document lists its encrypted parts in a part made for the purpose.
    """
    encrypted = [plain(entry.name) for entry in package.entries if entry.is_encrypted]
    if encrypted:
        return encrypted
    for part in package.named("meta-inf/manifest.xml")[:MOST_PARTS]:
        encrypted += map(plain, ENCRYPTED_PART.findall(package.content(part)))
    for part in package.named("meta-inf/encryption.xml")[:MOST_PARTS]:
        content = package.content(part)
        encrypted += map(plain, CIPHERED_PART.findall(content) if CIPHER.search(content) else [])
    return encrypted + [plain(entry.name) for entry in package.named(".iwpv2")]


def _part_findings(package: _Package) -> list[Finding]:
    findings = []
    read = (one for one in package.entries if one.name.lower().endswith((".rels", "document.xml")))
    for part in islice(read, MOST_PARTS):
        content = package.content(part)
        findings += [
            Finding("office-remote-template", relationship.decode("latin-1")[:300])
            for relationship in RELATIONSHIP.findall(content)
            if _is_remote_template(relationship)
        ]
        if b"instrText" in content and DDE.search(content):
            findings.append(Finding("office-dde", plain(part.name)))
    return findings


def _is_remote_template(relationship: bytes) -> bool:
    """Whether the template comes from a server. The type of each relationship is an address, too, and so does not count."""
    target = TARGET.search(relationship)
    return (
        all(mark in relationship for mark in TEMPLATE) and target is not None and b"http" in target[1].lower()
    )


def read_compound_file(path: Path, _head: bytes, _parts: Parts) -> tuple[dict[str, JSON], list[Finding]]:
    """Find streams by searching the whole file for their names in UTF-16, wherever the directory is."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as head:
        present = _streams(head)
        is_encrypted = compound_file.is_encrypted(head)
    facts: dict[str, JSON] = {
        "streams": [name for name, is_present in present.items() if is_present],
        "isEncrypted": is_encrypted,
    }
    findings = []
    if present["macros"]:
        findings.append(Finding("office-macros", "_VBA_PROJECT"))
    if present["equation"] or present["embeddedObject"]:
        findings.append(Finding("office-embedded-object"))
    return facts, findings


def _streams(content: mmap.mmap) -> dict[str, bool]:
    return {label: content.find(_stream_name(name)) >= 0 for label, name in STREAMS.items()}


def _stream_name(name: str) -> bytes:
    return name.encode("utf-16-le")
