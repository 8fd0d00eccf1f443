"""Office documents: macros, remote templates, DDE and carried objects, found by names and relationships, never by running.

ZIP and compound files that are no documents are described by their entries alone.
"""

import re
import zipfile
import zlib
from itertools import islice
from pathlib import Path

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
DDE = re.compile(rb"\bDDE(?:AUTO)?\b")


def read_package(path: Path, _head: bytes) -> tuple[dict[str, JSON], list[Finding]] | None:
    try:
        with zipfile.ZipFile(path) as archive:
            if path.stat().st_size - archive.start_dir > MOST_DIRECTORY_BYTES:
                return None
            return _read_archive(archive)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, zlib.error):
        return None


def _read_archive(archive: zipfile.ZipFile) -> tuple[dict[str, JSON], list[Finding]]:
    entries = archive.infolist()[:MOST_ENTRIES]
    names = [entry.filename for entry in entries]
    macros = [name for name in names if name.lower().endswith("vbaproject.bin")]
    objects = [name for name in names if "/embeddings/" in name.lower()]
    facts: dict[str, JSON] = {
        "entries": len(entries),
        "names": names[:MOST_LISTED],
        "unpackedSize": sum(entry.file_size for entry in entries),
        "isEncrypted": any(entry.flag_bits & 1 for entry in entries),
        "isOfficeDocument": "[Content_Types].xml" in names,
        "macros": macros[:MOST_LISTED],
        "embeddedObjects": objects[:MOST_LISTED],
        "executables": [name for name in names if name.lower().endswith(EXECUTABLE_SUFFIXES)][:MOST_LISTED],
    }
    findings = [Finding("office-macros", name) for name in macros[:1]]
    findings += [Finding("office-embedded-object", name) for name in objects[:1]]
    if facts["isOfficeDocument"]:
        findings += _part_findings(archive, entries)
    return facts, findings


def _part_findings(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> list[Finding]:
    findings = []
    parts = (
        one for one in entries if one.filename.endswith((".rels", "document.xml")) and not one.flag_bits & 1
    )
    for part in islice(parts, MOST_PARTS):
        with archive.open(part) as file:
            content = file.read(MOST_PART_BYTES)
        findings += [
            Finding("office-remote-template", relationship.decode("latin-1")[:300])
            for relationship in RELATIONSHIP.findall(content)
            if all(mark in relationship for mark in REMOTE_TEMPLATE)
        ]
        if b"instrText" in content and DDE.search(content):
            findings.append(Finding("office-dde", part.filename))
    return findings


def read_compound_file(_path: Path, head: bytes) -> tuple[dict[str, JSON], list[Finding]]:
    """Look for the names that compound files give their streams, which are UTF-16."""
    present = {
        "macros": _stream_name("_VBA_PROJECT") in head,
        "equation": _stream_name("Equation Native") in head,
        "embeddedObject": _stream_name("\x01Ole10Native") in head,
        "word": _stream_name("WordDocument") in head,
        "workbook": _stream_name("Workbook") in head,
        "presentation": _stream_name("PowerPoint Document") in head,
        "encryptedPackage": _stream_name("EncryptedPackage") in head,
        "message": _stream_name("__properties_version1.0") in head,
    }
    facts: dict[str, JSON] = {"streams": [name for name, is_present in present.items() if is_present]}
    findings = []
    if present["macros"]:
        findings.append(Finding("office-macros", "_VBA_PROJECT"))
    if present["equation"] or present["embeddedObject"]:
        findings.append(Finding("office-embedded-object"))
    return facts, findings


def _stream_name(name: str) -> bytes:
    return name.encode("utf-16-le")
