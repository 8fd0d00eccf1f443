"""Reads header facts of executables with LIEF. Of a huge file only the start is read: the headers are there."""

from pathlib import Path

import lief

from samplebank.identification.elf_platforms import elf_platform
from samplebank.identification.lief_values import name_of, text_of
from samplebank.identification.macho_slices import parse_slices
from samplebank.identification.model import JSON, HeaderFacts

MOST_BYTES = 64 * 1024 * 1024

ARCHITECTURES = {
    "AMD64": "x86_64",
    "I386": "x86",
    "AARCH64": "arm64",
    "ARMNT": "arm",
    "THUMB": "arm",
    "ARM64EC": "arm64",
    "ARM64X": "arm64",
}
APPLE_PLATFORMS = {"IOS": "ios", "TVOS": "tvos", "WATCHOS": "watchos", "XROS": "visionos"}
EFI = "EFI"
#: errors of LIEF for damaged headers, and for names that are not UTF-8
UNREADABLE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
MOST_NAME_CHARACTERS = 300


def find_header_facts(path: Path, label: str) -> HeaderFacts | None:
    """Read the headers of a file that looks like an executable; None when LIEF cannot read the headers."""
    lief.logging.disable()
    try:
        if label == "macho":
            return _macho(path)
        reader = {"pebin": _pe, "elf": _elf}.get(label)
        return reader(_source(path)) if reader is not None else None
    except UNREADABLE:  # the file keeps its type, without header facts
        return None


def _source(path: Path) -> str | bytes:
    if path.stat().st_size <= MOST_BYTES:
        return str(path)
    with path.open("rb") as file:
        return file.read(MOST_BYTES)


def parse_pe_headers(source: str | bytes) -> lief.PE.Binary | None:
    """Parse only the headers and sections of a program, whose size bounds the work of LIEF."""
    config = lief.PE.ParserConfig()
    config.parse_exports = config.parse_imports = config.parse_rsrc = config.parse_reloc = False
    config.parse_signature = config.parse_exceptions = config.parse_arm64x_binary = False
    return lief.PE.parse(source, config)


def _pe(source: str | bytes) -> HeaderFacts | None:
    binary = parse_pe_headers(source)
    if binary is None:
        return None
    subsystem = name_of(binary.optional_header.subsystem)
    header = binary.header
    kinds = lief.PE.DataDirectory.TYPES
    clr = binary.data_directory(kinds.CLR_RUNTIME_HEADER)
    return HeaderFacts(
        arch=_architecture(header.machine),
        platform="efi" if subsystem.startswith(EFI) else "windows",
        facts={
            "format": "pe",
            "bits": 64 if binary.optional_header.magic == lief.PE.PE_TYPE.PE32_PLUS else 32,
            "isDll": lief.PE.Header.CHARACTERISTICS.DLL in header.characteristics_list,
            "isDotNet": clr is not None and clr.rva != 0,
            "subsystem": subsystem.lower(),
            "sections": header.numberof_sections,
            "compiledTimestamp": header.time_date_stamps,
        },
    )


def _elf(source: str | bytes) -> HeaderFacts | None:
    config = lief.ELF.ParserConfig()
    config.parse_relocations = config.parse_dyn_symbols = config.parse_symtab_symbols = False
    config.parse_symbol_versions = config.parse_notes = config.parse_overlay = False
    binary = lief.ELF.parse(source, config)
    if binary is None:
        return None
    header = binary.header
    interpreter = _interpreter(binary)
    return HeaderFacts(
        arch=_architecture(header.machine_type),
        platform=elf_platform(binary, interpreter),
        facts={
            "format": "elf",
            "bits": 64 if header.identity_class == lief.ELF.Header.CLASS.ELF64 else 32,
            "endianness": "big" if header.identity_data == lief.ELF.Header.ELF_DATA.MSB else "little",
            "fileType": name_of(header.file_type).lower(),
            "interpreter": interpreter or None,
            "sections": header.numberof_sections,
        },
    )


def _interpreter(binary: lief.ELF.Binary) -> str:
    return text_of(lambda: binary.interpreter)[:MOST_NAME_CHARACTERS] if binary.has_interpreter else ""


def _macho(path: Path) -> HeaderFacts | None:
    slices = parse_slices(path, MOST_BYTES, lief.MachO.ParserConfig.quick)
    if not slices:
        return None
    binary = slices[0]
    architectures: list[JSON] = [_architecture(one.header.cpu_type) for one in slices]
    build = binary.build_version
    platform = name_of(build.platform) if build else ""
    return HeaderFacts(
        arch=_architecture(binary.header.cpu_type),
        platform=APPLE_PLATFORMS.get(platform, "macos"),
        facts={
            "format": "macho",
            "fileType": name_of(binary.header.file_type).lower(),
            "architectures": architectures,
        },
    )


def _architecture(machine: object) -> str | None:
    name = name_of(machine)
    return None if name.isdecimal() else ARCHITECTURES.get(name, name.lower())
