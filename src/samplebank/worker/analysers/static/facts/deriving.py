"""Facts that follow from the bytes of a file by ways that never change: the TLSH, and values shared with relatives.

The facts of programs begin with what the static analysis has told of the program.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from samplebank.worker.analysers.static.facts import documents, elf, macho, windows
from samplebank.worker.analysers.static.facts.bytes import Told, opened
from samplebank.worker.analysers.static.facts.fuzzy import tlsh_of
from samplebank.worker.analysers.static.parts import Parts
from samplebank.worker.contract import Fact, SampleFile

#: values that the service takes: no control characters, and no more characters
VALUE: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,260}")
#: what the first bytes of a shortcut of Windows are
SHORTCUT: Final = b"L\0\0\0\x01\x14\x02\0"
DERIVED: Final[dict[str, Callable[[Told], Iterator[Fact]]]] = {
    "pe": windows.program,
    "elf": elf.program,
    "macho": macho.program,
    "pdf": documents.pdf,
    "ooxml": documents.package,
    "text": documents.mail,
}


def facts_of(sample: SampleFile, result: dict[str, object]) -> list[Fact]:
    """Derive the facts of a file. `result` is what the static analysis tells. A damaged part costs its own facts only.

    A parser may have left too little memory for the facts. Then there are none.
    """
    parts = Parts()
    found = parts.some("facts", lambda: _derived(sample, result, parts))
    return [fact for fact in dict.fromkeys(found) if VALUE.fullmatch(fact.value)]


def _derived(sample: SampleFile, result: dict[str, object], parts: Parts) -> list[Fact]:
    with opened(sample.path) as data:
        told = Told(sample.path, data, result, parts)
        found = parts.some("tlsh", lambda: [Fact("tlsh", value) for value in tlsh_of(data)])
        derive = windows.shortcut if data[: len(SHORTCUT)] == SHORTCUT else DERIVED.get(str(result["format"]))
        return [*found, *([] if derive is None else _kept(parts, derive(told)))]


def _kept(parts: Parts, facts: Iterator[Fact]) -> list[Fact]:
    """The facts before the first damage that nothing else has caught."""
    kept: list[Fact] = []
    parts.read("facts", lambda: kept.extend(facts))
    return kept
