"""Office documents: macros, remote templates, DDE and carried objects, found by names and relationships, never by running.

ZIP and compound files that are no documents are described by their entries alone.
"""

import mmap
import re
import zipfile
from functools import partial
from itertools import islice
from pathlib import Path

from samplebank.worker.analysers.static.parts import Parts
from samplebank.worker.analysers.static.programs import plain
from samplebank.worker.analysers.static.traits import Finding
from samplebank.worker.contract import JSON

MOST_ENTRIES, MOST_LISTED, MOST_PARTS, MOST_PART_BYTES = 100_000, 200, 50, 256 * 1024
MOST_DIRECTORY_BYTES = 16 * 1024 * 1024
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
REMOTE_TEMPLATE = (b"attachedTemplate", b'"External"', b"http")
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
DDE = re.compile(rb"\bDDE(?:AUTO)?\b")


def read_package(path: Path, _head: bytes, parts: Parts) -> tuple[dict[str, JSON], list[Finding]] | None:
    archive = parts.read("directory", lambda: zipfile.ZipFile(path))
    if archive is None:
        return None
    with archive:
        if path.stat().st_size - archive.start_dir > MOST_DIRECTORY_BYTES:
            return None
        return _read_archive(archive, parts)


def _read_archive(archive: zipfile.ZipFile, parts: Parts) -> tuple[dict[str, JSON], list[Finding]]:
    entries = archive.infolist()[:MOST_ENTRIES]
    names = [plain(entry.filename) for entry in entries]
    macros = [name for name in names if name.lower().endswith("vbaproject.bin")]
    objects = [name for name in names if "/embeddings/" in name.lower()]
    facts: dict[str, JSON] = {
        "entries": len(entries),
        "names": names[:MOST_LISTED],
        "unpackedSize": sum(entry.file_size for entry in entries),
        "isEncrypted": any(entry.flag_bits & 1 for entry in entries),
        "isOfficeDocument": "[content_types].xml" in {name.lower() for name in names},
        "macros": macros[:MOST_LISTED],
        "embeddedObjects": objects[:MOST_LISTED],
        "executables": [name for name in names if name.lower().endswith(EXECUTABLE_SUFFIXES)][:MOST_LISTED],
    }
    findings = [Finding("office-macros", name) for name in macros[:1]]
    findings += [Finding("office-embedded-object", name) for name in objects[:1]]
    if facts["isOfficeDocument"]:
        findings += _part_findings(archive, entries, parts)
    return facts, findings


def _part_findings(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], parts: Parts) -> list[Finding]:
    findings = []
    read = (
        one
        for one in entries
        if one.filename.lower().endswith((".rels", "document.xml")) and not one.flag_bits & 1
    )
    for part in islice(read, MOST_PARTS):
        content = parts.read(plain(part.filename), partial(_content, archive, part)) or b""
        findings += [
            Finding("office-remote-template", relationship.decode("latin-1")[:300])
            for relationship in RELATIONSHIP.findall(content)
            if all(mark in relationship for mark in REMOTE_TEMPLATE)
        ]
        if b"instrText" in content and DDE.search(content):
            findings.append(Finding("office-dde", plain(part.filename)))
    return findings


def _content(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> bytes:
    with archive.open(part) as file:
        return file.read(MOST_PART_BYTES)


def read_compound_file(path: Path, _head: bytes, _parts: Parts) -> tuple[dict[str, JSON], list[Finding]]:
    """Look for the names that compound files give their streams, which are UTF-16, wherever the file has its directory."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as head:
        present = _streams(head)
    facts: dict[str, JSON] = {"streams": [name for name, is_present in present.items() if is_present]}
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
