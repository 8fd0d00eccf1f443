"""The wrapping of macros in web archives and XML documents of Office (ActiveMime): a header, and a compressed compound file."""

import zlib

MARK = b"ActiveMime"
#: where the compressed bytes begin, and bytes in which they begin otherwise
USUAL, WITHIN = 0x32, 256
MOST_TRIES = 8
MOST_BYTES = 128 * 1024 * 1024


def unpacked(data: bytes) -> bytes:
    """The wrapped compound file. Other data are answered as they are."""
    if not data.startswith(MARK):
        return data
    others = [place for place in range(len(MARK), WITHIN) if data.startswith(b"\x78", place)]
    for place in (USUAL, *others[:MOST_TRIES]):
        try:
            return zlib.decompressobj().decompress(data[place:], MOST_BYTES) or data
        except zlib.error:
            continue
    return data
