"""Reads shortcuts of Windows (LNK). Source: MS-SHLLINK. A damaged part costs what follows in the file, and nothing before."""

import struct
from collections.abc import Iterator
from uuid import UUID

import msgspec

from samplebank.worker.analysers.documents.times import moment
from samplebank.worker.contract import JSON

MAGIC = b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F"
HEADER = struct.Struct("<IIQQQIiIH")
HEADER_BYTES, FLAGS_PLACE = 0x4C, 20
HAS_IDS, HAS_INFO, IS_WIDE = 1, 2, 0x80
#: texts behind the header, in this order, each with its bit
TEXTS = (
    ("description", 4),
    ("relativePath", 8),
    ("workingFolder", 0x10),
    ("arguments", 0x20),
    ("icon", 0x40),
)
ENVIRONMENT, TRACKER, ICON, LEAST_BLOCK = 0xA0000001, 0xA0000003, 0xA0000007, 4
LONGEST_PATH, MOST_BLOCKS, MOST_ITEMS = 260, 50, 50
FOLDER_EXTENSION = b"\x04\0\xef\xbe"
#: bytes before the long name in an extension, by lowest version
BEFORE_NAME = ((9, 46), (8, 42), (7, 38), (3, 20))
SHOWN = {1: "normal", 3: "maximized", 7: "minimized"}


class Shortcut(msgspec.Struct):
    """A shortcut. `end` is where the shortcut ends in the file.

    `others` are targets in other parts of the file: where the parts differ, Windows shows one target and starts another.
    """

    facts: dict[str, JSON] = {}
    target: str = ""
    others: list[str] = []
    arguments: str = ""
    icon: str = ""
    shown: int = 1
    end: int = HEADER_BYTES


def read(data: bytes) -> Shortcut:
    """Read a shortcut as far as the shortcut can be read."""
    shortcut = Shortcut()
    flags, attributes, created, accessed, written, size, _, shown, _ = HEADER.unpack_from(
        data.ljust(HEADER_BYTES, b"\0"), FLAGS_PLACE
    )
    shortcut.shown = shown
    shortcut.facts = {
        "created": moment(created),
        "accessed": moment(accessed),
        "modified": moment(written),
        "targetSize": size,
        "attributes": attributes,
        "window": SHOWN.get(shown, str(shown)),
    }
    try:
        _read_behind(data, flags, shortcut)
    except (struct.error, IndexError, ValueError):
        shortcut.facts["isDamaged"] = True
        shortcut.end = len(data)
    shortcut.facts = {name: value for name, value in shortcut.facts.items() if value not in {None, ""}}
    return shortcut


def _read_behind(data: bytes, flags: int, shortcut: Shortcut) -> None:
    place, by_ids = HEADER_BYTES, ""
    if flags & HAS_IDS:
        (size,) = struct.unpack_from("<H", data, place)
        by_ids = _path_of(data[place + 2 : place + 2 + size])
        place += 2 + size
    by_info = ""
    if flags & HAS_INFO:
        (size,) = struct.unpack_from("<I", data, place)
        by_info = _path_in(data[place : place + size], shortcut)
        place += max(size, 4)
    _note_target(by_info, shortcut)
    _note_target(by_ids, shortcut)
    for name, bit in TEXTS:
        if flags & bit:
            text, place = _text(data, place, is_wide=bool(flags & IS_WIDE))
            shortcut.facts[name] = text[:500]
            if name == "arguments":
                shortcut.arguments = text
            elif name == "icon":
                shortcut.icon = text
            elif name == "relativePath" and not shortcut.target:
                shortcut.target = text
    shortcut.end = _read_blocks(data, place, shortcut)


def _note_target(path: str, shortcut: Shortcut) -> None:
    """Note a target. The first target that is told counts, and each that differs is another."""
    if not shortcut.target:
        shortcut.target = path
    elif path and path.lower() not in {shortcut.target.lower(), *map(str.lower, shortcut.others)}:
        shortcut.others.append(path)


def _note_target_with_variables(path: str, shortcut: Shortcut) -> None:
    """Note a target whose folder may be a variable: of two files with one name, one is the other with the variable."""
    name = path.lower().rpartition("\\")[2]
    if "%" not in path or not shortcut.target.lower().endswith(f"\\{name}"):
        _note_target(path, shortcut)


def _text(data: bytes, place: int, *, is_wide: bool) -> tuple[str, int]:
    (count,) = struct.unpack_from("<H", data, place)
    end = place + 2 + (2 * count if is_wide else count)
    if end > len(data):
        raise IndexError
    return data[place + 2 : end].decode("utf-16-le" if is_wide else "cp1252", "replace"), end


