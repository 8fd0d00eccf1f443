"""Chooses what opens a sample, and makes one result of all that comes out."""

import codecs
from collections.abc import Callable, Mapping
from typing import ClassVar

import msgspec

from samplebank.worker.analysers.extract import autoit, compound, opening, pdf, plain, sevenzip
from samplebank.worker.analysers.extract.haul import Haul, Stopped
from samplebank.worker.analysers.extract.schema import SCHEMA
from samplebank.worker.analysers.warming import WarmedAnalyser
from samplebank.worker.contract import JSON, Evidence, Rejected, Result, SampleFile, Tag

MIB = 1024 * 1024
MOST_SAMPLE_BYTES = 256 * MIB
MOST_LISTED, MOST_PROBLEMS = 200, 20
#: what an analyst wants to know of a program at first sight
TOLD = ("pyinstaller",)

#: a damaged file costs the rest of the file, and not the task
BROKEN: tuple[type[Exception], ...] = (*plain.BROKEN, *compound.BROKEN, *sevenzip.BROKEN, *pdf.BROKEN)

#: contents that packages of the extra open, and whether the packages are there
PARTS: Mapping[str, Callable[[], bool]] = {
    "Archives of most kinds": lambda: sevenzip.library() is not None,
    "Objects of documents": compound.can_open,
    "Attachments of PDF documents": pdf.can_open,
    "Scripts of AutoIt": autoit.can_open,
}


class ExtractAnalyser(WarmedAnalyser):
    short_name = "extract"
    version = "1.0"
    names: ClassVar[Mapping[str, str]] = {"english": "Extraction", "norwegian": "Utpakking"}
    descriptions: ClassVar[Mapping[str, str]] = {
        "english": "Opens archives, mails and other containers. Files that can act become samples of their own.",
        "norwegian": "Åpner arkiver, e-poster og andre beholdere. Filer som kan handle blir egne prøver.",
    }
    schema = SCHEMA
    memory_bytes = 1536 * MIB
    answer_bytes = 192 * MIB
    seconds = 90.0
    known_settings = frozenset[str]()

    def load(self) -> None:
        """Load 7-Zip and the letters of names in archives once: the processes of the analyses are copies."""
        sevenzip.library()
        for name in ("cp437", "cp1252", "utf-16-le"):
            codecs.lookup(name)

    def problems(self) -> tuple[str, ...]:
        lacking = [name for name, is_there in PARTS.items() if not is_there()]
        if not lacking:
            return ()
        return (f"{', '.join(lacking)} cannot be opened: install samplebank[analysis].",)

    def analyse(self, sample: SampleFile) -> Result:
        if sample.size == 0:
            raise Rejected("The file is empty.")
        if sample.size > MOST_SAMPLE_BYTES:
            raise Rejected(f"Containers over {MOST_SAMPLE_BYTES} bytes are not opened.")
        data = sample.path.read_bytes()
        haul = Haul(len(data))
        try:
            opening.open_sample(data, sample, haul)
        except Stopped:
            pass  # the limits of the haul tell why
        except BROKEN as error:
            haul.problems.append(f"{type(error).__name__}: {error}"[:300])
        return _result(haul)


def _result(haul: Haul) -> Result:
    children = haul.children()
    facts: dict[str, JSON] = {
        "opened": haul.opened,
        "members": haul.members,
        "children": [],
        "listing": haul.listing[:MOST_LISTED],
        "listed": len(haul.listing),
        "limits": haul.limits,
        "isEncrypted": haul.is_encrypted,
    }
    if haul.problems:
        facts["problems"] = list(dict.fromkeys(haul.problems))[:MOST_PROBLEMS]
    if haul.password_used is not None:
        facts["passwordUsed"] = haul.password_used
    evidence = []
    if len(haul.listing) > MOST_LISTED:
        listing = msgspec.json.format(msgspec.json.encode(haul.listing), indent=1)
        evidence = [Evidence(file_name="listing.json", data=listing, mime_type="application/json")]
    tags = [Tag("behaviour", "encrypted")] if haul.is_encrypted else []
    tags += [Tag("behaviour", how) for how in TOLD if how in haul.opened]
    return Result(result=facts, tags=tags, evidence=evidence, children=children)
