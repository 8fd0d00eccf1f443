"""Programs of Apple's systems. In a file for several architectures, the first program is described, and all are examined."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import lief

from samplebank.identification.lief_values import name_of
from samplebank.identification.macho_slices import parse_slices
from samplebank.worker.analysers.static.macho_signature import signature_facts
from samplebank.worker.analysers.static.measures import Budget
from samplebank.worker.analysers.static.parts import Parts
from samplebank.worker.analysers.static.programs import (
    MOST_LIBRARIES,
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
#: attributes of sections with instructions: executable segments also have sections of constants
INSTRUCTIONS = 0x80000400
MIB = 1024 * 1024
MOST_SLICE_BYTES = 256 * MIB


def read(path: Path, _head: bytes, parts: Parts) -> tuple[dict[str, JSON], list[Finding]] | None:
    slices = parts.some("headers", lambda: parse_slices(path, MOST_SLICE_BYTES))
    if not slices:
        return None
    budget = Budget(path.stat().st_size)
    section = partial(_section, budget)
    listed = [sections_of(parts, partial(_sections, binary), section) for binary in slices]
    facts = _program(slices[0], listed[0], parts) | {
        "architectures": parts.some(
            "architectures", lambda: [name_of(one.header.cpu_type).lower() for one in slices]
        ),
    }
    findings = [finding for sections in listed for finding in section_findings(sections)]
    return facts, list(dict.fromkeys(findings))


def _program(binary: lief.MachO.Binary, sections: list[dict[str, JSON]], parts: Parts) -> dict[str, JSON]:
    return {
        "arch": parts.read("headers", lambda: name_of(binary.header.cpu_type).lower()) or "unknown",
        "fileType": parts.read("headers", lambda: name_of(binary.header.file_type).lower()),
        "sections": sections,
        "libraries": names(parts, "libraries", lambda: binary.libraries, MOST_LIBRARIES),
        "imports": [{"library": "", "functions": names(parts, "imports", lambda: binary.imported_symbols)}],
        "exports": names(parts, "exports", lambda: binary.exported_symbols),
        "uuid": parts.read("uuid", lambda: bytes(binary.uuid.uuid).hex() if binary.uuid else None),
        "signature": parts.read("signature", lambda: _signature(binary)),
        "isEncrypted": bool(parts.read("encryption", lambda: binary.has_encryption_info)),
        "overlay": parts.read("overlay", lambda: overlay_facts(binary.overlay, 0)),
    }


def _signature(binary: lief.MachO.Binary) -> dict[str, JSON] | None:
    signature = binary.code_signature
    return {"isPresent": True, **signature_facts(bytes(signature.content))} if signature is not None else None


def _sections(binary: lief.MachO.Binary) -> Iterable[lief.MachO.Section]:
    return binary.sections


def _section(budget: Budget, section: lief.MachO.Section) -> dict[str, JSON]:
    segment = section.segment
    segment_name, name = text_of(lambda: section.segment_name), text_of(lambda: section.name)
    allowed = segment.init_protection if segment is not None else 0
    facts = section_facts(
        f"{segment_name},{name}",
        section,
        budget,
        rights(
            readable=bool(allowed & READ),
            writable=bool(allowed & WRITE),
            executable=bool(allowed & EXECUTE),
        ),
    )
    return facts | {"holdsCode": bool(int(section.flags) & INSTRUCTIONS)}
