"""Windows programs."""

import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import lief

from samplebank.identification.lief_values import name_of
from samplebank.worker.analysers.static.parts import Parts
from samplebank.worker.analysers.static.pe_parsing import parse
from samplebank.worker.analysers.static.programs import (
    MOST_FUNCTIONS,
    MOST_LIBRARIES,
    MOST_NAMES,
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

CODE_RIGHTS = lief.PE.Section.CHARACTERISTICS
CHECKS = lief.PE.Signature.VERIFICATION_FLAGS
# An expired certificate is not among the flags: expiry is no sign of tampering.
TAMPERED = (
    CHECKS.BAD_DIGEST,
    CHECKS.BAD_SIGNATURE,
    CHECKS.CORRUPTED_CONTENT_INFO,
    CHECKS.CORRUPTED_AUTH_DATA,
)
FEW_IMPORTS, MANY_NATIVE = 10, 100
DAY_SECONDS = 24 * 60 * 60

LOADING = frozenset({"LoadLibraryA", "LoadLibraryW", "LoadLibraryExA", "LoadLibraryExW"})
INJECTION_STEPS = (
    frozenset({"OpenProcess", "CreateProcessA", "CreateProcessW", "NtOpenProcess"}),
    frozenset({"VirtualAllocEx", "NtAllocateVirtualMemory", "NtMapViewOfSection", "ZwMapViewOfSection"}),
    frozenset({"WriteProcessMemory", "NtWriteVirtualMemory", "NtMapViewOfSection", "ZwMapViewOfSection"}),
    frozenset({
        "CreateRemoteThread", "CreateRemoteThreadEx", "NtCreateThreadEx", "RtlCreateUserThread", "QueueUserAPC",
        "SetThreadContext", "Wow64SetThreadContext",
    }),
)  # fmt: skip
KEYBOARD_STEPS = (
    frozenset({"SetWindowsHookExA", "SetWindowsHookExW", "GetAsyncKeyState", "RegisterRawInputDevices"}),
    frozenset(
        {"GetForegroundWindow", "GetKeyboardState", "MapVirtualKeyA", "MapVirtualKeyW", "GetRawInputData"}
    ),
)
DOWNLOAD_STEPS = (
    frozenset(
        {"URLDownloadToFileA", "URLDownloadToFileW", "URLDownloadToCacheFileA", "URLDownloadToCacheFileW"}
    ),
    frozenset({"WinExec", "ShellExecuteA", "ShellExecuteW", "CreateProcessA", "CreateProcessW"}),
)


def read(path: Path, _head: bytes, parts: Parts) -> tuple[dict[str, JSON], list[Finding]] | None:
    binary = parts.read("headers", lambda: parse(path, parts))
    if binary is None:
        return None
    arch = name_of(binary.header.machine).lower()
    sections = sections_of(parts, lambda: binary.sections, _section)
    imports = parts.some("imports", lambda: _imports(binary, parts))
    overlay = parts.read("overlay", lambda: overlay_facts(binary.overlay, binary.overlay_offset))
    exports = names(parts, "exports", lambda: _exports(binary))
    facts: dict[str, JSON] = {
        "arch": arch,
        "subsystem": name_of(binary.optional_header.subsystem).lower(),
        "entryPoint": binary.optional_header.addressof_entrypoint,
        "compiledTimestamp": binary.header.time_date_stamps,
        "isReproducibleBuild": binary.is_reproducible_build,
        "sections": sections,
        "imports": imports,
        "exports": exports,
        "imphash": (parts.read("imports", lambda: _imphash(binary)) or "") if imports else "",
        "authentihash": (parts.read("signature", lambda: bytes(binary.authentihash_sha256).hex()) or ""),
        "signature": parts.read("signature", lambda: _signature(binary)),
        "overlay": overlay,
        "tlsCallbacks": (parts.read("tls", lambda: len(binary.tls.callbacks) if binary.tls else 0) or 0),
        "pdb": parts.read("pdb", lambda: _pdb(binary)),
    }
    functions = {name for library in imports for name in library["functions"]}
    findings = [
        *section_findings(sections, arch),
        *overlay_findings(overlay),
        *parts.some("entry point", lambda: _entry_findings(binary)),
        *parts.some("imports", lambda: _import_findings(binary, functions)),
        *_known_imports(functions, set(exports), _native_count(imports)),
        *_header_findings(binary, facts),
    ]
    return facts, findings


def _exports(binary: lief.PE.Binary) -> list[lief.PE.ExportEntry]:
    export = binary.get_export() if binary.has_exports else None
    return list(islice(export.entries, MOST_NAMES)) if export else []


def _imphash(binary: lief.PE.Binary) -> str:
    return lief.PE.get_imphash(binary, lief.PE.IMPHASH_MODE.PEFILE)


def _pdb(binary: lief.PE.Binary) -> str | None:
    return plain(binary.codeview_pdb.filename) if binary.codeview_pdb else None


def _section(section: lief.PE.Section) -> dict[str, JSON]:
    allowed = rights(
        readable=section.has_characteristic(CODE_RIGHTS.MEM_READ),
        writable=section.has_characteristic(CODE_RIGHTS.MEM_WRITE),
        executable=section.has_characteristic(CODE_RIGHTS.MEM_EXECUTE),
    )
    facts = section_facts(text_of(lambda: section.name), section.size, section.entropy, allowed)
    return facts | in_file(section.pointerto_raw_data) | {"virtualSize": section.virtual_size}


def _imports(binary: lief.PE.Binary, parts: Parts) -> list[dict[str, JSON]]:
    return [_library(library, parts) for library in islice(binary.imports, MOST_LIBRARIES)]


def _library(library: lief.PE.Import, parts: Parts) -> dict[str, JSON]:
    functions = names(parts, "imports", lambda: library.entries, MOST_FUNCTIONS)
    return {"library": text_of(lambda: library.name), "functions": functions}


def _signature(binary: lief.PE.Binary) -> dict[str, JSON] | None:
    if not binary.has_signatures:
        return None
    verdict = binary.verify_signature()
    first = binary.signatures[0]
    return {
        "verification": str(verdict).rpartition(".")[2],
        "isIntact": not any(flag in verdict for flag in TAMPERED),
        "digestAlgorithm": name_of(first.digest_algorithm),
        "signers": [
            {"issuer": plain(signer.issuer), "serialNumber": bytes(signer.serial_number).hex()}
            for signer in islice(first.signers, 10)
        ],
        "certificates": [plain(certificate.subject) for certificate in islice(first.certificates, 20)],
    }


def _entry_findings(binary: lief.PE.Binary) -> list[Finding]:
    entry = binary.optional_header.addressof_entrypoint
    if entry == 0:  # a library need not have an entry point
        return []
    section = binary.section_from_rva(entry)
    if section is None:
        return [Finding("entry-outside-sections", hex(entry))]
    findings = []
    if not section.has_characteristic(CODE_RIGHTS.MEM_EXECUTE):
        findings.append(Finding("entry-not-executable", plain(section.name)))
    last = max(binary.sections, key=lambda one: one.virtual_address)
    if last.virtual_address == section.virtual_address and len(binary.sections) > 1:
        findings.append(Finding("entry-in-last-section", plain(section.name)))
    return findings


def _import_findings(binary: lief.PE.Binary, functions: set[str]) -> list[Finding]:
    is_dot_net = any(library.name.lower() == "mscoree.dll" for library in binary.imports)
    is_dll = lief.PE.Header.CHARACTERISTICS.DLL in binary.header.characteristics_list
    findings = []
    if not functions and not is_dll:
        findings.append(Finding("no-imports"))
    if (
        not is_dot_net
        and len(functions) <= FEW_IMPORTS
        and "GetProcAddress" in functions
        and functions & LOADING
    ):
        findings.append(Finding("loader-only-imports", ", ".join(sorted(functions))))
    return findings


def _native_count(imports: Sequence[dict[str, JSON]]) -> int:
    return sum(len(one["functions"]) for one in imports if one["library"].lower() == "ntdll.dll")


def _known_imports(functions: set[str], exports: set[str], native: int) -> list[Finding]:
    # A part of Windows exports the functions that an injector imports, or is made of native functions.
    is_system = bool(frozenset().union(*INJECTION_STEPS) & exports) or native >= MANY_NATIVE
    known = (
        ("process-injection", () if is_system else INJECTION_STEPS),
        ("keyboard-watching", KEYBOARD_STEPS),
        ("download-api", DOWNLOAD_STEPS),
    )
    return [
        Finding(trait, ", ".join(sorted(functions & frozenset().union(*steps))))
        for trait, steps in known
        if steps and all(functions & step for step in steps)
    ]


def _header_findings(binary: lief.PE.Binary, facts: dict[str, JSON]) -> list[Finding]:
    findings = []
    if facts["tlsCallbacks"]:
        findings.append(Finding("tls-callbacks", str(facts["tlsCallbacks"])))
    compiled = facts["compiledTimestamp"]
    # Reproducible builds have a hash in place of the time.
    if compiled > time.time() + DAY_SECONDS and not binary.is_reproducible_build and compiled != 0xFFFFFFFF:  # noqa: PLR2004 -- "not set"
        findings.append(Finding("future-timestamp", str(compiled)))
    if facts["signature"] and not facts["signature"]["isIntact"]:
        findings.append(Finding("broken-signature", facts["signature"]["verification"]))
    return findings
