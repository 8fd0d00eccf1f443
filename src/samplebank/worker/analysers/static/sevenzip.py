"""7z archives: the entries, and whether the entries or the names of the entries have a password.

Source: 7zFormat.txt of the LZMA SDK, which is in the public domain.
"""

import lzma
import struct
from collections.abc import Mapping
from itertools import islice
from typing import BinaryIO

import msgspec

from samplebank.worker.analysers.static.containers import MOST_ENTRIES, Container, Entry

START = struct.Struct("<6s2sIQQI")
MIB = 1024 * 1024
MOST_HEADER_BYTES = 4 * MIB
AES, COPY, LZMA, LZMA2 = b"\x06\xf1\x07\x01", b"\x00", b"\x03\x01\x01", b"\x21"
MOST_FOLDERS, MOST_CODERS, MOST_STREAMS = 100_000, 32, 1_000_000
#: how many times a header may be packed
MOST_LAYERS = 4

(
    END,
    HEADER,
    PROPERTIES,
    OTHER_STREAMS,
    MAIN_STREAMS,
    FILES,
    PACK_INFO,
    UNPACK_INFO,
    SUBSTREAMS,
    SIZE,
    CRC,
    FOLDER,
) = range(12)
UNPACK_SIZE, STREAM_COUNT, NAMES, ENCODED_HEADER = 0x0C, 0x0D, 0x11, 0x17
LEAST_DICTIONARY_BYTES = 4096


class Folder(msgspec.Struct):
    """Contents that are packed together.

    `coders` holds the id and the properties of each method. `outputs` counts the streams that the methods give.
    """

    coders: list[tuple[bytes, bytes]]
    outputs: int
    sizes: list[int] = []
    has_checksum: bool = False

    @property
    def is_encrypted(self) -> bool:
        return any(coder == AES for coder, _ in self.coders)


class Streams(msgspec.Struct):
    place: int = 0
    packed: list[int] = []
    folders: list[Folder] = []


def read(file: BinaryIO) -> Container:
    """Read the entries. Raises ValueError where the headers make no sense."""
    _, _, _, offset, size, _ = START.unpack(file.read(START.size))
    header = _bytes_at(file, START.size + offset, size)
    for _ in range(MOST_LAYERS):
        if header[:1] != bytes([ENCODED_HEADER]):
            break
        streams = Reader(header, 1).streams()
        if any(folder.is_encrypted for folder in streams.folders):
            return Container(hides_names=True)
        header = _unpacked(file, streams)
    return _described(header)


def _described(header: bytes) -> Container:
    is_encrypted = AES in header
    try:
        names = Reader(header, 1).names()
    except (ValueError, IndexError):  # without the names, whether the archive has a password is still told
        names = []
    return Container([Entry(name, is_encrypted) for name in names], is_encrypted=is_encrypted)


def _bytes_at(file: BinaryIO, place: int, size: int) -> bytes:
    if size > MOST_HEADER_BYTES:
        raise ValueError("too large a header")
    file.seek(min(place, 1 << 62))
    return file.read(size)


def _unpacked(file: BinaryIO, streams: Streams) -> bytes:
    folder = streams.folders[0]
    packed = _bytes_at(file, START.size + streams.place, streams.packed[0])
    coder, properties = folder.coders[0]
    size = min(folder.sizes[0], MOST_HEADER_BYTES)
    if coder == COPY:
        return packed
    decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[_filter(coder, properties, size)])
    return decoder.decompress(packed, size)


def _filter(coder: bytes, properties: bytes, size: int) -> Mapping[str, int]:
    """The filter that unpacks a header. The dictionary is no larger than the header, whatever the archive asks for."""
    dictionary = max(size, LEAST_DICTIONARY_BYTES)
    if coder == LZMA2:
        return {"id": lzma.FILTER_LZMA2, "dict_size": dictionary}
    if coder != LZMA:
        raise ValueError("a header that is packed in an unknown way")
    first = properties[0]
    return {
        "id": lzma.FILTER_LZMA1,
        "dict_size": dictionary,
        "lc": first % 9,
        "lp": first // 9 % 5,
        "pb": first // 45,
    }


