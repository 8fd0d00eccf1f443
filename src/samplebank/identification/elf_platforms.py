"""Tells the system that an ELF program was made for, by names in the file, and by addresses that Linux gives to no process."""

from functools import partial
from itertools import islice

import lief

from samplebank.identification.lief_values import name_of, text_of

INTERPRETERS = (
    ("/system/bin/linker", "android"),
    ("/apex/com.android", "android"),
    ("/libexec/ld-elf", "freebsd"),
    ("/usr/libexec/ld.elf_so", "netbsd"),
    ("/libexec/ld.elf_so", "netbsd"),
    ("/usr/libexec/ld.so", "openbsd"),
    ("/usr/lib/ldqnx", "qnx"),
    ("/usr/lib/ld.so.1", "solaris"),
    ("/usr/lib/64/ld.so.1", "solaris"),
    ("/usr/lib/amd64/ld.so.1", "solaris"),
    ("/boot/system/runtime_loader", "haiku"),
)
SYSTEMS = {
    "FREEBSD": "freebsd",
    "NETBSD": "netbsd",
    "OPENBSD": "openbsd",
    "SOLARIS": "solaris",
    "HPUX": "hpux",
    "AIX": "aix",
}
STANDALONE = frozenset({"STANDALONE", "C6000_ELFABI", "C6000_LINUX", "AMDGPU_HSA"})
#: sections that stand only in the objects, programs and modules of one system
SECTIONS = {
    ".note.android.ident": "android",
    ".note.netbsd.ident": "netbsd",
    ".note.openbsd.ident": "openbsd",
    ".modinfo": "linux",
    "__ksymtab": "linux",
}
BARE_SECTIONS = frozenset(
    {
        ".isr_vector",
        ".vectors",
        ".vector_table",
        ".interrupts",
        ".resetvec",
        ".boot2",
        ".iram0.vectors",
        ".intvecs",
    }
)
LINUX_MACHINES = frozenset({
    "X86_64", "I386", "ARM", "AARCH64", "MIPS", "MIPS_RS3_LE", "PPC", "PPC64", "RISCV", "S390", "SPARC", "SPARC32PLUS", "SPARCV9",
    "ALPHA", "SH", "68K", "M68K", "PARISC", "IA_64", "LOONGARCH", "ARC_COMPACT", "ARC_COMPACT2", "MICROBLAZE", "OPENRISC", "ALTERA_NIOS2",
    "CSKY", "HEXAGON", "CRIS", "BPF", "M32R", "MN10300", "FRV", "BLACKFIN", "TILEGX", "TILEPRO", "XTENSA",
})  # fmt: skip
MOST_LISTED = 300
#: Linux gives a process no address below LOWEST, and none from KERNEL_32, KERNEL_64 or KERNEL_MIPS on
LOWEST = 0x1000
KERNEL_32, KERNEL_64, KERNEL_MIPS, MEMORY_RISCV = 0xC0000000, 1 << 63, 0x80000000, 0x80000000
#: addresses of the flash of microcontrollers: programs of Linux for ARM begin far below
FLASH_ARM = range(0x08000000, 0x0C000000)


def elf_platform(binary: lief.ELF.Binary, interpreter: str) -> str | None:
    """The system of a program; None where the program runs without a system. Without any other sign, Linux is assumed."""
    named = SYSTEMS.get(name_of(binary.header.identity_os_abi))
    loaded = next((system for start, system in INTERPRETERS if interpreter.startswith(start)), None)
    sections = {
        text_of(partial(getattr, section, "name")) for section in islice(binary.sections, MOST_LISTED)
    }
    noted = next((system for name, system in SECTIONS.items() if name in sections), None)
    if known := named or loaded or noted:
        return known
    if interpreter:
        return "linux"
    return None if BARE_SECTIONS & sections or _is_bare(binary) else "linux"


def _is_bare(binary: lief.ELF.Binary) -> bool:
    header = binary.header
    machine = name_of(header.machine_type)
    if machine not in LINUX_MACHINES or name_of(header.identity_os_abi) in STANDALONE:
        return True
    kind = name_of(header.file_type)
    if kind not in {"EXEC", "DYN"}:
        return False
    is_wide = header.identity_class == lief.ELF.Header.CLASS.ELF64
    loaded = [
        segment
        for segment in islice(binary.segments, MOST_LISTED)
        if segment.type == lief.ELF.Segment.TYPE.LOAD and segment.virtual_size
    ]
    if not loaded:
        return False
    lowest = min(segment.virtual_address for segment in loaded)
    top = KERNEL_64 if is_wide else KERNEL_MIPS if machine.startswith("MIPS") else KERNEL_32
    return (
        (kind == "EXEC" and lowest < LOWEST)
        or max(segment.virtual_address for segment in loaded) >= top
        or (machine == "RISCV" and MEMORY_RISCV <= lowest <= 0xFFFFFFFF)  # noqa: PLR2004 -- 32 bits
        or (machine == "ARM" and kind == "EXEC" and lowest in FLASH_ARM)
        or any(segment.physical_address not in {0, segment.virtual_address} for segment in loaded)
    )
