"""Containers that the standard library opens: ZIP, tar, and files in one compressed stream."""

import bz2
import gzip
import io
import lzma
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from samplebank.worker.analysers.extract import lzip, sevenzip
from samplebank.worker.analysers.extract.haul import MANY, SAME, Haul
from samplebank.worker.analysers.extract.kinds import kind_by_name
from samplebank.worker.analysers.extract.passwords import Words

STREAMS: Mapping[str, Callable[[BinaryIO], Any]] = {
    "gzip": gzip.open,
    "bzip": bz2.open,
    "xz": lzma.open,
    "lzma": lzma.open,
    "lzip": lzip.opened,
}
STREAM_BEHIND = re.compile(
    rb"\n(?:(?P<gzip>\x1f\x8b\x08)|(?P<bzip>BZh[1-9]1AY&SY)|(?P<xz>\xfd7zXZ\0)|(?P<zst>\x28\xb5\x2f\xfd)|(?P<lz4>\x04\x22\x4d\x18))"
)
TAR_MARK, TAR_PLACE = b"ustar", 257
#: errors of a damaged member; `RuntimeError` is what zipfile raises for a wrong password
BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
    EOFError,
    OSError,
    ValueError,
    IndexError,
    OverflowError,
)
#: what costs a member: a few bytes may ask for a dictionary larger than the memory of the worker
LOST = (*BROKEN, MemoryError)
METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA})
#: the entry is encrypted; its sizes stand behind its bytes, and the time checks the word; its name is in UTF-8
ENCRYPTED_BIT, LATER_BIT, UTF8_BIT = 1, 8, 0x800
#: encrypted members that the standard library decrypts in a blink
SMALL_LOCKED = 64 * 1024
#: the end of the directory of a ZIP file, without its comment; where the length of the comment stands
END_MARK, END_BYTES, COMMENT_LENGTH = b"PK\x05\x06", 22, 20
#: ends of directories that are looked at
MOST_ENDS = 20
#: where the length of the name, and the name, stand in the header in front of the bytes of an entry
NAME_LENGTH, NAME = 26, 30


