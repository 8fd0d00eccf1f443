"""Containers that 7-Zip opens, in memory, by the package pybit7z. Without the package, none of these containers is opened."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any

from samplebank.identification.signatures import find_signature
from samplebank.worker.analysers.extract import disks, iso, rescue
from samplebank.worker.analysers.extract.extras import installed
from samplebank.worker.analysers.extract.haul import Haul
from samplebank.worker.analysers.extract.kinds import HEAD_BYTES, Kind, kind_by_name, kind_of
from samplebank.worker.analysers.extract.passwords import Words, words_in

pybit7z = installed("pybit7z")

#: 7-Zip looks at the file itself: pybit7z has no name for the format
AUTO = "Auto"
#: the name that 7-Zip gives a member in a format without names
NAMELESS = "[Content]"
#: for each type of file: the formats of 7-Zip that are tried, one after the other
FORMATS: Mapping[str, Sequence[str]] = {
    "zip": ("Zip",),
    "sevenzip": ("SevenZip",),
    "rar": ("Rar5", "Rar"),
    "cab": ("Cab",),
    "iso": ("Udf", "Iso"),
    "udf": ("Udf",),
    "vhd": ("Vhd",),
    "vhdx": ("Vhdx",),
    "vmdk": ("VMDK",),
    "vdi": ("VDI",),
    "qcow": ("Qcow",),
    "dmg": ("Dmg",),
    # a disk with a GUID partition table has a boot record with one partition besides, which is the whole disk
    "bootsector": ("GPT", "Mbr", "Fat", "Ntfs"),
    "fat": ("Fat",),
    "ntfs": ("Ntfs",),
    "ext": ("Ext",),
    "squashfs": ("SquashFS",),
    "cramfs": ("CramFS",),
    "wim": ("Wim",),
    "xar": ("Xar",),
    "rpm": ("Rpm",),
    "deb": ("Deb",),
    "ar": ("Deb",),
    "cpio": ("Cpio",),
    "arj": ("Arj",),
    "lha": ("Lzh",),
    "chm": ("Chm",),
    "compress": ("Z",),
    "mscompress": ("Mslz",),
    "zst": (AUTO,),
    "ole": ("Compound",),
    "msi": ("Compound",),
    "pebin": ("Nsis",),
}
#: a disk image of 10 KiB may honestly hold 8 MiB of zeros
IMAGES = frozenset({"vhd", "vhdx", "vmdk", "vdi", "qcow", "dmg", "fat", "ntfs", "ext", "bootsector"})
#: pictures that hide an archive: a picture is shown though more follows
PICTURES = frozenset({"png", "jpeg", "gif", "bmp", "ico", "webp"})
#: members of installers that are tables, or parts of the program itself
ACTING = frozenset({Kind.PROGRAM, Kind.SCRIPT, Kind.DOCUMENT, Kind.ARCHIVE, Kind.MAIL})
#: where 7-Zip shows the tables of a file system
OF_SYSTEM = ("[SYSTEM]/", "[SYS]/")
#: how the names of the tables of a help file begin (CHM)
OF_INDEX = ("#", "$")
#: disks around a disk: an image has partitions, and these have files
MOST_DISKS_AROUND = 2
MOST_SOLID_BYTES = 160 * 1024 * 1024
#: what 7-Zip raises for damaged files
BROKEN: tuple[type[Exception], ...] = () if pybit7z is None else (pybit7z.BitException,)
NEEDS_PASSWORD = "password"  # noqa: S105 part of a message of 7-Zip


@lru_cache(1)
def library() -> Any:
    """7-Zip, loaded once for all analyses. None without the package."""
    if pybit7z is None:
        return None
    return pybit7z.Bit7zLibrary(pybit7z.default_lib7zip())


def can_open(label: str) -> bool:
    return label in FORMATS and library() is not None


def open_archive(
    data: bytes,
    haul: Haul,
    words: Words,
    label: str,
    *,
    only: frozenset[Kind] | None = None,
    alone: str = "content",
    depth: int = 0,
) -> bool:
    """Open a file of the type `label`; False where 7-Zip sees no archive.

    `only`: other kinds of members are listed. `alone` is the name of a member in a format without names. `depth` counts the disks
    around the file.
    """
    for name in FORMATS[label]:
        kind, how = getattr(pybit7z, f"Format{name}"), label if name == AUTO else name.lower()
        try:
            reader, word = _opened(data, kind, words)
        except pybit7z.BitException as error:
            if NEEDS_PASSWORD in str(error).lower():
                haul.opened.append(how)
                haul.begin("")
                haul.lock("", len(data))
                return True
            continue
        haul.opened.append(how)
        if word is not None:
            haul.password_used = word
        save = rescue.Rescue(data, haul).take if label == "zip" else None
        locked = _take_all(reader, haul, how, is_image=label in IMAGES, only=only, alone=alone, save=save)
        if name == "Iso":
            _take_hidden(reader, data, haul)
        if label in IMAGES:
            within = partial(_open_within, haul=haul, words=words, depth=depth)
            disks.open_disks(reader, haul, within, BROKEN)
        _take_locked(locked, partial(_reader, data, kind), haul, how, words)
        return True
    return False


def _open_within(content: bytes, *, haul: Haul, words: Words, depth: int) -> bool:
    """Open a disk or partition of a disk image."""
    found = find_signature(content[:HEAD_BYTES]) if depth < MOST_DISKS_AROUND else None
    label = found.file_type.label if found else ""
    return label in IMAGES and open_archive(content, haul, words, label, depth=depth + 1)


def _opened(data: bytes, kind: Any, words: Words) -> tuple[Any, str | None]:
    """A reader, and the word that opens the members. Raises BitException."""
    try:
        reader = _reader(data, kind)
    except pybit7z.BitException as error:
        if NEEDS_PASSWORD not in str(error).lower():
            raise
        reader = None
    else:
        words.hear(words_in(_comment_of(reader)))
    locked = None if reader is None else _smallest_locked(reader)
    if reader is not None and locked is None:
        return reader, None
    for word in words.to_try():
        try:
            tried = _reader(data, kind, word)
            tried.test_item(_smallest_locked(tried) or 0)
        except pybit7z.BitException:
            continue
        words.prefer(word)
        return tried, word
    if reader is None:
        raise pybit7z.BitException("No password opens the archive.")
    return reader, None


def _reader(data: bytes, kind: Any, word: str | None = None) -> Any:
    """A reader, which needs the data as long as the reader is used. Raises BitException."""
    known = {} if word is None else {"password": word}
    return pybit7z.BitArchiveReader(library(), data, kind, **known)


def _comment_of(reader: Any) -> str:
    comment = reader.archive_property(pybit7z.BitProperty.Comment)
    return str(comment.get_string()) if comment.is_string() else ""


def _path_of(item: Any) -> str:
    path: str = item.path()
    return path.replace("\\", "/")


def _smallest_locked(reader: Any) -> int | None:
    """The index of the smallest encrypted member; None where there is none."""
    locked = [
        (item.size(), item.index()) for item in reader.items() if item.is_encrypted() and not item.is_dir()
    ]
    return min(locked)[1] if locked else None


def _take_all(
    reader: Any,
    haul: Haul,
    how: str,
    *,
    is_image: bool,
    only: frozenset[Kind] | None,
    alone: str,
    save: Callable[[str, Exception], int | None] | None,
) -> list[Any]:
    """Take what the reader opens. Answers the members that need another password."""
    locked = []
    items = [
        item for item in reader.items() if not item.is_dir() and not (is_image and disks.is_disk(item.size()))
    ]
    at_once = _all_at_once(reader, items, haul)
    for item in sorted(items, key=lambda item: (kind_by_name(item.path()), item.path())):
        path, size = _path_of(item), item.size()
        path = alone if path == NAMELESS else path
        packed = size if is_image or not item.pack_size() else item.pack_size()
        if not haul.begin(path, size, packed if reader.items_count() > 1 else None):
            disks.take_padded(item, partial(reader.extract_to, item.index()), haul, how, BROKEN)
            continue
        try:
            content = at_once.get(item.path())
            content = reader.extract_to(item.index()) if content is None else content
        except pybit7z.BitException as error:
            if item.is_encrypted():
                locked.append(item)
            elif save is None or save(path, error) is None:
                haul.fail(path, size, error)
            continue
        take_member(content, path, haul, how, only)
    return locked


def _take_hidden(shown: Any, data: bytes, haul: Haul) -> None:
    """Take files of an ISO image that the first tree of names has and Joliet lacks: more files of one size stand there."""
    first = iso.without_joliet(data)
    if first is None:
        return
    with suppress(pybit7z.BitException):
        reader = _reader(first, pybit7z.FormatIso)
        sizes = Counter(item.size() for item in shown.items())
        both = Counter(item.size() for item in reader.items())
        for item in reader.items():
            path, size = _path_of(item), item.size()
            if not item.is_dir() and both[size] > sizes[size] and haul.begin(path, size, size):
                haul.take(path, reader.extract_to(item.index()), "iso")


def _take_locked(
    locked: list[Any], reader_by: Callable[[str], Any], haul: Haul, how: str, words: Words
) -> None:
    """Take members that have a password of their own. The first word is tried on all members, then the next one."""
    for word in words.to_try() if locked else ():
        try:
            reader, left = reader_by(word), []
        except pybit7z.BitException:  # hidden names have the password of all members
            continue
        for item in locked:
            content = _unlocked(reader, item.index()) if words.has_time else None
            if content is None:
                left.append(item)
                continue
            haul.password_used = word
            haul.take(_path_of(item), content, how)
        locked = left
    for item in locked:
        haul.lock(_path_of(item), item.size())


def only_member(data: bytes, word: str) -> bytes | None:
    """The bytes of the only member of a ZIP file, where the word is the right one."""
    with suppress(pybit7z.BitException):
        return _unlocked(_reader(data, pybit7z.FormatZip, word), 0)
    return None


def _unlocked(reader: Any, index: int) -> bytes | None:
    try:
        content: bytes = reader.extract_to(index)
    except pybit7z.BitException:
        return None
    return content


def _all_at_once(reader: Any, items: Sequence[Any], haul: Haul) -> Mapping[str, bytes]:
    """The members of a solid archive, each of which would cost the unpacking of all members before; none of other archives.

    A damaged archive gives none: the members before the damage can be unpacked one by one.
    """
    is_small = sum(item.size() for item in items) <= MOST_SOLID_BYTES
    if len(items) < 2 or not is_small or not reader.is_solid():  # noqa: PLR2004 a single member has no member before
        return {}
    if reader.has_encrypted_items() and not haul.password_used:
        return {}
    try:
        found: dict[str, bytes] = reader.extract_to()
    except pybit7z.BitException:
        return {}
    # Of several members of one name, pybit7z answers the last one.
    names = Counter(item.path() for item in items)
    return {name: data for name, data in found.items() if names[name] == 1}


def take_member(content: bytes, path: str, haul: Haul, how: str, only: frozenset[Kind] | None = None) -> None:
    """Take a member. Of the tables of a file system, and of the index of a help file, only what acts becomes a child."""
    is_of_index = how == "chm" and path.startswith(OF_INDEX)
    only = ACTING if is_of_index or path.startswith(OF_SYSTEM) else only
    if only is not None and kind_of(path, content) not in only:
        haul.pass_over(path, len(content), "a part of the container itself")
    else:
        haul.take(path, content, how)
