"""Pictures, sound and video with a magic number that is too short to be sure, as in `shapes`."""

import re
from collections.abc import Callable
from itertools import pairwise

from samplebank.identification import file_types as types
from samplebank.identification.file_types import FileType

NETPBM = re.compile(
    rb"P[14]\s(?:#[^\n]{0,200}\n)?\s*\d{1,6}\s+\d{1,6}\s|"
    rb"P[2356]\s(?:#[^\n]{0,200}\n)*\s*\d{1,6}\s+(?:#[^\n]{0,200}\n)*\d{1,6}\s+(?:#[^\n]{0,200}\n)*\d{1,5}\s|"
    rb"P7\n(?:#[^\n]{0,200}\n)*WIDTH \d|P[Ff]\n\d{1,6} \d{1,6}\n-?\d"
)
PLAIN_NETPBM = re.compile(rb"P[123]\s(?:#[^\n]{0,200}\n|[\d\s])*\Z")
TS_PACKETS = ((0, 188), (4, 192), (0, 204))
TS_REPEATED = 4
AAC_FRAMES, AAC_RATES, AAC_HEADER_BYTES = 3, 13, 7
AVIF_BRANDS = frozenset({b"avif", b"avis"})
HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
APE_VERSIONS, WAVPACK_VERSIONS = range(3800, 4100), range(0x402, 0x411)


def _is_netpbm(head: bytes) -> bool:
    if NETPBM.match(head) is None:
        return False
    return head[1:2] not in b"123" or PLAIN_NETPBM.match(head[:4096]) is not None


def _is_transport_stream(head: bytes) -> bool:
    return any(
        head[start : start + size * TS_REPEATED : size] == b"G" * TS_REPEATED for start, size in TS_PACKETS
    )


def _is_aac(head: bytes) -> bool:
    """Whether three frames follow each other without a gap, and agree in their fixed fields."""
    frames, place = [], 0
    for _ in range(AAC_FRAMES):
        frame = head[place : place + AAC_HEADER_BYTES]
        if len(frame) < AAC_HEADER_BYTES or frame[0] != 0xFF or frame[1] & 0xF6 != 0xF0:  # noqa: PLR2004
            return False
        size = (frame[3] & 3) << 11 | frame[4] << 3 | frame[5] >> 5
        if size <= AAC_HEADER_BYTES or frame[2] >> 2 & 0x0F >= AAC_RATES:
            return False
        frames.append((frame[1], frame[2], frame[3] & 0xF0))
        place += size
    return all(one == following for one, following in pairwise(frames))


def _brands(head: bytes) -> frozenset[bytes]:
    if head[4:8] != b"ftyp":
        return frozenset()
    end = min(int.from_bytes(head[:4], "big"), 256)
    return frozenset({head[8:12], *(head[place : place + 4] for place in range(16, end, 4))})


def _is_avif(head: bytes) -> bool:
    return head[8:12] in AVIF_BRANDS | HEIF_BRANDS and bool(_brands(head) & AVIF_BRANDS)


def _is_heif(head: bytes) -> bool:
    return head[8:12] in HEIF_BRANDS and bool(_brands(head))


def _is_aiff(head: bytes) -> bool:
    return head.startswith(b"FORM") and head[8:12] in {b"AIFF", b"AIFC"}


def _is_avi(head: bytes) -> bool:
    return head.startswith(b"RIFF") and head[8:12] == b"AVI "


def _is_ape(head: bytes) -> bool:
    return head.startswith(b"MAC ") and int.from_bytes(head[4:6], "little") in APE_VERSIONS


def _is_wavpack(head: bytes) -> bool:
    return head.startswith(b"wvpk") and int.from_bytes(head[8:10], "little") in WAVPACK_VERSIONS


MEDIA: tuple[tuple[Callable[[bytes], bool], FileType], ...] = (
    (_is_netpbm, types.NETPBM),
    (_is_avif, types.AVIF),
    (_is_heif, types.HEIF),
    (_is_aiff, types.AIFF),
    (_is_avi, types.AVI),
    (_is_ape, types.APE),
    (_is_wavpack, types.WAVPACK),
    (_is_aac, types.AAC),
    (_is_transport_stream, types.MPEG_TS),
)
