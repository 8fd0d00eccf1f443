"""Reads the parts of a ZIP file, as leniently as office programs do, within limits."""

import io
from collections.abc import Iterator

from samplebank.identification.zip_directory import Entry, Unreadable, read_content, read_directory
from samplebank.worker.analysers.documents.markup import prepared
from samplebank.worker.analysers.documents.report import Report

MIB = 1024 * 1024
#: bytes of one part, parts read, and parts looked at
MOST_PART_BYTES, MOST_READ, MOST_PARTS = 24 * MIB, 400, 10_000
TOO_MANY = "over the limit of parts"


class Package:
    """The parts by name. Of two parts with one name, the last counts, as for office programs."""

    def __init__(self, data: bytes, report: Report) -> None:
        self._file, self._report = io.BytesIO(data), report
        self._directory = read_directory(self._file)
        self._left = MOST_READ
        if len(self._directory.entries) > MOST_PARTS:
            report.limits.setdefault(TOO_MANY)
        self.entries: dict[str, Entry] = {
            entry.name.lower().lstrip("/"): entry for entry in self._directory.entries[:MOST_PARTS]
        }

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def ending(self, *suffixes: str) -> Iterator[str]:
        """The names of the parts that end so."""
        return (name for name in list(self.entries) if name.endswith(suffixes))

    def beginning(self, *prefixes: str) -> Iterator[str]:
        """The names of the parts that begin so."""
        return (name for name in list(self.entries) if name.startswith(prefixes))

    @property
    def locked(self) -> list[str]:
        return [name for name, entry in self.entries.items() if entry.is_encrypted]

    def read(self, name: str) -> bytes:
        """The bytes of a part; empty for a part that is missing, encrypted or damaged. Raises `Stopped`."""
        entry = self.entries.get(name)
        if entry is None or entry.is_encrypted or entry.size == 0 == entry.packed:
            return b""
        self._left -= 1
        if self._left < 0:
            self._report.limits.setdefault(TOO_MANY)
            return b""
        try:
            content = read_content(self._file, self._directory, entry, MOST_PART_BYTES)
        except (Unreadable, ValueError, OSError, OverflowError) as error:
            self._report.damage(name, error)
            return b""
        self._report.count(len(content))
        return content

    def markup(self, name: str) -> bytes:
        """The XML of a part, in UTF-8."""
        return prepared(self.read(name))
