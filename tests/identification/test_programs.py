"""Programs of systems other than Windows and Linux, and programs that run without a system."""

import struct

import pytest

from identification import kinds
from samplebank.identification import Identification

AVR, ARM, MSP430, RISCV, X86_64, TRICORE = 83, 40, 105, 243, 62, 44
FLASH, MEMORY, KERNEL = 0x08000000, 0x80000000, 0xFFFFFFFF81000000


def windows(mark: bytes) -> bytes:
    """A program for MS-DOS, with the header of another program behind."""
    dos = b"MZ" + struct.pack("<13H", 0x90, 3, 0, 4, 0, 0xFFFF, 0, 0xB8, 0, 0, 0, 0x40, 0)
    return dos.ljust(60, b"\0") + struct.pack("<I", 128) + kinds.noise(64) + mark + kinds.noise(4000)


@pytest.mark.parametrize(
    ("content", "type_", "platform"),
    [
        pytest.param(windows(b"NE\x05\x0a"), "nebin", "windows", id="ne"),
        pytest.param(windows(b"LE\0\0"), "lebin", None, id="le"),
        pytest.param(windows(b"\0\0\0\0"), "mzbin", "dos", id="plain mz"),
        pytest.param(kinds.fat_macho(kinds.macho(), kinds.macho(), wide=True), "macho", "macos", id="fat64"),
        pytest.param(kinds.fat_macho(kinds.macho(), kinds.macho(), wide=False), "macho", "macos", id="fat"),
    ],
)
async def test_a_program_is_told_by_its_header(
    identified: Identification, type_: str, platform: str | None
) -> None:
    assert (identified.super_type, identified.type, identified.platform) == ("executable", type_, platform)


@pytest.mark.parametrize("content", [kinds.fat_macho(kinds.macho(), kinds.macho(), wide=True)])
async def test_a_wide_universal_program_names_its_processors(identified: Identification) -> None:
    assert (identified.arch, identified.meta_data["architectures"]) == ("arm64", ["arm64", "arm64"])


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(kinds.elf_32(AVR, 0), id="avr"),
        pytest.param(kinds.elf_32(MSP430, 0x4400), id="msp430"),
        pytest.param(kinds.elf_32(TRICORE, 0x80000000), id="tricore"),
        pytest.param(kinds.elf_32(ARM, FLASH), id="microcontroller"),
        pytest.param(kinds.elf_32(ARM, 0), id="vectors at 0"),
        pytest.param(kinds.elf(RISCV, address=MEMORY), id="firmware"),
        pytest.param(kinds.elf(X86_64, address=KERNEL), id="kernel space"),
        pytest.param(kinds.elf_32(ARM, 0x20000000, loaded_from=FLASH), id="data that is copied out of flash"),
    ],
)
async def test_a_program_without_a_system_is_not_one_of_linux(identified: Identification) -> None:
    assert (identified.type, identified.platform) == ("elf", None)


@pytest.mark.parametrize(
    "content", [kinds.elf(), kinds.elf_32(ARM, 0x10000), kinds.elf(RISCV, address=0x10000)]
)
async def test_a_program_that_shows_no_system_is_one_of_linux(identified: Identification) -> None:
    assert identified.platform == "linux"
