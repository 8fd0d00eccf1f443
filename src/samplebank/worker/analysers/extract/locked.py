"""Members of ZIP files under the traditional encryption. Large members are opened by 7-Zip."""

import io
import struct
import zipfile

from samplebank.identification.signatures import find_signature
from samplebank.identification.zip_directory import Entry, unpack
from samplebank.worker.analysers.extract import sevenzip
from samplebank.worker.analysers.extract.haul import MOST_CHILD_BYTES
from samplebank.worker.analysers.extract.kinds import HEAD_BYTES, is_text
from samplebank.worker.analysers.extract.plain import BROKEN, LOST

#: the entry is encrypted; its sizes stand behind its bytes, and the time checks the word
ENCRYPTED_BIT, LATER_BIT = 1, 8
#: encrypted members that the standard library decrypts in a blink
SMALL_LOCKED = 64 * 1024
#: where the lengths of the name and of the extra field, and the name, stand in the header in front of the bytes of an entry
NAME_LENGTH, NAME = 26, 30
END_MARK = b"PK\x05\x06"
WRONG_SUM = zipfile.BadZipFile("The check sum is wrong.")
#: what stands in front of encrypted bytes, and the most bytes that are decrypted without a check sum: a MiB takes half a second
KEY_BYTES, MOST_DECRYPTED = 12, 8 * 1024 * 1024
#: of noise of this length, more than a few bytes are no letters
FEWEST_LETTERS = 128
#: the standard library reads ahead, and compares the check sum behind the last byte
MORE_BYTES = 64 * 1024


def unlocked(container: zipfile.ZipFile, entry: zipfile.ZipInfo, data: bytes, word: str) -> bytes | None:
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


def unlocked_without_sum(entry: zipfile.ZipInfo, data: bytes, word: str) -> bytes | None:
    """The bytes of an entry whose check sum is wrong, where the word is the right one.

    A wrong word that passes the check at the start gives noise, which does not unpack to the right size, or is of no known kind.
    """
    size = entry.compress_size - KEY_BYTES
    if not 0 < size <= MOST_DECRYPTED:
        return None
    made = io.BytesIO(_alone(entry, data, MORE_BYTES))
    told = Entry(entry.filename, entry.flag_bits, entry.compress_type, size, entry.file_size, 0)
    try:
        with zipfile.ZipFile(made) as container, container.open("x", pwd=word.encode()) as stream:
            content = unpack(io.BytesIO(stream.read(size)), told, MOST_CHILD_BYTES + 1)
    except (RuntimeError, *BROKEN):
        return None
    return content if len(content) == entry.file_size and _makes_sense(content) else None


def _makes_sense(content: bytes) -> bool:
    """Whether bytes are no noise: of a known kind, or a text that is long enough."""
    head = content[:HEAD_BYTES]
    return find_signature(head) is not None or (len(head) >= FEWEST_LETTERS and is_text(head))


def _alone(entry: zipfile.ZipInfo, data: bytes, more: int = 0) -> bytes:
    """A ZIP file with one entry of another ZIP file, under the name `x`.

    With `more` bytes behind, the entry is stored: its encrypted bytes come out as they were packed.
    """
    place = entry.header_offset
    start = place + NAME + sum(struct.unpack_from("<HH", data, place + NAME_LENGTH))
    flags = entry.flag_bits & (ENCRYPTED_BIT | LATER_BIT)
    packed = entry.compress_size + more
    sizes = struct.pack("<III", entry.CRC, packed, packed - KEY_BYTES if more else entry.file_size)
    # the version before, and the time between, stand in the header in front of the bytes
    fields = data[place + 4 : place + 6]
    fields += struct.pack("<HH", flags, zipfile.ZIP_STORED if more else entry.compress_type)
    fields += data[place + 10 : place + 14] + sizes + struct.pack("<HH", 1, 0)
    local = b"PK\x03\x04" + fields + b"x" + data[start : start + entry.compress_size] + bytes(more)
    local += b"PK\x07\x08" + sizes if flags & LATER_BIT else b""
    directory = b"PK\x01\x02\x14\0" + fields + bytes(14) + b"x"
    end = END_MARK + bytes(4) + b"\1\0\1\0" + struct.pack("<IIH", len(directory), len(local), 0)
    return local + directory + end
