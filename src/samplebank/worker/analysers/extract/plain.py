"""Containers that the standard library opens: tar, and files in one compressed stream."""

import bz2
import gzip
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, ClassVar, Self

from samplebank.worker.analysers.extract import lzip
from samplebank.worker.analysers.extract.haul import LOOKED_AT, MOST_CHILD_BYTES, Haul

STREAMS: Mapping[str, Callable[[BinaryIO], Any]] = {
    "gzip": gzip.open,
    "bzip": bz2.open,
    "xz": lzma.open,
    "lzma": lzma.open,
    "lzip": lzip.opened,
}
#: what a script of Unix unpacks
STREAM_BEHIND = re.compile(
    rb"\n(?:(?P<gzip>\x1f\x8b\x08)|(?P<bzip>BZh[1-9]1AY&SY)|(?P<xz>\xfd7zXZ\0)|(?P<zst>\x28\xb5\x2f\xfd)|(?P<lz4>\x04\x22\x4d\x18))"
)
TAR_MARK, TAR_PLACE = b"ustar", 257
#: headers whose bytes tell more of the next member, and most of these bytes: tarfile reads all of them into memory
EXTENSIONS = frozenset(
    (
        *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
        *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
    )
)
OF_PAX = frozenset({tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE})
MOST_EXTENSION_BYTES = 1024 * 1024
#: extensions of one member: for each of them, tarfile calls itself
MOST_EXTENSIONS = 50
#: kinds of members without bytes of a file: links, devices, folders of GNU, names of volumes, ACLs of Solaris
WITHOUT_FILE = frozenset(set(tarfile.SUPPORTED_TYPES) - set(tarfile.REGULAR_TYPES)) | frozenset(
    (b"A", b"D", b"M", b"N", b"V")
)
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


def open_tar(data: bytes, haul: Haul, label: str = "") -> None:
    """Open a tar file, in a compressed stream where `label` names one. Links and devices without bytes are passed over.

    A member of a kind that no standard knows is a file, as for tar. `ignore_zeros` goes on behind a header that is damaged, as tar does.
    """
    with STREAMS[label](_Packed(data, haul)) if label else io.BytesIO(data) as stream:
        _open_tar(_InTime(stream, haul), haul)


def _open_tar(stream: Any, haul: Haul) -> None:
    with tarfile.open(fileobj=stream, mode="r|", ignore_zeros=True, tarinfo=_Header) as container:
        for entry in container:
            if entry.type in WITHOUT_FILE:
                continue
            if not haul.begin(entry.name, entry.size):
                if entry.size > MOST_CHILD_BYTES and haul.may_look():
                    beginning = _UpToDamage(_Member(container, entry), haul).read(LOOKED_AT)
                    haul.take_padded(entry.name, beginning, "tar")
                continue
            member = container.extractfile(entry) if entry.issparse() else _Member(container, entry)
            if member is not None:
                haul.read(_UpToDamage(member, haul), entry.name, "tar", packed=max(entry.size, 1))


class _Header(tarfile.TarInfo):
    """The header of a member. An extension that is very large, or one of very many, is passed over as if the extension were a file."""

    in_front: ClassVar[int] = 0
    is_behind_pax: ClassVar[bool] = False

    @classmethod
    def frombuf(cls, buf: Any, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if header.type == tarfile.LNKTYPE and header.size and cls.is_behind_pax:
            header.type = tarfile.REGTYPE  # a hard link of pax may bring the bytes of the file
        cls.is_behind_pax = header.type in OF_PAX or (cls.is_behind_pax and header.type in EXTENSIONS)
        cls.in_front = cls.in_front + 1 if header.type in EXTENSIONS else 0
        if cls.in_front and (header.size > MOST_EXTENSION_BYTES or cls.in_front > MOST_EXTENSIONS):
            header.type, cls.in_front = tarfile.REGTYPE, 0
        return header


class _Member:
    """The bytes of a member. In a file that is cut off, tarfile would lose the bytes in front of the cut."""

    def __init__(self, container: tarfile.TarFile, entry: tarfile.TarInfo) -> None:
        self._stream: Any = container.fileobj
        self._stream.seek(entry.offset_data)
        self._left = entry.size

    def read1(self, size: int = -1, /) -> bytes:
        piece: bytes = self._stream.read(min(size, self._left))
        self._left -= len(piece)
        return piece


class _Packed(io.BytesIO):
    """Packed bytes that end with `Stopped` when the time of the sample is over: of millions of empty streams, nothing comes out for long."""

    def __init__(self, data: bytes, haul: Haul) -> None:
        super().__init__(data)
        self._haul = haul

    def read(self, size: int | None = -1, /) -> bytes:
        self._haul.go_on()
        return super().read(size)


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
    with STREAMS[name](_Packed(data, haul)) as stream:
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


def is_tar_within(data: bytes, name: str, haul: Haul) -> bool:
    """Whether a compressed stream begins with a tar file."""
    try:
        with STREAMS[name](_Packed(data, haul)) as stream:
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
