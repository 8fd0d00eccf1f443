"""Names the entries of a container, and says which entries are encrypted. No entry is opened."""

from collections.abc import Iterable

import msgspec

from samplebank.worker.analysers.static.programs import plain
from samplebank.worker.contract import JSON

MOST_LISTED = 200
#: most entries that are counted: the directory of a container may claim any number
MOST_ENTRIES = 10_000


class Entry(msgspec.Struct, frozen=True):
    name: str
    is_encrypted: bool = False


class Container(msgspec.Struct, frozen=True):
    """`hides_names`: the directory is encrypted, so the entries are not known."""

    entries: list[Entry] = []
    hides_names: bool = False
    is_encrypted: bool = False

    def facts(self, kind: str) -> dict[str, JSON]:
        encrypted = [entry.name for entry in self.entries if entry.is_encrypted]
        return {
            "kind": kind,
            "entries": len(self.entries),
            "names": _listed(entry.name for entry in self.entries),
            "encryptedEntries": _listed(encrypted),
            "namesAreEncrypted": self.hides_names,
            "isEncrypted": self.is_encrypted or self.hides_names or bool(encrypted),
        }


def _listed(names: Iterable[str]) -> list[str]:
    return [plain(name) for name, _ in zip(names, range(MOST_LISTED), strict=False)]
