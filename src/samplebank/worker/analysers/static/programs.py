"""The common parts of PE, ELF and Mach-O: names from LIEF, bounded lists, sections and overlays."""

import hashlib
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import lief

from samplebank.worker.analysers.damage import DAMAGE
from samplebank.worker.analysers.static.measures import RANDOM_ENTROPY, Budget, entropy
from samplebank.worker.analysers.static.parts import Parts
from samplebank.worker.analysers.static.traits import Finding
from samplebank.worker.contract import JSON

MOST_SECTIONS, MOST_NAMES, MOST_LIBRARIES, MOST_FUNCTIONS = 200, 2000, 200, 500
MOST_NAME_CHARACTERS = 300
UNREADABLE = "(unreadable)"
T = TypeVar("T")
#: instruction sets with dense code, or with systems that map code writable: neither makes a program suspicious
DENSE = frozenset(
    {"riscv", "sh", "parisc", "xtensa", "avr", "avr32", "arc_compact", "arc_compact2", "msp430"}
)
LARGE_OVERLAY_BYTES = 256 * 1024
# Constants and dense instruction sets come near this entropy. Packed code lies above.
CODE_ENTROPY = 7.35
# The entropy of fewer bytes of code says nothing.
FEWEST_CODE_BYTES = 1024
PACKER_NAMES = (
    ("upx", "UPX"),
    (".aspack", "ASPack"),
    (".adata", "ASPack"),
    (".mpress", "MPRESS"),
    (".petite", "Petite"),
    (".nsp", "NsPack"),
    (".vmp", "VMProtect"),
    (".themida", "Themida"),
    (".winlice", "WinLicense"),
    ("pec2", "PECompact"),
    (".enigma", "Enigma"),
    ("fsg!", "FSG"),
    ("mew", "MEW"),
)


def plain(name: str | bytes) -> str:
    text = name.decode(errors="replace") if isinstance(name, bytes) else str(name)
    return text[:MOST_NAME_CHARACTERS].encode(errors="replace").decode()


def names(parts: Parts, what: str, values: Callable[[], Iterable[Any]], most: int = MOST_NAMES) -> list[str]:
    """The readable names of `values`. Any name in a program may be no text."""
    listed = parts.some(what, lambda: list(islice(values(), most)))
    found = [parts.read(what, partial(_plain_name, value)) for value in listed]
    return [name for name in found if name]


def _plain_name(value: Any) -> str:
    return plain(value.name)


def text_of(name: Callable[[], str | bytes]) -> str:
    """A name as text; "(unreadable)" where the name is no text."""
    try:
        return plain(name())
    except DAMAGE:
        return UNREADABLE


def sections_of(
    parts: Parts, values: Callable[[], Iterable[T]], facts: Callable[[T], dict[str, JSON]]
) -> list[dict[str, JSON]]:
    """The facts of the readable sections."""
    listed = parts.some("sections", lambda: list(islice(values(), MOST_SECTIONS)))
    found = [parts.read("sections", partial(facts, one)) for one in listed]
    return [section for section in found if section is not None]


def section_facts(name: str, section: lief.Section, budget: Budget, rights: str) -> dict[str, JSON]:
    """The facts of a section. The content is looked at as far as the budget goes."""
    facts: dict[str, JSON] = {"name": name, "size": section.size, "rights": rights}
    if budget.takes(section.size):
        digest = hashlib.sha256(section.content)
        # LIEF takes bytes of a PE section that are not loaded for padding.
        digest.update(getattr(section, "padding", b""))
        facts |= {"entropy": round(section.entropy, 4), "sha256": digest.hexdigest()}
    return facts


def in_file(offset: int) -> dict[str, JSON]:
    """Where a section begins in the file. A section without bytes in the file has no place there, or place 0."""
    return {"offset": offset} if offset > 0 else {}


def rights(*, readable: bool, writable: bool, executable: bool) -> str:
    return f"{'r' if readable else '-'}{'w' if writable else '-'}{'x' if executable else '-'}"


def section_findings(sections: Iterable[dict[str, JSON]], arch: str = "") -> list[Finding]:
    findings = []
    is_dense = arch in DENSE
    for section in sections:
        name = section["name"]
        packer = next((packer for start, packer in PACKER_NAMES if name.lower().startswith(start)), None)
        if packer:
            findings.append(Finding("packer-section", f"{name}: {packer}"))
        if not is_dense and _is_packed_code(section):
            findings.append(Finding("high-entropy-code", f"{name}: {section['entropy']}"))
        if section["rights"].endswith("wx") and not is_dense:
            findings.append(Finding("writable-code", name))
    return findings


def _is_packed_code(section: dict[str, JSON]) -> bool:
    holds_code = section["rights"].endswith("x") and section.get("holdsCode", True)
    is_long = section["size"] >= FEWEST_CODE_BYTES
    return bool(holds_code and is_long and section.get("entropy", 0) >= CODE_ENTROPY)


def overlay_facts(content: memoryview | bytes, offset: int) -> dict[str, JSON] | None:
    if not len(content):
        return None
    return {"offset": offset, "size": len(content), "entropy": entropy(content)}


def overlay_findings(overlay: dict[str, JSON] | None) -> list[Finding]:
    if overlay is None or overlay["size"] < LARGE_OVERLAY_BYTES or overlay["entropy"] < RANDOM_ENTROPY:
        return []
    return [Finding("large-random-overlay", f"{overlay['size']} bytes at {overlay['offset']}")]
