"""The SHA-256 of a Windows program without its signature. LIEF rebuilds the program for its digest, and takes five times as long."""

import hashlib
import mmap
import struct
from pathlib import Path

import lief

#: the place of the offset of the headers, and fields behind the begin of the headers
HEADERS_AT, OPTIONAL = 0x3C, 24
CHECKSUM, DIRECTORIES = 64, {lief.PE.PE_TYPE.PE32: 92, lief.PE.PE_TYPE.PE32_PLUS: 108}
#: the directory of the signature, and bytes of a directory
SIGNATURE, DIRECTORY = 4, 8
#: Windows fills up signed content to a multiple of so many bytes
ALIGNED = 8


def authentihash(path: Path, binary: lief.PE.Binary) -> bytes:
    """The digest from the bytes of the file, where these lie one behind the other; else the digest by LIEF."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        end = _signed_end(data, binary)
        if end is None:
            return bytes(binary.authentihash_sha256)
        (headers,) = struct.unpack_from("<I", data, HEADERS_AT)
        checksum = headers + OPTIONAL + CHECKSUM
        signature = _directory(headers, binary)
        digest = hashlib.sha256()
        with memoryview(data) as view:
            for start, stop in ((0, checksum), (checksum + 4, signature), (signature + DIRECTORY, end)):
                with view[start:stop] as part:
                    digest.update(part)
        return digest.digest()


def _directory(headers: int, binary: lief.PE.Binary) -> int:
    """Where the place of the signature stands, behind the number of directories."""
    return headers + OPTIONAL + DIRECTORIES[binary.optional_header.magic] + 4 + SIGNATURE * DIRECTORY


def _signed_end(data: mmap.mmap, binary: lief.PE.Binary) -> int | None:
    """Where the bytes that a signature speaks for end; None where they do not lie one behind the other."""
    place = binary.data_directory(lief.PE.DataDirectory.TYPES.CERTIFICATE_TABLE)
    if binary.optional_header.magic not in DIRECTORIES or place is None:
        return None
    if place.rva and place.rva + place.size != len(data):
        return None
    end = place.rva or len(data)
    behind = binary.optional_header.sizeof_headers
    for start, size in sorted((one.pointerto_raw_data, one.size) for one in binary.sections if one.size):
        if start != behind:
            return None
        behind = start + size
    return end if behind <= end and end % ALIGNED == 0 else None
