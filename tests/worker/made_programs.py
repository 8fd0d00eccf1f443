"""Programs made byte by byte, with the parts that readers look into: no file of the machine, no compiler."""

import struct

from identification.kinds import macho, noise

CODE = bytes(range(256)) * 16
STRING_TABLE, SYMBOL_TABLE, DYNAMIC, PROGRAM_BITS = 3, 11, 6, 1
NEEDED, STRINGS, SYMBOLS = 1, 5, 6


def elf() -> bytes:
    """A program for x86-64 with an interpreter, a library, an imported and an exported function, and named sections."""
    names = b"\0libc.so.6\0system\0exported\0"
    symbols = bytes(24)
    symbols += struct.pack("<IBBHQQ", names.index(b"system"), 0x12, 0, 0, 0, 0)
    symbols += struct.pack("<IBBHQQ", names.index(b"exported"), 0x12, 0, 5, 0x400400, 16)
    base, place = 0x400000, 64 + 56 * 3
    dynamic_size = 16 * 4
    parts = [(b".interp", PROGRAM_BITS, b"/lib64/ld-linux-x86-64.so.2\0".ljust(32, b"\0"))]
    parts += [(b".dynstr", STRING_TABLE, names.ljust(32, b"\0")), (b".dynsym", SYMBOL_TABLE, symbols)]
    places = [place, place + 32, place + 64, place + 64 + len(symbols)]
    tags = ((NEEDED, names.index(b"libc")), (STRINGS, base + places[1]), (SYMBOLS, base + places[2]), (0, 0))
    parts += [
        (b".dynamic", DYNAMIC, b"".join(struct.pack("<QQ", *tag) for tag in tags)),
        (b".text", PROGRAM_BITS, CODE),
    ]
    section_names = b"\0" + b"\0".join(name for name, _, _ in parts) + b"\0.shstrtab\0"
    parts.append((b".shstrtab", STRING_TABLE, section_names))
    body, headers, at = elf_sections(parts, section_names, base=base, place=place)
    segments = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, at, at, 0x1000)
    segments += struct.pack("<IIQQQQQQ", 3, 4, places[0], base + places[0], base + places[0], 32, 32, 1)
    segments += struct.pack(
        "<IIQQQQQQ", 2, 6, places[3], base + places[3], base + places[3], dynamic_size, dynamic_size, 8
    )
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack(
        "<HHIQQQIHHHHHH", 2, 62, 1, base + 0x400, 64, at, 0, 64, 56, 3, 64, len(parts) + 1, len(parts)
    )
    return header + segments + body + headers


def elf_sections(
    parts: list[tuple[bytes, int, bytes]], section_names: bytes, *, base: int, place: int
) -> tuple[bytes, bytes, int]:
    """The contents of sections, their headers behind the empty one, and where the contents end; these begin at `place`."""
    body, headers, at = b"", bytes(64), place
    for name, kind, content in parts:
        link = 2 if kind in {SYMBOL_TABLE, DYNAMIC} else 0
        size = 24 if kind == SYMBOL_TABLE else 16 if kind == DYNAMIC else 0
        flags = 6 if name == b".text" else 2
        headers += struct.pack(
            "<IIQQQQIIQQ",
            section_names.index(name),
            kind,
            flags,
            base + at,
            at,
            len(content),
            link,
            1,
            8,
            size,
        )
        body, at = body + content, at + len(content)
    return body, headers, at


def apple() -> bytes:
    """A program of two sections, code and constants."""
    return macho((b"__text", 0x80000400, CODE), (b"__const", 0, noise(2048)))
