"""What is suspicious about the structure and the imports of a Windows program."""

import re
import time
from collections.abc import Sequence

import lief

from samplebank.worker.analysers.static.programs import plain
from samplebank.worker.analysers.static.traits import Finding
from samplebank.worker.contract import JSON

CODE_RIGHTS = lief.PE.Section.CHARACTERISTICS
#: the begin of a compiled script of AutoIt, and the versions of its form behind the begin
AUTOIT = re.compile(re.escape(bytes.fromhex("a3484bbe986c4aa9994c530a86d6487d")) + rb"AU3!(EA0[56])")
#: how the files of an installer by InstallShield begin behind the program
INSTALLSHIELD = (b"ISSetupStream", b"InstallShield\0")
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


def entry_findings(binary: lief.PE.Binary) -> list[Finding]:
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


def import_findings(binary: lief.PE.Binary, functions: set[str]) -> list[Finding]:
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


def native_count(imports: Sequence[dict[str, JSON]]) -> int:
    return sum(len(one["functions"]) for one in imports if one["library"].lower() == "ntdll.dll")


def known_import_findings(functions: set[str], exports: set[str], native: int) -> list[Finding]:
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


def header_findings(binary: lief.PE.Binary, facts: dict[str, JSON]) -> list[Finding]:
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


def carried_findings(head: bytes, overlay: dict[str, JSON] | None) -> list[Finding]:
    """A script or the files of an installer that the program carries, by their first bytes."""
    findings = []
    if script := AUTOIT.search(head):
        findings.append(Finding("autoit-script", f"{script[1].decode()} at {script.start():#x}"))
    if overlay is not None and head.startswith(INSTALLSHIELD, overlay["offset"]):
        findings.append(Finding("installshield", f"at {overlay['offset']:#x}"))
    return findings
