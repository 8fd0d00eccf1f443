"""TLSH by the package tlsh-python, or by py-tlsh, which a C++ compiler builds. Without both, no file has a TLSH."""

import mmap
from collections.abc import Iterator
from typing import Final

from samplebank.worker.analysers.static.facts import tlsh_package

tlsh = tlsh_package.imported()

#: bytes of a file with a TLSH: a digest of less says nothing, and a digest of more takes too long
FEWEST, MOST = 256, 32 * 1024 * 1024
#: bytes given at once. The library copies each piece. A copy of 128 KiB or more is a new mapping for the allocator, and to touch
#: each page of the mapping for the first time takes as long as the digest
PIECE: Final = 32 * 1024
PROBLEM: Final = (
    "No sample gets a TLSH, and so nobody finds near samples: the package tlsh-python is missing. "
    'Install "samplebank[analysis]", or py-tlsh where it has no wheels.'
)


def problems() -> tuple[str, ...]:
    return () if tlsh is not None else (PROBLEM,)


def tlsh_of(data: mmap.mmap) -> Iterator[str]:
    """The TLSH of a file. A file whose bytes are all alike has none."""
    if tlsh is None or not FEWEST <= len(data) <= MOST:
        return
    digest = tlsh.Tlsh()
    for place in range(0, len(data), PIECE):
        digest.update(data[place : place + PIECE])
    digest.final()
    # py-tlsh tells by another name, and writes "T1" itself
    if digest.is_valid if hasattr(digest, "is_valid") else digest.valid:
        yield f"T1{digest.hexdigest().removeprefix('T1').upper()}"
