"""Objects in documents: their classes, the links that they follow by monikers, and the overrun of the equation editor."""

import re
import struct
from uuid import UUID

from samplebank.worker.analysers.documents import relations
from samplebank.worker.analysers.documents.compound import opened, read_stream, streams_of
from samplebank.worker.analysers.documents.report import Report
from samplebank.worker.analysers.documents.targets import Reach, Target, target_of

#: classes that exploits use, by identifier
CLASSES = {
    "0002ce02-0000-0000-c000-000000000046": "Microsoft Equation 3.0",
    "bdd1f04b-858b-11d1-b16a-00c0f0283628": "MSCOMCTL.ListViewCtrl",
    "996bf5e0-8044-4650-adeb-0b013914e99c": "MSCOMCTL.ListViewCtrl",
    "c74190b6-8589-11d1-b16a-00c0f0283628": "MSCOMCTL.TreeCtrl",
    "9181dc5f-e07d-418a-aca6-8eea1ecb8e9e": "MSCOMCTL.TreeCtrl",
    "1efb6596-857c-11d1-b16a-00c0f0283628": "MSCOMCTL.TabStrip",
    "dd9da666-8594-11d1-b16a-00c0f0283628": "MSCOMCTL.ImageComboCtl",
    "a08a033d-1a75-4ab6-a166-ead02f547959": "otkloadr.WRLoader",
    "06290bd3-48aa-11d2-8432-006008c3fbfc": "scriptletfile moniker",
    "ecabb0c7-7f19-11d2-978e-0000f8757e2a": "SOAP moniker",
    "eab22ac3-30c1-11cf-a7eb-0000c05bae0b": "Shell.Explorer",
    "f4754c9b-64f5-4b40-8af4-679732ac0607": "Word.Document",
}
MONIKER, EQUATION = "moniker", "Microsoft Equation 3.0"
SCRIPT_MONIKERS = frozenset({"scriptletfile moniker", "SOAP moniker"})
URL_MONIKER = UUID("79eac9e0-baf9-11ce-8c82-00aa004ba90b").bytes_le
FILE_MONIKER = UUID("00000303-0000-0000-c000-000000000046").bytes_le
#: the header of an equation has 28 bytes, the header of its text 5; a name of a font has 40 bytes at most
EQUATION_HEADER, LONGEST_FONT, FONT_RECORD, FONTS_WITHIN = 28, 40, 8, 64
ENDED = re.compile(rb"[^\0]{41,}")
LENGTH = struct.Struct("<I")
LONGEST_TARGET, MOST_MONIKERS = 4096, 50


def read_object(data: bytes, where: str, report: Report) -> str:
    """Read an object: the class of its root, its links, its equation. Return the name or the identifier of the class."""
    read_monikers(data, where, report)
    container = opened(data)
    if container is None:
        return ""
    with container:
        identifier = str(container.root.clsid or "").lower()
        name = CLASSES.get(identifier, identifier)
        streams = streams_of(container)
        if equation := streams.get("equation native"):
            if overruns(read_stream(container, equation, report)):
                report.find("equation-exploit", where)
            name = name or EQUATION
    if name:
        report.add("objects", {"class": name, "where": where, "how": "ole"})
    return name


def read_monikers(data: bytes, where: str, report: Report) -> None:
    """Find the links of an object. An object loads the target of its link when the document is opened."""
    for target in monikers_in(data):
        relations.note(MONIKER, target, where, report, finds="remote-object")
    for identifier, name in CLASSES.items():
        if name in SCRIPT_MONIKERS and UUID(identifier).bytes_le in data:
            report.find("remote-script", where, name)


def monikers_in(data: bytes) -> list[Target]:
    """The targets of the monikers of addresses and files that lead to the outside."""
    found: list[str] = []
    place = data.find(URL_MONIKER)
    while place >= 0 and len(found) < MOST_MONIKERS:
        found.append(_address_at(data, place + len(URL_MONIKER)))
        place = data.find(URL_MONIKER, place + 1)
    place, left = data.find(FILE_MONIKER), MOST_MONIKERS
    while place >= 0 and left > 0:
        found.append(_file_at(data, place + len(FILE_MONIKER)))
        place, left = data.find(FILE_MONIKER, place + 1), left - 1
    targets = [target_of(text) for text in found if text]
    return [target for target in targets if target.reach is not Reach.LOCAL]


def _address_at(data: bytes, place: int) -> str:
    if place + LENGTH.size > len(data):
        return ""
    size = min(LENGTH.unpack_from(data, place)[0], LONGEST_TARGET)
    text = data[place + LENGTH.size : place + LENGTH.size + size].decode("utf-16-le", "replace")
    return text.partition("\0")[0]


def _file_at(data: bytes, place: int) -> str:
    """The path of a moniker: two bytes, the length, and the path in one byte a character."""
    if place + 2 + LENGTH.size > len(data):
        return ""
    size = min(LENGTH.unpack_from(data, place + 2)[0], LONGEST_TARGET)
    start = place + 2 + LENGTH.size
    return data[start : start + size].partition(b"\0")[0].decode("cp1252", "replace")


def overruns(equation: bytes) -> bool:
    """Whether a font of an equation has a name that is too long for the editor (CVE-2017-11882, CVE-2018-0802)."""
    body = equation[EQUATION_HEADER + 5 :]
    place = body.find(bytes([FONT_RECORD]), 0, FONTS_WITHIN)
    while place >= 0:
        name = body[place + 3 : place + 3 + 4 * LONGEST_FONT]
        if ENDED.match(name) and not name[: LONGEST_FONT + 1].isascii():
            return True
        place = body.find(bytes([FONT_RECORD]), place + 1, FONTS_WITHIN)
    return False
