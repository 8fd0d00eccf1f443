"""Chooses the reader for a file by the first bytes of the file, and makes one result of all findings."""

from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import ClassVar

import lief
import msgspec

from samplebank.identification.signatures import find_signature
from samplebank.identification.texts import is_written
from samplebank.worker.analysers.static import archives, elf, macho, office, pdf, pe, scripts
from samplebank.worker.analysers.static.containers import Container
from samplebank.worker.analysers.static.facts import fuzzy
from samplebank.worker.analysers.static.facts.deriving import facts_of
from samplebank.worker.analysers.static.measures import MOST_STRING_BYTES, file_entropy, string_facts
from samplebank.worker.analysers.static.parts import Parts
from samplebank.worker.analysers.static.schema import SCHEMA
from samplebank.worker.analysers.static.signatures.roots import roots
from samplebank.worker.analysers.static.traits import TRAITS, Finding, assessment_of, score_of
from samplebank.worker.analysers.warming import WarmedAnalyser
from samplebank.worker.contract import (
    JSON,
    Detection,
    Rejected,
    Result,
    SampleFile,
    Tag,
)

MIB = 1024 * 1024
MOST_DAMAGED, MOST_CARRIED = 50, 1000
# LIEF holds several copies of a file in memory.
MOST_PARSED_BYTES = 256 * MIB

#: the name of the detection that speaks for a program
TRUSTED = "trusted-signature"
NO_ROOTS = (
    "Without the extra samplebank[analysis], signatures are not followed to a root, and none is trusted."
)
ENCRYPTED = "The content is encrypted."
UNOPENED = "The entries of an archive are not looked into."
#: where the header of a program names its subsystem: firmware carries EFI programs without being suspicious
SUBSYSTEM, EFI_SUBSYSTEMS = 92, range(10, 14)
DOS_SENTENCE = b"This program cannot be run in DOS mode"

#: a text may tell of programs, and an archive or a disk image that does not pack its files shows each program
PROGRAM_BEARERS = frozenset({"text", "archive", "zip"})
#: formats with a parser that holds the whole file in memory
PARSED_WHOLE = frozenset({"pe", "elf", "macho", "ole"})

Facts = dict[str, JSON]
Reader = Callable[[Path, bytes, Parts], tuple[Facts, list[Finding]] | None]

READERS: Mapping[str, tuple[str, Reader]] = {
    "pebin": ("pe", pe.read),
    "elf": ("elf", elf.read),
    "macho": ("macho", macho.read),
    "pdf": ("pdf", pdf.read),
    "zip": ("ooxml", office.read_package),
    "ole": ("ole", office.read_compound_file),
}


class StaticAnalyser(WarmedAnalyser):
    short_name = "static"
    version = f"1.0 (lief {metadata.version('lief')})"
    names: ClassVar[Mapping[str, str]] = {"english": "Static analysis", "norwegian": "Statisk analyse"}
    known_settings = frozenset[str]()
    descriptions: ClassVar[Mapping[str, str]] = {
        "english": "Reads the structure of programs, documents and scripts and weighs what is suspicious about it.",
        "norwegian": "Leser strukturen i programmer, dokumenter og skript og vurderer det som er mistenkelig.",
    }
    schema = SCHEMA
    memory_bytes = 2048 * MIB
    seconds = 60.0

    def load(self) -> None:
        roots()

    def problems(self) -> tuple[str, ...]:
        return (*fuzzy.problems(), *(() if roots() else (NO_ROOTS,)))

    def analyse(self, sample: SampleFile) -> Result:
        if sample.size == 0:
            raise Rejected("The file is empty.")
        lief.logging.disable()
        with sample.path.open("rb") as file:
            head = file.read(MOST_STRING_BYTES)
            whole_entropy = file_entropy(file, sample.size)
        # Before the file is parsed: a parser may take nearly all the memory that there is.
        strings = string_facts(head)
        name, facts, findings = _read(sample, head)
        findings += _carried_programs(name, head)
        facts |= {
            "format": name,
            "size": sample.size,
            "entropy": whole_entropy,
            "strings": strings,
            "traits": [_described(finding) for finding in findings],
        }
        closed, unopened = _closed(facts, head)
        if closed is not None:
            facts |= {"notLookedInto": closed, "entriesNotLookedInto": unopened}
        traits = {finding.trait: TRAITS[finding.trait] for finding in findings}
        strongest = sorted(traits, key=lambda name: -traits[name].weight)
        is_trusted = _has_trusted_signature(facts)
        tags = ["encrypted" if closed == ENCRYPTED else None, *(trait.tag for trait in traits.values())]
        return Result(
            score=score_of(findings, is_trusted=is_trusted),
            result=facts,
            tags=[Tag("behaviour", tag) for tag in dict.fromkeys(tags) if tag],
            detections=[
                *(Detection(name, assessment_of(traits[name])) for name in strongest),
                *([Detection(TRUSTED, "benign")] if is_trusted else []),
            ],
            possible_detections=len(TRAITS) + 1,
            facts=facts_of(sample, facts),
        )


