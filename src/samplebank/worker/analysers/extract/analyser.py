"""Chooses what opens a sample, and makes one result of all that comes out."""

import re
from collections.abc import Mapping
from typing import ClassVar

import msgspec

from samplebank.identification.signatures import find_signature, find_tail_type
from samplebank.worker.analysers.extract import mail, plain
from samplebank.worker.analysers.extract.haul import Haul, Stopped
from samplebank.worker.analysers.extract.kinds import HEAD_BYTES, MAIL_HEADER, is_text
from samplebank.worker.analysers.extract.passwords import Words, words_for
from samplebank.worker.analysers.extract.schema import SCHEMA
from samplebank.worker.contract import JSON, Analyser, Evidence, Rejected, Result, SampleFile, Tag

MIB = 1024 * 1024
MOST_SAMPLE_BYTES = 256 * MIB
MOST_LISTED, MOST_PROBLEMS = 200, 20
TAIL_BYTES = 512
#: endings that the name of a compressed file loses when the file is unpacked
ENDING = re.compile(r"(?i)\.(?:gz|bz2|xz|lzma|z)$")


class ExtractAnalyser(Analyser):
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

    def analyse(self, sample: SampleFile) -> Result:
        if sample.size == 0:
            raise Rejected("The file is empty.")
        if sample.size > MOST_SAMPLE_BYTES:
            raise Rejected(f"Containers over {MOST_SAMPLE_BYTES} bytes are not opened.")
        data = sample.path.read_bytes()
        haul = Haul(len(data))
        try:
            _open(data, sample, haul)
        except Stopped:
            pass  # the limits of the haul tell why
        except plain.BROKEN as error:
            haul.problems.append(f"{type(error).__name__}: {error}"[:300])
        return _result(haul)


def _open(data: bytes, sample: SampleFile, haul: Haul) -> None:
    """Open the sample by what its first bytes say. A file that is no container leaves the haul empty."""
    words = Words(words_for(sample))
    head = data[:HEAD_BYTES]
    label = _label(data, head)
    if label in plain.STREAMS:
        _open_compressed(data, sample, haul, label)
    elif label == "tar":
        haul.opened.append("tar")
        plain.open_tar(data, haul, words)
    elif label == "zip":
        haul.opened.append("zip")
        plain.open_zip(data, haul, words)
    elif is_text(head) and MAIL_HEADER.match(head):
        haul.opened.append("mail")
        mail.open_mail(data, haul)


def _label(data: bytes, head: bytes) -> str:
    """The type of the sample by its marks; empty where there is none."""
    found = find_signature(head)
    kind = find_tail_type(data[-TAIL_BYTES:]) or (found.file_type if found else None)
    return (kind.label if kind else None) or ""


def _open_compressed(data: bytes, sample: SampleFile, haul: Haul, label: str) -> None:
    """Open a file in one compressed stream; a compressed tar file is opened at once."""
    name = str(sample.submission.get("fileName") or "content")
    if plain.is_tar_within(data, label):
        haul.opened += [label, "tar"]
        plain.open_tar(data, haul, Words(()))
        return
    haul.opened.append(label)
    path = ENDING.sub("", name)
    plain.open_stream(data, haul, label, path if path != name else f"{name}.unpacked")


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
        facts["problems"] = haul.problems[:MOST_PROBLEMS]
    if haul.password_used is not None:
        facts["passwordUsed"] = haul.password_used
    evidence = []
    if len(haul.listing) > MOST_LISTED:
        listing = msgspec.json.format(msgspec.json.encode(haul.listing), indent=1)
        evidence = [Evidence(file_name="listing.json", data=listing, mime_type="application/json")]
    tags = [Tag("behaviour", "encrypted")] if haul.is_encrypted else []
    return Result(result=facts, tags=tags, evidence=evidence, children=children)
