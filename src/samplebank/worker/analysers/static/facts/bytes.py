"""The bytes of a file, and what the static analysis tells of them."""

import hashlib
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from samplebank.worker.analysers.static.parts import Parts
from samplebank.worker.contract import Fact

#: the most sections with code in the facts, and the fewest bytes of such a section: less says nothing
MOST_SECTIONS, FEWEST_BYTES = 20, 512
#: names for an import hash: fewer say nothing, and with the most names the list may have been cut
FEWEST_NAMES, MOST_NAMES = 5, 2000
NOTE: Final = 12


class Told(msgspec.Struct, frozen=True):
    """A file, and the `result` of the static analysis of the file."""

    path: Path
    data: mmap.mmap
    result: dict[str, Any]
    parts: Parts

    def of(self, name: str) -> dict[str, Any]:
        """The part of the result about a format."""
        found = self.result.get(name)
        return found if isinstance(found, dict) else {}

    def sections(self, name: str) -> list[dict[str, Any]]:
        return [one for one in self.of(name).get("sections", ()) if "offset" in one]


@contextmanager
def opened(path: Path) -> Iterator[mmap.mmap]:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield data


def sha256(data: bytes | memoryview) -> str:
    return hashlib.sha256(data).hexdigest()


def code_of(told: Told, name: str) -> Iterator[Fact]:
    """The digests of the sections with code, as far as the sections together are no longer than the file."""
    left = len(told.data)
    code = [one for one in told.sections(name) if str(one.get("rights")).endswith("x") and "sha256" in one]
    for section in code[:MOST_SECTIONS]:
        size = section["size"]
        if FEWEST_BYTES <= size <= left and section["offset"] + size <= len(told.data):
            left -= size
            yield Fact("section", section["sha256"])


def imports_of(told: Told, name: str) -> Iterator[Fact]:
    """The digest of the imported names, in the order of the alphabet."""
    listed = [function for one in told.of(name).get("imports", ()) for function in one["functions"]]
    if FEWEST_NAMES <= len(listed) < MOST_NAMES:
        yield Fact("import-hash", sha256("\n".join(sorted(set(listed))).encode()))
