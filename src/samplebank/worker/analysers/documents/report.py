"""Collects what is found in one file, within bounds. A damaged part costs what the part would have told, and nothing else."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import msgspec

from samplebank.worker.analysers.allowance import Allowance
from samplebank.worker.analysers.documents.damage import BROKEN
from samplebank.worker.analysers.documents.findings import Finding
from samplebank.worker.analysers.rule_matches import Meaning
from samplebank.worker.contract import JSON, Child

T = TypeVar("T")
MIB = 1024 * 1024
SECONDS = 20.0
#: entries of a list in the result, and characters of a text in the result
MOST_LISTED, LONGEST = 100, 500
#: bytes of the source of all macros, and bytes unpacked in all
MOST_SOURCE_BYTES, MOST_READ_BYTES = 8 * MIB, 192 * MIB
MOST_NOTED = 20
LATE = "over the limit of time"
FULL = "over the limit of bytes"


class Stopped(Exception):
    """A limit of the whole file is reached. The limit stands in the list of limits."""


class Macro(msgspec.Struct, frozen=True):
    """A module with source. `stream` is where in the file the module stands."""

    name: str
    kind: str
    stream: str
    source: str


class SheetFacts(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def visibility(self) -> str: ...


class Excel4Facts(Protocol):
    """The macros of a workbook, as the result tells them."""

    cells: list[tuple[str, str, str]]
    cell_count: int
    names: dict[str, str]

    @property
    def sheets(self) -> Sequence[SheetFacts]: ...


class Report:
    """All that is found. Each list is bounded, and `totals` counts on."""

    def __init__(self, *, used: float = 0.0) -> None:
        self._allowance = Allowance(SECONDS, used=used)
        self._read = self._source = 0
        self.format = "other"
        self.findings: dict[Finding, None] = {}
        self.macros: list[Macro] = []
        self.lists: dict[str, list[dict[str, JSON]]] = {}
        self.totals: dict[str, int] = {}
        self.metadata: dict[str, JSON] = {}
        self.facts: dict[str, JSON] = {}
        self.encryption: dict[str, JSON] | None = None
        self.children: list[Child] = []
        #: YARA rules that match macros, each with where the rule matches
        self.rules: dict[str, tuple[str, Meaning]] = {}
        #: what peeled a layer of the macros, and the layer
        self.layers: list[tuple[str, str]] = []
        self.excel4: Excel4Facts | None = None
        self.limits: dict[str, None] = {}
        self.problems: dict[str, None] = {}
        #: texts that may hold addresses
        self.texts: list[str] = []

    def find(self, name: str, where: str = "", detail: str = "", attack: tuple[str, ...] = ()) -> None:
        if len(self.findings) < MOST_LISTED:
            self.findings.setdefault(Finding(name, cut(where), cut(detail), attack))

    def add(self, name: str, entry: dict[str, JSON]) -> None:
        """Add an entry to a list of the result, once. Texts are cut."""
        kept = self.lists.setdefault(name, [])
        short = {field: cut(value) if isinstance(value, str) else value for field, value in entry.items()}
        if short in kept:
            return
        self.totals[name] = self.totals.get(name, 0) + 1
        if len(kept) < MOST_LISTED:
            kept.append(short)

    def tell(self, name: str, value: JSON) -> None:
        """Add a fact to the metadata, where there is a value. The first value stays."""
        if value not in {None, ""} and len(self.metadata) < MOST_LISTED:
            self.metadata.setdefault(name, cut(value) if isinstance(value, str) else value)

    def keep(self, macro: Macro) -> None:
        """Keep the source of a macro, each source once."""
        self._source += len(macro.source)
        if self._source > MOST_SOURCE_BYTES:
            self.limits.setdefault(FULL)
        elif all(macro.source != other.source for other in self.macros):
            self.macros.append(macro)

    def part(self, name: str, read: Callable[[], T]) -> T | None:
        """Read a part of the file; None where the part is damaged.

        Raises `Stopped` where the time is over.
        """
        self.go_on()
        try:
            return read()
        except BROKEN as error:
            self.damage(name, error)
            return None

    def damage(self, name: str, error: Exception) -> None:
        if len(self.problems) < MOST_NOTED:
            self.problems.setdefault(f"{cut(name)}: {type(error).__name__}: {error}"[:300])

    def count(self, size: int) -> None:
        """Count bytes that were unpacked. Raises `Stopped` above the limit."""
        self._read += size
        if self._read > MOST_READ_BYTES:
            self.limits.setdefault(FULL)
            raise Stopped
        self.go_on()

    def go_on(self) -> None:
        """Raise `Stopped` where the time is over."""
        if self._allowance.is_over:
            self.limits.setdefault(LATE)
            raise Stopped


def cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
