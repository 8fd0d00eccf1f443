"""Programs that bring scripts along, as PyInstaller and Electron lay them out."""

import json
import marshal
import struct
import zlib
from collections.abc import Mapping

#: the mark of compiled files of Python 3.11
MARK = b"\xa7\r\r\n"
HEADER = MARK + bytes(12)


def modules(named: Mapping[str, bytes]) -> bytes:
    """An archive of modules."""
    content, table = b"", []
    for name, code in named.items():
        packed = zlib.compress(code)
        table.append((name, (0, 12 + len(content), len(packed))))
        content += packed
    return b"PYZ\0" + MARK + struct.pack(">I", 12 + len(content)) + content + marshal.dumps(table)


def pyinstaller(entries: Mapping[tuple[str, str], bytes], *, program: bytes, end_bytes: int = 88) -> bytes:
    """A program of PyInstaller. Each entry has a name, a kind in one letter, and a content."""
    content = table = b""
    for (name, kind), data in entries.items():
        packed = zlib.compress(data)
        label = name.encode() + b"\0"
        row = struct.pack(">4IBc", 18 + len(label), len(content), len(packed), len(data), 1, kind.encode())
        table += row + label
        content += packed
    length = len(content) + len(table) + end_bytes
    end = b"MEI\014\013\012\013\016" + struct.pack(">4I", length, len(content), len(table), 311)
    return program + content + table + end.ljust(end_bytes, b"\0")


def asar(files: Mapping[str, bytes]) -> bytes:
    content, tree = b"", dict[str, object]()
    for path, data in files.items():
        *folders, name = path.split("/")
        at = tree
        for folder in folders:
            inner: dict[str, object] = {}
            at = at.setdefault(folder, {"files": inner})["files"]  # type: ignore[index]
        at[name] = {"size": len(data), "offset": str(len(content))}
        content += data
    text = json.dumps({"files": tree}).encode().replace(b'"files": ', b'"files":')
    padded = text + bytes(-len(text) % 4)
    return struct.pack("<4I", 4, len(padded) + 8, len(padded) + 4, len(text)) + padded + content