def knows_all_of(data: bytes) -> bool:
    """Whether the standard library reads the directory of a ZIP file, and knows the method of each member."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as container:
            return all(entry.compress_type in METHODS for entry in container.infolist())
    except BROKEN:
        return False


def places_of_zips(data: bytes, haul: Haul) -> Iterator[tuple[int, int]]:
    """Where each of several ZIP files that stand one behind the other begins and ends, from the last one to the first.

    Some unpackers open the first one, others the last one.
    """
    end, start = len(data), len(data)
    for _ in range(MOST_ENDS):
        try:
            with zipfile.ZipFile(io.BytesIO(data[:end])) as container:
                places = [entry.header_offset for entry in container.infolist()]
                start = max(0, min(places, default=container.start_dir))
                yield start, end
        except BROKEN:
            if end == len(data):
                return
            # the bytes of the mark stand there by chance, or to mislead
        mark = data.rfind(END_MARK, 0, min(start, end - 1))
        if mark < 0:
            return
        comment = int.from_bytes(data[mark + COMMENT_LENGTH : mark + END_BYTES], "little")
        start, end = mark, min(mark + END_BYTES + comment, start)
    haul.note(MANY)


def has_zip_behind(data: bytes) -> bool:
    """Whether a ZIP file ends the data, behind something else."""
    end = data.rfind(b"PK\x05\x06", max(0, len(data) - 66_000))
    return end > 0 and zipfile.is_zipfile(io.BytesIO(data))


def ends_with_zip(data: bytes) -> bool:
    """Whether a ZIP file is the end of the data, to the last byte. Members and objects of containers seldom are."""
    mark = data.rfind(END_MARK, max(0, len(data) - 66_000))
    comment = int.from_bytes(data[mark + COMMENT_LENGTH : mark + END_BYTES], "little")
    return mark > 0 and mark + END_BYTES + comment == len(data) and zipfile.is_zipfile(io.BytesIO(data))


def stream_behind_script(data: bytes) -> tuple[int, str] | None:
    """Where the compressed stream behind a script of Unix begins, which the script unpacks, and the type of the stream."""
    if not data.startswith(b"#!"):
        return None
    found = STREAM_BEHIND.search(data)
    if found:
        return found.start() + 1, str(found.lastgroup)
    tar = data.find(TAR_MARK) - TAR_PLACE
    is_tar = tar > 0 and data[tar - 1 : tar] == b"\n" and is_old_tar(data[tar:])
    return (tar, "tar") if is_tar else None


def open_zip(data: bytes, haul: Haul, words: Words) -> None:
    """Open a ZIP file. Members that programs and scripts are expected in come first."""
    with zipfile.ZipFile(io.BytesIO(data)) as container:
        entries = [entry for entry in container.infolist() if not entry.is_dir()]
        places: set[int] = set()
        for entry in sorted(entries, key=lambda entry: (kind_by_name(entry.filename), entry.filename)):
            if not haul.begin(entry.filename, entry.file_size, entry.compress_size):
                continue
            if entry.header_offset in places:
                haul.pass_over(entry.filename, entry.file_size, SAME)
                continue
            try:
                entry.orig_filename = _name_in_front(data, entry)
                _take_entry(container, entry, data, haul, words)
                places.add(entry.header_offset)
            except LOST as error:
                haul.fail(entry.filename, entry.file_size, error)


def _name_in_front(data: bytes, entry: zipfile.ZipInfo) -> str:
    """The name in front of the bytes of an entry. Unpackers go by the name in the directory, and zipfile refuses another name in front."""
    place = entry.header_offset
    length = int.from_bytes(data[place + NAME_LENGTH : place + NAME_LENGTH + 2], "little")
    name = data[place + NAME : place + NAME + length]
    return name.decode("utf-8" if entry.flag_bits & UTF8_BIT else "cp437")


def _take_entry(
    container: zipfile.ZipFile, entry: zipfile.ZipInfo, data: bytes, haul: Haul, words: Words
) -> None:
    if not entry.flag_bits & ENCRYPTED_BIT:
        with container.open(entry) as stream:
            haul.read(stream, entry.filename, "zip", packed=entry.compress_size)
        return
    content = _read_without_word(container, entry)
    if content is not None:
        haul.take(entry.filename, content, "zip")
        return
    for word in words.to_try():
        content = _unlocked(container, entry, data, word)
        if content is None:
            continue
        words.prefer(word)
        haul.password_used = word
        haul.take(entry.filename, content, "zip")
        return
    haul.lock(entry.filename, entry.file_size)


def _unlocked(container: zipfile.ZipFile, entry: zipfile.ZipInfo, data: bytes, word: str) -> bytes | None:
    """The bytes of an entry, where the word is the right one. By chance one wrong word in 256 passes the check at the start, and fails later.

    The standard library takes more than half a second for each MiB, and 7-Zip a hundredth of this time.
    """
    try:
        with container.open(entry, pwd=word.encode()) as stream:
            if entry.compress_size <= SMALL_LOCKED or not sevenzip.can_open("zip"):
                return stream.read()
        return sevenzip.only_member(_alone(entry, data), word)
    except (RuntimeError, *LOST):
        return None


def _alone(entry: zipfile.ZipInfo, data: bytes) -> bytes:
    """A ZIP file with one entry of another ZIP file, under the name `x`."""
    place = entry.header_offset
    start = place + NAME + sum(struct.unpack_from("<HH", data, place + NAME_LENGTH))
    flags = entry.flag_bits & (ENCRYPTED_BIT | LATER_BIT)
    sizes = struct.pack("<III", entry.CRC, entry.compress_size, entry.file_size)
    # the version before, and the time between, stand in the header in front of the bytes
    fields = data[place + 4 : place + 6] + struct.pack("<HH", flags, entry.compress_type)
    fields += data[place + 10 : place + 14] + sizes + struct.pack("<HH", 1, 0)
    local = b"PK\x03\x04" + fields + b"x" + data[start : start + entry.compress_size]
    local += b"PK\x07\x08" + sizes if flags & LATER_BIT else b""
    directory = b"PK\x01\x02\x14\0" + fields + bytes(14) + b"x"
    end = END_MARK + bytes(4) + b"\1\0\1\0" + struct.pack("<IIH", len(directory), len(local), 0)
    return local + directory + end


def _read_without_word(container: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes | None:
    """The bytes of an entry that only claims to be encrypted: Java and Android do not look at the claim. The check sum tells."""
    entry.flag_bits &= ~ENCRYPTED_BIT
    try:
        return container.read(entry)
    except (RuntimeError, *LOST):
        return None
    finally:
        entry.flag_bits |= ENCRYPTED_BIT


def open_tar(data: bytes, haul: Haul, label: str = "") -> None:
    """Open a tar file, in a compressed stream where `label` names one. Links and devices have no bytes, and are passed over.

    `ignore_zeros` goes on behind a header that is damaged, as tar does.
    """
    with STREAMS[label](io.BytesIO(data)) if label else io.BytesIO(data) as stream:
        _open_tar(_InTime(stream, haul), haul)


def _open_tar(stream: Any, haul: Haul) -> None:
    with tarfile.open(fileobj=stream, mode="r|", ignore_zeros=True) as container:
        for entry in container:
            if not entry.isfile() or not haul.begin(entry.name, entry.size):
                continue
            member = container.extractfile(entry)
            if member is not None:
                haul.read(member, entry.name, "tar", packed=max(entry.size, 1))


class _InTime:
    """A stream that ends with `Stopped` when the time of the sample is over: a member that is passed over is unpacked, too."""

    def __init__(self, stream: Any, haul: Haul) -> None:
        self._stream, self._haul = stream, haul

    def read(self, size: int = -1, /) -> bytes:
        self._haul.go_on()
        piece: bytes = self._stream.read1(size)
        return piece


def open_stream(data: bytes, haul: Haul, name: str, path: str) -> None:
    """Unpack a file in one compressed stream. The name of the file is the name of the container without its ending."""
    haul.begin(path)
    with STREAMS[name](io.BytesIO(data)) as stream:
        try:
            haul.read(_UpToDamage(stream, haul), path, name)
        except MemoryError as error:
            haul.fail(path, 0, error)


class _UpToDamage:
    """A stream that ends where the stream below is damaged. The damage is told as a problem.

    Bytes behind a gzip file count as damage for the standard library: every other program unpacks the file.
    """

    def __init__(self, stream: Any, haul: Haul) -> None:
        self._stream, self._haul = stream, haul
        self._has_read = False

    def read(self, size: int = -1, /) -> bytes:
        try:
            # `read` would lose what was unpacked before the damage.
            piece: bytes = self._stream.read1(size)
        except LOST as error:
            if not self._has_read:
                raise
            self._haul.problems.append(f"{type(error).__name__}: {error}"[:300])
            return b""
        self._has_read = True
        return piece


def is_tar_within(data: bytes, name: str) -> bool:
    """Whether a compressed stream begins with a tar file."""
    try:
        with STREAMS[name](io.BytesIO(data)) as stream:
            head: bytes = stream.read(tarfile.BLOCKSIZE)
    except LOST:
        return False
    return head.startswith(TAR_MARK, TAR_PLACE) or is_old_tar(head)


def is_old_tar(head: bytes) -> bool:
    """Whether a tar file of before POSIX begins. Such a file has no mark, only the check sum of its header."""
    try:
        entry = tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return bool(entry.name)
