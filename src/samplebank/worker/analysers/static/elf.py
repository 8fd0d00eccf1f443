"""Programs of Linux and other Unix systems."""

from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import lief

from samplebank.identification.lief_values import name_of
from samplebank.worker.analysers.static.measures import Budget, entropy
from samplebank.worker.analysers.static.parts import Parts
from samplebank.worker.analysers.static.programs import (
    CODE_ENTROPY,
    DENSE,
    FEWEST_CODE_BYTES,
    MOST_LIBRARIES,
    MOST_SECTIONS,
    in_file,
    names,
    overlay_facts,
    overlay_findings,
    plain,
    rights,
    section_facts,
    section_findings,
    sections_of,
    text_of,
)
from samplebank.worker.analysers.static.traits import Finding
from samplebank.worker.contract import JSON

SECTION_RIGHTS, SEGMENT_RIGHTS = lief.ELF.Section.FLAGS, lief.ELF.Segment.FLAGS
NOTES, TAGS, MOST_NOTES = lief.ELF.Note.TYPE, lief.ELF.DynamicEntry.TAG, 100
SEGMENTS = lief.ELF.Segment.TYPE
UPX_MARKER, UPX_MARKER_WITHIN = b"UPX!", 4096


def read(path: Path, head: bytes, parts: Parts) -> tuple[dict[str, JSON], list[Finding]] | None:
    binary = parts.read("headers", lambda: lief.ELF.parse(str(path)))
    if binary is None:
        return None
    arch = name_of(binary.header.machine_type).lower()
    budget = Budget(path.stat().st_size)
    listed = sections_of(parts, lambda: binary.sections, partial(_section, budget))
    sections = [one for one in listed if one["name"]]
    segments = parts.some("segments", lambda: list(map(_segment, islice(binary.segments, MOST_SECTIONS))))
    overlay = parts.read("overlay", lambda: _overlay(binary))
    facts: dict[str, JSON] = {
        "arch": arch,
        "fileType": name_of(binary.header.file_type).lower(),
        "entryPoint": binary.header.entrypoint,
        "interpreter": text_of(lambda: binary.interpreter) if binary.has_interpreter else None,
        "isPie": binary.is_pie,
        "sections": sections,
        "segments": list(segments),
        "libraries": parts.some(
            "libraries", lambda: [plain(library) for library in islice(binary.libraries, MOST_LIBRARIES)]
        ),
        "imports": [{"library": "", "functions": names(parts, "imports", lambda: binary.imported_symbols)}],
        "exports": names(parts, "exports", lambda: binary.exported_symbols),
        **origin_facts(binary, parts),
        "overlay": overlay,
    }
    findings = [
        *section_findings(sections, arch),
        *overlay_findings(overlay),
        *([] if arch in DENSE else parts.some("segments", lambda: _segment_findings(binary, segments))),
    ]
    if UPX_MARKER in head[:UPX_MARKER_WITHIN]:
        findings.append(Finding("packer-section", "UPX"))
    if not sections:
        findings.append(Finding("no-section-headers"))
    return facts, findings


def origin_facts(binary: lief.ELF.Binary, parts: Parts) -> dict[str, JSON]:
    """What ties a program to its build: the build ids of GNU and Go, and the paths where it looks for libraries."""
    notes = parts.some("notes", lambda: list(islice(binary.notes, MOST_NOTES)))
    ids = {note.type: note for note in notes}
    return {
        "buildId": parts.read("notes", lambda: bytes(ids[NOTES.GNU_BUILD_ID].description).hex())
        if NOTES.GNU_BUILD_ID in ids
        else None,
        "goBuildId": parts.read("notes", lambda: plain(bytes(ids[NOTES.GO_BUILDID].description)))
        if NOTES.GO_BUILDID in ids
        else None,
        "rpath": parts.read("rpath", lambda: _tagged(binary, TAGS.RPATH, "rpath")),
        "runpath": parts.read("rpath", lambda: _tagged(binary, TAGS.RUNPATH, "runpath")),
    }


def _tagged(binary: lief.ELF.Binary, tag: lief.ELF.DynamicEntry.TAG, name: str) -> str | None:
    entry = binary.get(tag)
    return plain(getattr(entry, name)) if entry is not None else None


def _overlay(binary: lief.ELF.Binary) -> dict[str, JSON] | None:
    return overlay_facts(binary.overlay, binary.eof_offset) if binary.has_overlay else None


def _section(budget: Budget, section: lief.ELF.Section) -> dict[str, JSON]:
    allowed = rights(
        readable=section.has(SECTION_RIGHTS.ALLOC),
        writable=section.has(SECTION_RIGHTS.WRITE),
        executable=section.has(SECTION_RIGHTS.EXECINSTR),
    )
    # A NOBITS section has no bytes in the file to measure. Files with debug information only are full of such sections.
    has_bytes = section.type != lief.ELF.Section.TYPE.NOBITS
    name = text_of(lambda: section.name)
    if not has_bytes:
        return {"name": name, "size": section.size, "entropy": 0.0, "rights": allowed}
    facts = section_facts(name, section, budget, allowed)
    return facts | in_file(section.file_offset)


def _segment(segment: lief.ELF.Segment) -> dict[str, JSON]:
    allowed = rights(
        readable=segment.has(SEGMENT_RIGHTS.R),
        writable=segment.has(SEGMENT_RIGHTS.W),
        executable=segment.has(SEGMENT_RIGHTS.X),
    )
    return {"type": name_of(segment.type).lower(), "size": segment.physical_size, "rights": allowed}


def _segment_findings(binary: lief.ELF.Binary, segments: Sequence[dict[str, JSON]]) -> list[Finding]:
    findings = [
        Finding("writable-code", f"{segment['type']} segment")
        for segment in segments
        if segment["rights"].endswith("wx") and segment["type"] == "load"
    ]
    findings += [
        Finding("executable-stack")
        for segment in segments
        if segment["rights"].endswith("x") and segment["type"] == "gnu_stack"
    ]
    for segment in islice(binary.segments, MOST_SECTIONS):
        is_code = segment.type == SEGMENTS.LOAD and segment.has(SEGMENT_RIGHTS.X)
        if is_code and segment.physical_size >= FEWEST_CODE_BYTES:
            measured = entropy(segment.content)
            if measured >= CODE_ENTROPY:
                findings.append(Finding("high-entropy-code", f"segment at {segment.file_offset}: {measured}"))
    return findings
