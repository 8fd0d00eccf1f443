"""Programs of Linux and other Unix systems."""

from itertools import islice
from pathlib import Path

import lief

from samplebank.worker.analysers.static.measures import RANDOM_ENTROPY, entropy
from samplebank.worker.analysers.static.programs import (
    FEWEST_CODE_BYTES,
    MOST_LIBRARIES,
    MOST_SECTIONS,
    name_of,
    names,
    overlay_facts,
    overlay_findings,
    plain,
    rights,
    section_facts,
    section_findings,
)
from samplebank.worker.analysers.static.traits import Finding
from samplebank.worker.contract import JSON

SECTION_RIGHTS, SEGMENT_RIGHTS = lief.ELF.Section.FLAGS, lief.ELF.Segment.FLAGS
SEGMENTS = lief.ELF.Segment.TYPE
UPX_MARKER, UPX_MARKER_WITHIN = b"UPX!", 4096


def read(path: Path, head: bytes) -> tuple[dict[str, JSON], list[Finding]] | None:
    binary = lief.ELF.parse(str(path))
    if binary is None:
        return None
    sections = [_section(section) for section in islice(binary.sections, MOST_SECTIONS) if section.name]
    segments = [_segment(segment) for segment in islice(binary.segments, MOST_SECTIONS)]
    overlay = overlay_facts(binary.overlay, binary.eof_offset) if binary.has_overlay else None
    facts: dict[str, JSON] = {
        "arch": name_of(binary.header.machine_type).lower(),
        "fileType": name_of(binary.header.file_type).lower(),
        "entryPoint": binary.header.entrypoint,
        "interpreter": plain(binary.interpreter) if binary.has_interpreter else None,
        "isPie": binary.is_pie,
        "sections": sections,
        "segments": segments,
        "libraries": [plain(library) for library in islice(binary.libraries, MOST_LIBRARIES)],
        "imports": [{"library": "", "functions": names(binary.imported_symbols)}],
        "exports": names(binary.exported_symbols),
        "overlay": overlay,
    }
    findings = [
        *section_findings(sections),
        *overlay_findings(overlay),
        *_segment_findings(binary, segments),
    ]
    if UPX_MARKER in head[:UPX_MARKER_WITHIN]:
        findings.append(Finding("packer-section", "UPX"))
    if not sections:
        findings.append(Finding("no-section-headers"))
    return facts, findings


def _section(section: lief.ELF.Section) -> dict[str, JSON]:
    allowed = rights(
        readable=section.has(SECTION_RIGHTS.ALLOC),
        writable=section.has(SECTION_RIGHTS.WRITE),
        executable=section.has(SECTION_RIGHTS.EXECINSTR),
    )
    return section_facts(plain(section.name), section.size, section.entropy, allowed)


def _segment(segment: lief.ELF.Segment) -> dict[str, JSON]:
    allowed = rights(
        readable=segment.has(SEGMENT_RIGHTS.R),
        writable=segment.has(SEGMENT_RIGHTS.W),
        executable=segment.has(SEGMENT_RIGHTS.X),
    )
    return {"type": name_of(segment.type).lower(), "size": segment.physical_size, "rights": allowed}


def _segment_findings(binary: lief.ELF.Binary, segments: list[dict[str, JSON]]) -> list[Finding]:
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
            if measured >= RANDOM_ENTROPY:
                findings.append(Finding("high-entropy-code", f"segment at {segment.file_offset}: {measured}"))
    return findings
