"""Programs of Apple's systems; of a file for several architectures, the first is described."""

from itertools import islice
from pathlib import Path

import lief

from samplebank.worker.analysers.static.parts import Parts
from samplebank.worker.analysers.static.programs import (
    MOST_LIBRARIES,
    name_of,
    names,
    overlay_facts,
    rights,
    section_facts,
    section_findings,
    sections_of,
    text_of,
)
from samplebank.worker.analysers.static.traits import Finding
from samplebank.worker.contract import JSON

READ, WRITE, EXECUTE = 1, 2, 4


def read(path: Path, _head: bytes, parts: Parts) -> tuple[dict[str, JSON], list[Finding]] | None:
    fat = parts.read("headers", lambda: lief.MachO.parse(str(path)))
    binary = fat.at(0) if fat is not None and fat.size else None
    if fat is None or binary is None:
        return None
    sections = sections_of(parts, lambda: binary.sections, _section)
    facts: dict[str, JSON] = {
        "arch": name_of(binary.header.cpu_type).lower(),
        "architectures": parts.some(
            "architectures", lambda: [name_of(one.header.cpu_type).lower() for one in islice(fat, 20)]
        ),
        "fileType": name_of(binary.header.file_type).lower(),
        "sections": sections,
        "libraries": names(parts, "libraries", lambda: binary.libraries, MOST_LIBRARIES),
        "imports": [{"library": "", "functions": names(parts, "imports", lambda: binary.imported_symbols)}],
        "exports": names(parts, "exports", lambda: binary.exported_symbols),
        "signature": {"isPresent": True} if binary.has_code_signature else None,
        "isEncrypted": binary.has_encryption_info,
        "overlay": parts.read("overlay", lambda: overlay_facts(binary.overlay, 0)),
    }
    return facts, section_findings(sections)


def _section(section: lief.MachO.Section) -> dict[str, JSON]:
    segment = section.segment
    segment_name, name = text_of(lambda: section.segment_name), text_of(lambda: section.name)
    allowed = segment.init_protection if segment is not None else 0
    return section_facts(
        f"{segment_name},{name}",
        section.size,
        section.entropy,
        rights(
            readable=bool(allowed & READ), writable=bool(allowed & WRITE), executable=bool(allowed & EXECUTE)
        ),
    )
