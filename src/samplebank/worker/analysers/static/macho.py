"""Programs of Apple's systems; of a file for several architectures, the first is described."""

from itertools import islice
from pathlib import Path

import lief

from samplebank.worker.analysers.static.programs import (
    MOST_LIBRARIES,
    MOST_SECTIONS,
    name_of,
    names,
    overlay_facts,
    plain,
    rights,
    section_facts,
    section_findings,
)
from samplebank.worker.analysers.static.traits import Finding
from samplebank.worker.contract import JSON

READ, WRITE, EXECUTE = 1, 2, 4


def read(path: Path, _head: bytes) -> tuple[dict[str, JSON], list[Finding]] | None:
    fat = lief.MachO.parse(str(path))
    binary = fat.at(0) if fat is not None and fat.size else None
    if fat is None or binary is None:
        return None
    sections = [_section(section) for section in islice(binary.sections, MOST_SECTIONS)]
    overlay = overlay_facts(binary.overlay, 0)
    facts: dict[str, JSON] = {
        "arch": name_of(binary.header.cpu_type).lower(),
        "architectures": [name_of(one.header.cpu_type).lower() for one in islice(fat, 20)],
        "fileType": name_of(binary.header.file_type).lower(),
        "sections": sections,
        "libraries": names(binary.libraries, MOST_LIBRARIES),
        "imports": [{"library": "", "functions": names(binary.imported_symbols)}],
        "exports": names(binary.exported_symbols),
        "signature": {"isPresent": True} if binary.has_code_signature else None,
        "isEncrypted": binary.has_encryption_info,
        "overlay": overlay,
    }
    return facts, section_findings(sections)


def _section(section: lief.MachO.Section) -> dict[str, JSON]:
    segment = section.segment
    allowed = segment.init_protection if segment is not None else 0
    return section_facts(
        f"{plain(section.segment_name)},{plain(section.name)}",
        section.size,
        section.entropy,
        rights(
            readable=bool(allowed & READ), writable=bool(allowed & WRITE), executable=bool(allowed & EXECUTE)
        ),
    )
