"""Files smuggled in texts, such as HTML, SVG and scripts: what spells the bytes of a known type of file."""

import re
import zlib

from samplebank.identification.signatures import find_signature
from samplebank.worker.analysers.extract import activemime, spelled
from samplebank.worker.analysers.extract.haul import MANY, MOST_CHILD_BYTES, Haul
from samplebank.worker.analysers.extract.kinds import HEAD_BYTES, Kind, kind_of

MOST_TEXTS = 2000
#: shorter texts hold no program and no archive of interest
SHORTEST = 100
ACTING = frozenset({Kind.PROGRAM, Kind.SCRIPT, Kind.DOCUMENT, Kind.ARCHIVE, Kind.MAIL, Kind.BINARY})
#: pieces come first: a long piece spells the beginning of the file by itself
WAYS = {
    "pieces": spelled.in_pieces,
    "base64-of-web": spelled.base64_of_web,
    "hex": spelled.digits,
    "base64": spelled.base64_letters,
    "bytes": spelled.lists,
}
LETTERS = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
#: bytes to unpack for a look at the type: with the header of zlib, and without
LOOK, WINDOWS = 4096, (zlib.MAX_WBITS, -zlib.MAX_WBITS)


def open_smuggled(data: bytes, haul: Haul) -> None:
    """Take what a text spells. Only types with an unmistakable beginning count: fonts and pictures pass."""
    if not spelled.has_spelled(data):
        return
    taken: list[range] = []
    for name, find in WAYS.items():
        tried = 0
        for place, spelling in find(data):
            haul.go_on()
            if any(place.start in other or place[-1] in other for other in taken):
                continue
            if tried >= MOST_TEXTS:
                haul.note(MANY)
                break
            tried += 1
            if _has_taken(spelling, f"{name}-at-{place.start}", haul):
                taken.append(place)


def _has_taken(spelling: bytes, path: str, haul: Haul) -> bool:
    """Take the file that is spelled. A spelling is the bytes of the file or letters, which scripts turn round again now and then."""
    if not LETTERS.fullmatch(spelling):
        return _has_taken_file(spelling, path, haul)
    letters = spelling.rstrip(b"=")
    return any(_has_taken_file(spelled.decoded(turned), path, haul) for turned in (letters, letters[::-1]))


def _has_taken_file(content: bytes, path: str, haul: Haul) -> bool:
    if len(content) < SHORTEST:
        return False
    packed, content = len(content), _unpacked(activemime.unpacked(content))
    if find_signature(content[:HEAD_BYTES]) is None:
        return False
    if kind_of("", content) in ACTING and haul.begin(path, len(content), packed):
        haul.take(path, content, "smuggled")
    return True


def _unpacked(content: bytes) -> bytes:
    """What a script unpacks, where a known type of file comes out."""
    if find_signature(content[:HEAD_BYTES]) is not None:
        return content
    for window in WINDOWS:
        try:
            if find_signature(zlib.decompressobj(window).decompress(content, LOOK)) is not None:
                return zlib.decompressobj(window).decompress(content, MOST_CHILD_BYTES)
        except zlib.error:
            continue
    return content
