"""Programs of Python by PyInstaller: the scripts, modules, libraries and files that stand behind the program.

Source: PyInstaller, `PyInstaller/archive/readers.py` and `PyInstaller/loader/pyimod01_archive.py`.
"""

import marshal
import struct
import sys
import zlib
from collections.abc import Iterator

import msgspec

from samplebank.worker.analysers.extract.haul import MANY, MOST_CHILD_BYTES, MOST_RATIO, Haul

MARK = b"MEI\014\013\012\013\016"
#: behind the mark: length of the archive, place and length of its table, version of Python; sizes of old and new ends
END, END_BYTES = struct.Struct(">8s3I"), (88, 24)
#: length of the entry, place, packed and whole size, whether packed, kind; the name follows
ENTRY = struct.Struct(">4IBc")
SCRIPTS, MODULES, FILES = frozenset(b"smM"), ord("z"), frozenset(b"bxZl")
#: scripts and modules of PyInstaller itself, and the modules of Python that start the program
OF_BUILDER, OF_PYTHON = ("pyi", "_pyi"), "base_library.zip"
MODULES_MARK, NAMESPACE = b"PYZ\0", 3
#: what stands before a compiled module: the mark of the version; then flags, time and size
MARK_BYTES, REST_OF_HEADER = 4, bytes(12)
MOST_ENTRIES, MOST_MODULES, MOST_TABLE_BYTES = 5000, 300, 8 * 1024 * 1024
OWN = "a part of Python, or of the tool that made the program"
BROKEN = (zlib.error, struct.error, ValueError, IndexError, EOFError, TypeError, MemoryError)


class Entry(msgspec.Struct, frozen=True):
    name: str
    kind: int
    is_packed: bool
    size: int
    data: bytes


def is_frozen(data: bytes) -> bool:
    return data.rfind(MARK) > 0


def open_frozen(data: bytes, haul: Haul) -> None:
    """Take what a program of PyInstaller brings along. Scripts and modules get back the header that Python gives to compiled files."""
    entries = list(_entries(data))
    if not entries:
        haul.problems.append("pyinstaller: the table of the files cannot be read.")
    archives = [_archive(entry, haul) for entry in entries if entry.kind == MODULES]
    header = b"".join(archives[:1])[MARK_BYTES : 2 * MARK_BYTES] + REST_OF_HEADER
    for archive in archives:
        _take_modules(archive, header, haul)
    for entry in entries:
        if entry.kind in SCRIPTS:
            _take(f"{entry.name}.pyc", entry, haul, header, is_own=entry.name.startswith(OF_BUILDER))
        elif entry.kind in FILES:
            _take(entry.name, entry, haul, b"", is_own=entry.name == OF_PYTHON)


def _archive(entry: Entry, haul: Haul) -> bytes:
    """The modules, of which most are a part of Python; nothing for damaged ones."""
    if not haul.begin(entry.name, entry.size, len(entry.data)):
        return b""
    try:
        return _content(entry)
    except BROKEN as error:
        haul.fail(entry.name, entry.size, error)
        return b""


def _take(path: str, entry: Entry, haul: Haul, header: bytes, *, is_own: bool) -> None:
    path = path.replace("\\", "/")
    if not haul.begin(path, entry.size, len(entry.data)):
        return
    if is_own:
        haul.pass_over(path, entry.size, OWN)
        return
    try:
        haul.take(path, header + _content(entry), "pyinstaller")
    except BROKEN as error:
        haul.fail(path, entry.size, error)


def _content(entry: Entry) -> bytes:
    if not entry.is_packed:
        return entry.data
    return zlib.decompressobj().decompress(entry.data, entry.size + 1)


def _take_modules(archive: bytes, header: bytes, haul: Haul) -> None:
    """Take the modules that are no part of Python. Their sizes are not told, so each is bounded by what is unpacked."""
    taken = 0
    for name, (kind, place, length) in _table(archive, haul):
        if kind == NAMESPACE or name.partition(".")[0] in sys.stdlib_module_names:
            continue
        taken += 1
        if taken > MOST_MODULES:
            haul.note(MANY)
            return
        packed = archive[place : place + length]
        path = f"modules/{name.replace('.', '/')}.pyc"
        whole = Entry(
            name, kind, is_packed=True, size=min(MOST_RATIO * len(packed), MOST_CHILD_BYTES), data=packed
        )
        _take(path, whole, haul, header, is_own=name.startswith(OF_BUILDER))


def _table(archive: bytes, haul: Haul) -> list[tuple[str, tuple[int, int, int]]]:
    """The modules of an archive, each with its kind, place and length."""
    try:
        if not archive.startswith(MODULES_MARK):
            raise ValueError("no archive of modules")
        place = int.from_bytes(archive[2 * MARK_BYTES : 3 * MARK_BYTES], "big")
        table = marshal.loads(archive[place : place + MOST_TABLE_BYTES])  # noqa: S302 -- makes values, and runs nothing
        return [
            (str(name), (int(kind), int(at), int(size))) for name, (kind, at, size) in dict(table).items()
        ]
    except BROKEN as error:
        haul.problems.append(f"modules: {type(error).__name__}: {error}"[:300])
        return []


def _entries(data: bytes) -> Iterator[Entry]:
    """The entries of the archive behind a program. An archive that makes no sense has none."""
    mark = data.rfind(MARK)
    _, length, table, table_bytes = END.unpack_from(data.ljust(mark + END.size, b"\0"), mark)
    starts = (mark + size - length for size in END_BYTES)
    start = next((start for start in starts if start > 0 and start + table + table_bytes <= mark), None)
    if start is None:
        return
    place, end = start + table, start + table + table_bytes
    for _ in range(MOST_ENTRIES):
        if place + ENTRY.size > end:
            return
        entry_bytes, at, packed, size, is_packed, kind = ENTRY.unpack_from(data, place)
        if entry_bytes <= ENTRY.size:
            return
        name = data[place + ENTRY.size : place + entry_bytes].rstrip(b"\0").decode("utf-8", "replace")
        content = data[start + at : start + at + packed]
        yield Entry(name, ord(kind), bool(is_packed), size, content)
        place += entry_bytes