def _has_trusted_signature(facts: Facts) -> bool:
    signature = facts.get("pe", {}).get("signature") or {}
    return bool((signature.get("trust") or {}).get("isTrusted"))


def _read(sample: SampleFile, head: bytes) -> tuple[str, Facts, list[Finding]]:
    """Get the name of the format, the facts under the name of the format, and the findings."""
    signature = find_signature(head)
    label = signature.file_type.label if signature else ""
    name, reader = READERS.get(label) or ("archive", archives.reader_of(label))
    if reader is not None and sample.size > MOST_PARSED_BYTES and name in PARSED_WHOLE:
        return name, {"notParsed": f"Files over {MOST_PARSED_BYTES // MIB} MiB are not parsed."}, []
    if reader is not None:
        parts = Parts()
        read = parts.read(name, lambda: reader(sample.path, head, parts))
        damaged: Facts = {"damagedParts": parts.damaged[:MOST_DAMAGED]} if parts.damaged else {}
        if read is not None:
            name = "zip" if name == "ooxml" and not read[0]["isOfficeDocument"] else name
            return name, {name: read[0], **damaged}, read[1]
        broken = f"The file begins like {signature.file_type.description if signature else name}, but cannot be parsed."
        return "data", {"notParsed": broken}, []
    if signature is not None and signature.file_type.group == "archive" and not is_written(head):
        return "archive", {"archive": Container().facts(label)}, []
    if (text := scripts.find_text(head)) is not None:
        facts, findings = scripts.read(text)
        return "text", {"text": facts}, findings
    return "data", {}, []


def _closed(facts: Facts, head: bytes) -> tuple[str | None, list[str]]:
    """The reason why the content of a container was not looked into, and the names of the entries not looked into.

    The reason is None where there is no container.
    """
    listed = facts.get("ooxml") or facts.get("zip") or facts.get("archive") or {}
    is_document = listed.get("isOfficeDocument", False)
    unopened = listed.get("encryptedEntries" if is_document else "names", [])
    is_encrypted = (
        listed.get("isEncrypted")
        or facts.get("pdf", {}).get("names", {}).get("Encrypt")
        or facts.get("ole", {}).get("isEncrypted")
        or archives.sealed_kind(head) is not None
    )
    if is_encrypted:
        return ENCRYPTED, unopened
    return (UNOPENED, unopened) if listed and not is_document else (None, [])


def _carried_programs(name: str, head: bytes) -> list[Finding]:
    """Find Windows programs inside of other files, by the sentence near the start of nearly all Windows programs."""
    found = 0 if name in PROGRAM_BEARERS else _count_programs(head, after=0 if name == "pe" else -1)
    return [Finding("embedded-executable", f"{found} found")] if found > 0 else []


def _count_programs(head: bytes, after: int) -> int:
    """Count Windows programs that begin after `after`, by the sentence and the two headers around the sentence.

    The sentence alone may stand in a text, or in a stub.
    """
    found = place = 0
    while found < MOST_CARRIED and (place := head.find(DOS_SENTENCE, place + 1)) >= 0:
        start = head.rfind(b"MZ", max(0, place - 0x200), place)
        header = start + int.from_bytes(head[start + 0x3C : start + 0x40], "little")
        is_program = start > after and head[header : header + 4] == b"PE\0\0"
        subsystem = int.from_bytes(head[header + SUBSYSTEM : header + SUBSYSTEM + 2], "little")
        found += is_program and subsystem not in EFI_SUBSYSTEMS
    return found


def _described(finding: Finding) -> Facts:
    trait = TRAITS[finding.trait]
    return {"name": finding.trait, **msgspec.structs.asdict(trait), "detail": finding.detail}
