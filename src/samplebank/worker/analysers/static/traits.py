"""The suspicious traits that the static analyser knows, the weight of each trait, and the score of several traits.

The structure of a file makes the file suspicious at most. Only evident behaviour makes a file malicious.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from samplebank.worker.contract import NO_FINDINGS, SUSPICIOUS_SCORE, Assessment

Kind = Literal["structure", "behaviour"]
CAPS: Mapping[Kind, int] = {"structure": 55, "behaviour": 80}
HIGHEST_SCORE, TRUSTED_SCORE = 90, 0
NOTEWORTHY_WEIGHT, GRAVE_WEIGHT = 15, 60


class Trait(msgspec.Struct, frozen=True):
    """`tag` names the behaviour that the trait stands for, if the behaviour has a name."""

    kind: Kind
    weight: int
    sentence: str
    tag: str | None = None


class Finding(msgspec.Struct, frozen=True):
    trait: str
    detail: str = ""


TRAITS: Mapping[str, Trait] = {
    "packer-section": Trait("structure", 30, "A section or marker is named after a known packer.", "packed"),
    "high-entropy-code": Trait("structure", 20, "Executable bytes are compressed or encrypted.", "packed"),
    "writable-code": Trait("structure", 15, "A part of the program is writable and executable at once."),
    "entry-outside-sections": Trait("structure", 20, "The entry point lies in no section."),
    "entry-in-last-section": Trait(
        "structure", 10, "The entry point lies in the last section, as infectors leave it."
    ),
    "entry-not-executable": Trait(
        "structure", 15, "The entry point lies in a section that is not executable."
    ),
    "tls-callbacks": Trait("structure", 5, "Code runs before the entry point, in TLS callbacks."),
    "loader-only-imports": Trait(
        "structure",
        25,
        "Almost nothing is imported but what it takes to import the rest at run time.",
        "packed",
    ),
    "no-imports": Trait("structure", 15, "A Windows program that imports nothing."),
    "large-random-overlay": Trait(
        "structure", 15, "A large compressed or encrypted blob is appended to the program."
    ),
    "future-timestamp": Trait("structure", 8, "The compile time lies in the future."),
    "broken-signature": Trait("structure", 25, "The Authenticode signature does not fit the file."),
    "no-section-headers": Trait(
        "structure",
        10,
        "There are no section headers: somebody removed the headers, or the end of the file is missing.",
    ),
    "executable-stack": Trait("structure", 8, "The program asks for an executable stack."),
    "process-injection": Trait(
        "behaviour", 35, "Imports what it takes to run code inside another process.", "process-injection"
    ),
    "keyboard-watching": Trait(
        "behaviour", 15, "Imports what it takes to read keys typed elsewhere.", "keylogger"
    ),
    "download-api": Trait(
        "behaviour", 25, "Imports a download to a file and a way to start it.", "downloader"
    ),
    "embedded-executable": Trait(
        "structure", 15, "A Windows program is stored inside another file.", "dropper"
    ),
    "autoit-script": Trait(
        "structure", 10, "The program runs a compiled script of AutoIt, which it carries.", "autoit"
    ),
    "installshield": Trait(
        "structure",
        0,
        "The program is an installer by InstallShield, whose files are not opened.",
        "installshield",
    ),
    "pdf-javascript": Trait("behaviour", 15, "The PDF contains JavaScript."),
    "pdf-automatic-script": Trait(
        "behaviour", 20, "The PDF acts when it is opened, and contains JavaScript."
    ),
    "pdf-launch": Trait("behaviour", 45, "The PDF starts a program.", "launches-program"),
    "pdf-embedded-file": Trait("structure", 10, "The PDF carries another file."),
    "pdf-disguised-names": Trait(
        "structure", 20, "Names of PDF actions are spelled with escapes to disguise them."
    ),
    "office-macros": Trait("behaviour", 30, "The document contains macros.", "macro"),
    "office-remote-template": Trait(
        "behaviour", 35, "The document loads a template from the network.", "downloader"
    ),
    "office-dde": Trait(
        "behaviour", 35, "The document asks another program for data, and so starts it.", "dde"
    ),
    "office-embedded-object": Trait("structure", 10, "The document carries an OLE object."),
    "script-encoded-command": Trait(
        "behaviour", 35, "PowerShell is given a command in Base64.", "obfuscated"
    ),
    "script-hidden-window": Trait("behaviour", 15, "A program is started in a hidden window."),
    "script-download": Trait("behaviour", 15, "The script downloads something."),
    "script-download-and-execute": Trait("behaviour", 45, "The script runs what it downloads.", "downloader"),
    "script-decode-and-execute": Trait("behaviour", 30, "The script runs what it decodes.", "obfuscated"),
    "script-reverse-shell": Trait(
        "behaviour", 75, "The script gives a shell to a remote host.", "reverse-shell"
    ),
    "script-persistence": Trait("behaviour", 20, "The script arranges to be started again.", "persistence"),
    "script-very-long-line": Trait("structure", 8, "The script has a line of many thousand characters."),
}


def score_of(findings: Iterable[Finding], *, is_trusted: bool = False) -> int:
    """The score of the findings. Without findings, and with little, -1: neither is a reason to call a file good.

    A trusted signature is such a reason. What was found counts all the same.
    """
    sums: dict[Kind, int] = {"structure": 0, "behaviour": 0}
    for name in {finding.trait for finding in findings}:
        trait = TRAITS[name]
        sums[trait.kind] += trait.weight
    if not any(sums.values()):
        return TRUSTED_SCORE if is_trusted else NO_FINDINGS
    score = min(HIGHEST_SCORE, sum(min(CAPS[kind], total) for kind, total in sums.items()))
    return score if score >= SUSPICIOUS_SCORE else NO_FINDINGS


def assessment_of(trait: Trait) -> Assessment:
    if trait.weight >= GRAVE_WEIGHT:
        return "malicious"
    return "unknown" if trait.weight >= NOTEWORTHY_WEIGHT else "informational"