def _path_of(ids: bytes) -> str:
    """The path that a list of items spells."""
    parts, place = [], 0
    for _ in range(MOST_ITEMS):
        if place + 3 > len(ids):
            break
        (size,) = struct.unpack_from("<H", ids, place)
        if size < 3:  # noqa: PLR2004 -- the mark of the end
            break
        if part := _name_of(ids[place : place + size]):
            parts.append(part)
        place += size
    return "\\".join(part.rstrip("\\") for part in parts)


def _name_of(item: bytes) -> str:
    kind = item[2]
    if kind & 0x70 == 0x20:  # noqa: PLR2004 -- a drive
        return item[3:].partition(b"\0")[0].decode("cp1252", "replace")
    if kind & 0x70 == 0x30:  # noqa: PLR2004 -- a file or folder
        return _long_name(item) or item[14:].partition(b"\0")[0].decode("cp1252", "replace")
    if kind & 0x70 == 0x40:  # noqa: PLR2004 -- a host or share
        return item[5:].partition(b"\0")[0].decode("cp1252", "replace")
    if kind == 0x61:  # noqa: PLR2004 -- an address
        text = (
            item[8:].decode("utf-16-le", "replace")
            if item[8:9] and item[9:10] == b"\0"
            else item[8:].decode("latin-1")
        )
        return text.partition("\0")[0]
    return ""


def _long_name(item: bytes) -> str:
    place = item.find(FOLDER_EXTENSION) - 4
    if place < 0:
        return ""
    (version,) = struct.unpack_from("<H", item, place + 2)
    before = next((size for least, size in BEFORE_NAME if version >= least), 0)
    return item[place + before :].decode("utf-16-le", "replace").partition("\0")[0] if before else ""


def _path_in(information: bytes, shortcut: Shortcut) -> str:
    """The path of the target, or of the share, with the volume."""
    if len(information) < 28:  # noqa: PLR2004 -- the least header
        return ""
    _, _, flags, volume, base, share, rest = struct.unpack_from("<7I", information)
    suffix = _ended(information, rest)
    if flags & 1:
        if volume and volume + 12 <= len(information):
            (serial,) = struct.unpack_from("<I", information, volume + 8)
            shortcut.facts["volumeSerial"] = f"{serial:08x}"
        return _ended(information, base) + suffix
    if flags & 2 and share + 20 <= len(information):
        (name,) = struct.unpack_from("<I", information, share + 8)
        host = _ended(information, share + name)
        return f"{host}\\{suffix}" if suffix else host
    return suffix


def _ended(data: bytes, place: int) -> str:
    return (
        data[place : place + 2048].partition(b"\0")[0].decode("cp1252", "replace")
        if 0 < place < len(data)
        else ""
    )


def _read_blocks(data: bytes, place: int, shortcut: Shortcut) -> int:
    """Read the blocks behind the texts. Return where the shortcut ends."""
    for kind, content, end in _blocks(data, place):
        place = end
        if kind in {ENVIRONMENT, ICON}:
            path = content[LONGEST_PATH:].decode("utf-16-le", "replace").partition("\0")[0]
            path = path or content[:LONGEST_PATH].partition(b"\0")[0].decode("cp1252", "replace")
            if kind == ICON:
                shortcut.icon = path or shortcut.icon
            elif path:
                shortcut.facts["pathWithVariables"] = path[:500]
                _note_target_with_variables(path, shortcut)
        elif kind == TRACKER and len(content) >= 56:  # noqa: PLR2004 -- machine and two identifiers
            shortcut.facts["machine"] = content[8:24].partition(b"\0")[0].decode("latin-1")
            file = UUID(bytes_le=content[40:56])
            shortcut.facts["fileId"] = str(file)
            if file.version == 1:
                shortcut.facts["machineAddress"] = ":".join(f"{byte:02x}" for byte in file.bytes[10:])
    is_ended = int.from_bytes(data[place : place + 4], "little") < LEAST_BLOCK
    return min(place + 4, len(data)) if is_ended else place


def _blocks(data: bytes, place: int) -> Iterator[tuple[int, bytes, int]]:
    for _ in range(MOST_BLOCKS):
        if place + 8 > len(data):
            return
        size, kind = struct.unpack_from("<II", data, place)
        # a block that says that it is larger than the file is no block: another file may begin here
        if size < 2 * LEAST_BLOCK or place + size > len(data) or kind >> 16 != 0xA000:  # noqa: PLR2004
            return
        yield kind, data[place + 8 : place + size], place + size
        place += size
