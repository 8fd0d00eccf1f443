"""What the bytes of a sample are like, drawn: how often each byte occurs, and the parts of the file by their entropy."""

import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from markupsafe import Markup

from samplebank import contents
from samplebank.contents import ByteCounts
from samplebank.errors import Damaged, NotFound
from samplebank.samples.model import Sample
from samplebank.web.layout import parts_of, strip
from samplebank.web.visit import Visit

WIDTH, HEIGHT = 512, 64
HISTOGRAM: Final = Markup(
    '<svg class="bars" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
    '<title>{}</title><path d="{}"/></svg>'
)


class ByteProfile(msgspec.Struct, frozen=True):
    """`entropy` is that of the first `length` bytes. `strip` is empty where no analysis knows the parts of the file."""

    length: int
    entropy: float
    most_frequent: int
    histogram: Markup
    strip: Markup


async def profile_of(request: Visit, sample: Sample, structure: Any) -> ByteProfile | None:
    """Profile a sample whose bytes the visitor may have; None where the bytes are gone, or damaged."""
    try:
        async with request.budgets.files.turn(request.caller.user.id):
            found = await contents.count_bytes(request.bank.blobs, sample)
    except (NotFound, Damaged):
        return None
    parts = parts_of(structure, sample.size)
    return ByteProfile(
        length=found.length,
        entropy=found.entropy,
        most_frequent=found.counts.index(max(found.counts)),
        histogram=histogram(found),
        strip=strip(parts, sample.size, -1, f"{request.root}sample/{sample.sha256.hex()}/bytes?at="),
    )


def histogram(found: ByteCounts) -> Markup:
    """Draw a bar for each byte from 00 to FF. The square root of the number is drawn, so that rare bytes can be seen, too."""
    heights = _heights(found.counts)
    width = WIDTH // len(heights)
    path = "".join(
        f"M{place * width} {HEIGHT}v-{height}h{width}v{height}"
        for place, height in enumerate(heights)
        if height
    )
    said = f"Bytes from 00 to FF, how often each occurs in the first {found.length:,} bytes"
    return HISTOGRAM.format(WIDTH, HEIGHT, said, said, path)


def _heights(counts: Sequence[int]) -> list[int]:
    """The heights of bars, the highest of which is as high as the picture. Each byte that occurs can be seen."""
    highest = max(1, *counts)
    return [math.ceil(HEIGHT * math.sqrt(count / highest)) for count in counts]
