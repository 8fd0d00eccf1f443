"""Finding bytes or a text in a sample, from an offset on, for a while."""

import asyncio
import re
import time
from enum import StrEnum

import msgspec

from samplebank.blobs import Blobs
from samplebank.contents.windows import read_window
from samplebank.samples.model import Sample

#: bytes looked through at once; meanwhile nothing else runs in the process, some 5 ms at most
WINDOW = 1024 * 1024
#: seconds of a search
SECONDS = 1.0
HEX = re.compile(r"\s*[0-9a-fA-F]{2}(?:\s*[0-9a-fA-F]{2})*\s*")
#: of hex digits and blanks, whether each byte has two digits or not
NEARLY_HEX = re.compile(r"\s*[0-9a-fA-F][0-9a-fA-F\s]*")
QUOTED = re.compile(r'"(.+)"', re.DOTALL)


class Form(StrEnum):
    """How the pattern stands in the sample: as bytes given in hex, or as text in UTF-8 or UTF-16LE."""

    BYTES = "bytes"
    TEXT = "text"
    WIDE = "wide"


class Pattern(msgspec.Struct, frozen=True):
    """What is looked for: any of these bytes.

    `is_nearly_hex`: the text has hex digits alone, and not two for each byte. The text is looked for, where bytes may be meant.
    """

    needles: dict[Form, bytes]
    is_nearly_hex: bool = False

    @property
    def longest(self) -> int:
        return max(map(len, self.needles.values()))

    def first_in(self, data: bytes, last: int) -> tuple[int, Form] | None:
        """The first place before `last` where a needle begins. The search takes linear time, whatever the needles."""
        places = [
            (data.find(needle, 0, last + len(needle) - 1), form) for form, needle in self.needles.items()
        ]
        return min([place for place in places if place[0] >= 0], default=None)


class Found(msgspec.Struct, frozen=True):
    """Where the pattern was found, if the pattern was. `next` is where to go on, None at the end of the sample."""

    offset: int | None
    form: Form | None
    length: int
    next: int | None


def read_pattern(text: str) -> Pattern:
    """Read a pattern, which is not empty: `4d 5a 90` are bytes, any other text is a text, `"cafe"` is a text, too."""
    if HEX.fullmatch(text):
        return Pattern({Form.BYTES: bytes.fromhex(text)})
    quoted = QUOTED.fullmatch(text)
    said = quoted[1] if quoted else text
    needles = {Form.TEXT: said.encode(), Form.WIDE: said.encode("utf-16-le")}
    return Pattern(needles, is_nearly_hex=bool(NEARLY_HEX.fullmatch(text)))


async def find(store: Blobs, sample: Sample, pattern: Pattern, at: int, *, seconds: float = SECONDS) -> Found:
    """Find the first place of the pattern from `at` on. One window at least is looked through. Raises as `page_of_bytes`."""
    end = time.monotonic() + seconds
    while at < sample.size:
        data = await read_window(store, sample, at, WINDOW + pattern.longest - 1)
        place = await asyncio.to_thread(pattern.first_in, data, WINDOW)
        if place is not None:
            offset, form = at + place[0], place[1]
            return Found(offset, form, len(pattern.needles[form]), _if_within(sample, offset + 1))
        at += WINDOW
        if time.monotonic() >= end:
            break
    return Found(None, None, 0, _if_within(sample, at))


def _if_within(sample: Sample, offset: int) -> int | None:
    return offset if offset < sample.size else None