class Reader:
    """Reads the numbers of a header in order. Raises ValueError or IndexError where a number is missing."""

    def __init__(self, content: bytes, place: int) -> None:
        self._content, self._place = content, place

    def names(self) -> list[str]:
        """The names of the entries of a whole header."""
        while (kind := self._byte()) != FILES:
            if kind in {MAIN_STREAMS, OTHER_STREAMS}:
                self.streams()
            elif kind == PROPERTIES:
                while self._byte() != END:
                    self._skip(self._number())
            else:
                raise ValueError(kind)
        self._count(MOST_STREAMS)
        while (kind := self._byte()) != END:
            size = self._number()
            if kind == NAMES:
                text = self._content[self._place + 1 : self._place + size].decode(
                    "utf-16-le", errors="replace"
                )
                return list(islice((name for name in text.split("\0") if name), MOST_ENTRIES))
            self._skip(size)
        return []

    def streams(self) -> Streams:
        found = Streams()
        while (kind := self._byte()) != END:
            if kind == PACK_INFO:
                self._packs(found)
            elif kind == UNPACK_INFO:
                self._folders(found)
            elif kind == SUBSTREAMS:
                self._substreams(found.folders)
            else:
                raise ValueError(kind)
        return found

    def _packs(self, found: Streams) -> None:
        found.place, count = self._number(), self._count(MOST_STREAMS)
        while (kind := self._byte()) != END:
            if kind == SIZE:
                found.packed = [self._number() for _ in range(count)]
            elif kind == CRC:
                self._checksums(count)
            else:
                raise ValueError(kind)

    def _folders(self, found: Streams) -> None:
        self._expect(FOLDER)
        count = self._count(MOST_FOLDERS)
        self._expect(0)  # 0: the folders follow here, not in another stream
        found.folders = [self._folder() for _ in range(count)]
        self._expect(UNPACK_SIZE)
        for folder in found.folders:
            folder.sizes = [self._number() for _ in range(folder.outputs)]
        while (kind := self._byte()) != END:
            if kind != CRC:
                raise ValueError(kind)
            for folder, has in zip(found.folders, self._checksums(count), strict=True):
                folder.has_checksum = has

    def _folder(self) -> Folder:
        coders, inputs, outputs = [], 0, 0
        for _ in range(self._count(MOST_CODERS)):
            flags = self._byte()
            coder = self._bytes(flags & 0x0F)
            ins, outs = (self._count(MOST_CODERS), self._count(MOST_CODERS)) if flags & 0x10 else (1, 1)
            properties = self._bytes(self._number()) if flags & 0x20 else b""
            coders.append((coder, properties))
            inputs, outputs = inputs + ins, outputs + outs
        bound = max(outputs - 1, 0)
        for _ in range(2 * bound):
            self._number()
        packed = inputs - bound
        for _ in range(packed if packed > 1 else 0):
            self._number()
        return Folder(coders, outputs)

    def _substreams(self, folders: list[Folder]) -> None:
        counts = [1] * len(folders)
        kind = self._byte()
        if kind == STREAM_COUNT:
            counts = [self._count(MOST_STREAMS) for _ in folders]
            kind = self._byte()
        if kind == SIZE:
            for count in counts:
                for _ in range(count - 1):
                    self._number()
            kind = self._byte()
        while kind != END:
            if kind != CRC:
                raise ValueError(kind)
            known = (one == 1 and folder.has_checksum for one, folder in zip(counts, folders, strict=True))
            self._checksums(sum(0 if has else one for one, has in zip(counts, known, strict=True)))
            kind = self._byte()

    def _checksums(self, count: int) -> list[bool]:
        if self._byte():
            defined = [True] * count
        else:
            bits = self._bytes((count + 7) // 8)
            defined = [bool(bits[one // 8] & 0x80 >> one % 8) for one in range(count)]
        self._skip(4 * sum(defined))
        return defined

    def _expect(self, kind: int) -> None:
        if (found := self._byte()) != kind:
            raise ValueError(found)

    def _count(self, most: int) -> int:
        if (count := self._number()) > most:
            raise ValueError(count)
        return count

    def _number(self) -> int:
        """Read a number. The leading one bits of the first byte count the bytes that follow.

        The other bits of the first byte are the highest bits of the number.
        """
        first, mask, value = self._byte(), 0x80, 0
        for place in range(8):
            if not first & mask:
                return value | (first & mask - 1) << 8 * place
            value |= self._byte() << 8 * place
            mask >>= 1
        return value

    def _byte(self) -> int:
        self._place += 1
        return self._content[self._place - 1]

    def _bytes(self, size: int) -> bytes:
        found = self._content[self._place : self._place + size]
        self._skip(size)
        return found

    def _skip(self, size: int) -> None:
        if size > len(self._content) - self._place:
            raise ValueError(size)
        self._place += size
