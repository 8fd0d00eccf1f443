"""Programs of .NET in one file, by the design document of single-file bundles."""

import struct
import zlib
from collections.abc import Mapping

MARK = bytes.fromhex("8b1202b96a612038727b930214d7a03213f5b9e6efae3318ee3b2dce24b36aae")


def _text(text: str) -> bytes:
    content = text.encode()
    return bytes([len(content)]) + content


def bundle(program: bytes, files: Mapping[str, bytes], *, version: int = 6, packs: bool = False) -> bytes:
    """A program with files behind, and the table of the files at the end. Versions before 6 pack no file."""
    made = program + bytes(8) + MARK
    places, entries = len(program), b""
    for path, data in files.items():
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        stored = packer.compress(data) + packer.flush() if packs else data
        sizes = (len(data), len(stored) if packs else 0)[: 2 if version >= 6 else 1]
        entries += struct.pack(f"<{1 + len(sizes)}qB", len(made), *sizes, 1) + _text(path)
        made += stored
    settings = bytes(40) if version >= 2 else b""
    head = struct.pack("<IIi", version, 0, len(files)) + _text("3xampleId") + settings
    made = made[:places] + struct.pack("<q", len(made)) + made[places + 8 :]
    return made + head + entries
