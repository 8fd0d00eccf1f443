"""The findings that documents and shortcuts can give: the weight, the sentence and the techniques of each, and the score of several.

A macro, a link or a password alone is no reason to suspect a document, so such a finding weighs nothing. The score grows with what
acts by itself, and with the harm of what acts.
"""

from collections.abc import Iterable, Mapping

import msgspec

from samplebank.worker.contract import NO_FINDINGS, SUSPICIOUS_SCORE, Assessment

#: the highest score by findings none of which is grave, and the highest score at all
MOST_WITHOUT_GRAVE, HIGHEST_SCORE = 80, 90
NOTEWORTHY_WEIGHT, GRAVE_WEIGHT = 15, 60
#: techniques by number; the names are those of ATT&CK, version 17
TECHNIQUES: Mapping[str, str] = {
    "T1027": "Obfuscated Files or Information",
    "T1059.001": "PowerShell",
    "T1059.003": "Windows Command Shell",
    "T1059.004": "Unix Shell",
    "T1059.005": "Visual Basic",
    "T1059.007": "JavaScript",
    "T1055": "Process Injection",
    "T1105": "Ingress Tool Transfer",
    "T1137": "Office Application Startup",
    "T1187": "Forced Authentication",
    "T1203": "Exploitation for Client Execution",
    "T1204.001": "Malicious Link",
    "T1204.002": "Malicious File",
    "T1218.005": "Mshta",
    "T1218.010": "Regsvr32",
    "T1218.011": "Rundll32",
    "T1221": "Template Injection",
    "T1547.001": "Registry Run Keys / Startup Folder",
    "T1559.001": "Component Object Model",
    "T1559.002": "Dynamic Data Exchange",
    "T1564.007": "VBA Stomping",
    "T1027.009": "Embedded Payloads",
    "T1053.005": "Scheduled Task",
    "T1547.009": "Shortcut Modification",
    "T1564.003": "Hidden Window",
}


class Kind(msgspec.Struct, frozen=True):
    """A kind of finding. `tag` names the behaviour that the finding stands for."""

    weight: int
    sentence: str
    attack: tuple[str, ...] = ()
    tag: str | None = None


class Finding(msgspec.Struct, frozen=True):
    """`where` is the part of the file. `attack` has techniques besides those of the kind."""

    name: str
    where: str = ""
    detail: str = ""
    attack: tuple[str, ...] = ()


KINDS: Mapping[str, Kind] = {
    "macros": Kind(0, "The document has macros.", ("T1059.005",), "macro"),
    "macro-autostart": Kind(17, "A macro runs by itself.", ("T1059.005", "T1204.002")),
    "macro-runs-programs": Kind(28, "The macros can start programs.", ("T1059.005",)),
    "macro-downloads": Kind(25, "The macros can download files.", ("T1105",), "downloader"),
    "macro-writes-files": Kind(8, "The macros can write files."),
    "macro-injects-code": Kind(35, "The macros can run code in memory.", ("T1055",), "process-injection"),
    "macro-persists": Kind(25, "The macros can arrange to be started again.", ("T1547.001",), "persistence"),
    "macro-is-disguised": Kind(12, "The macros put texts together to hide them.", ("T1027",), "obfuscated"),
    "macro-is-stomped": Kind(
        40, "The compiled macro has words that its source does not have.", ("T1564.007",), "obfuscated"
    ),
    "excel4-macros": Kind(
        20, "The workbook has Excel 4 macros, which few honest workbooks have.", ("T1059.005",), "macro"
    ),
    "excel4-autostart": Kind(20, "An Excel 4 macro runs by itself.", ("T1204.002",)),
    "excel4-hidden-sheet": Kind(12, "The sheet of Excel 4 macros is hidden.", ("T1027",)),
    "excel4-runs-programs": Kind(30, "The Excel 4 macros start programs or call libraries.", ("T1059.005",)),
    "excel4-is-disguised": Kind(12, "The Excel 4 macros put formulas together at run time.", ("T1027",)),
    "remote-template": Kind(45, "The document loads a template from another host.", ("T1221",), "downloader"),
    "remote-object": Kind(
        45, "The document loads an object from another host.", ("T1221", "T1203"), "downloader"
    ),
    "remote-frame": Kind(
        35, "The document shows a frame or a part from another host.", ("T1221",), "downloader"
    ),
    "remote-share": Kind(
        35, "The document opens a file of a share, and so tells who reads the document.", ("T1187",)
    ),
    "remote-script": Kind(75, "The document runs a script by a moniker.", ("T1203",), "downloader"),
    "remote-picture": Kind(0, "The document loads pictures from another host."),
    "link-to-workbook": Kind(0, "The document takes values from another file."),
    "starts-by-click": Kind(25, "A click, or the mouse alone, starts a program.", ("T1204.002",)),
    "dde-program": Kind(65, "The document starts a program by DDE.", ("T1559.002",), "dde"),
    "dde": Kind(20, "The document asks another program for data by DDE.", ("T1559.002",), "dde"),
    "equation-exploit": Kind(
        80, "An equation has a name of a font that overruns the equation editor.", ("T1203",), "exploit"
    ),
    "equation-in-rtf": Kind(
        25, "The text has an object of the equation editor, as exploits have.", ("T1203",)
    ),
    "object-of-exploits": Kind(45, "The document has an object of a class that exploits use.", ("T1203",)),
    "object-updates-itself": Kind(20, "An object is loaded when the document is opened.", ("T1203",)),
    "rtf-is-disguised": Kind(
        30, "The objects of the text are spelled in a way that hides them.", ("T1027",), "obfuscated"
    ),
    "activex-autostart": Kind(10, "A control that can act is loaded with the document."),
    "encrypted": Kind(0, "The document is encrypted, and no known password opens it.", (), "encrypted"),
    "encrypted-opened": Kind(0, "The document is encrypted. A known password opens it."),
    "damaged": Kind(0, "A part of the file is damaged."),
    "pdf-launch": Kind(50, "The document starts a program.", ("T1204.002",), "launches-program"),
    "pdf-script": Kind(0, "The document has JavaScript.", ("T1059.007",)),
    "pdf-script-autostart": Kind(15, "JavaScript runs when the document is opened.", ("T1059.007",)),
    "pdf-script-of-exploits": Kind(
        35, "JavaScript uses calls as exploits do.", ("T1059.007", "T1203"), "exploit"
    ),
    "pdf-opens-attachment": Kind(
        40, "JavaScript saves and opens an attached file.", ("T1204.002",), "dropper"
    ),
    "pdf-remote-file": Kind(
        40, "The document opens a file of another host, and so tells who reads it.", ("T1187",)
    ),
    "pdf-address-autostart": Kind(20, "The document opens an address by itself.", ("T1204.001",)),
    "shortcut-runs-interpreter": Kind(
        30, "The shortcut gives orders to an interpreter.", ("T1204.002",), "launches-program"
    ),
    "shortcut-downloads": Kind(
        30, "The order of the shortcut downloads something.", ("T1105",), "downloader"
    ),
    "shortcut-is-disguised": Kind(
        25, "The order of the shortcut is disguised or pushed out of sight.", ("T1027",), "obfuscated"
    ),
    "shortcut-hides-window": Kind(10, "The shortcut starts its program in a hidden window.", ("T1564.003",)),
    "shortcut-poses-as-document": Kind(15, "The shortcut shows the icon of a document."),
    "shortcut-carries-file": Kind(
        25, "More than a shortcut stands behind the end of the shortcut.", ("T1027.009",), "dropper"
    ),
    "shortcut-loads-share": Kind(
        40, "To show the shortcut opens a file of another host, and so tells who looks.", ("T1187",)
    ),
    "shortcut-opens-remote-file": Kind(
        40, "The shortcut opens a file of another host that can act.", ("T1204.002",), "downloader"
    ),
    "settings-run-program": Kind(
        65, "The page of settings starts a program.", ("T1204.002",), "launches-program"
    ),
    "desktop-shares-disks": Kind(
        30, "The connection gives a computer of others the own disks.", ("T1204.002",)
    ),
    "query-of-web": Kind(25, "The query loads cells from another host.", ("T1559.002",), "downloader"),
}


def score_of(findings: Iterable[Finding]) -> int:
    """The score of the findings, each kind once. -1 where the findings weigh little."""
    weights = [KINDS[name].weight for name in {finding.name for finding in findings}]
    total = sum(weights)
    if total < SUSPICIOUS_SCORE:
        return NO_FINDINGS
    is_grave = max(weights) >= GRAVE_WEIGHT
    return min(HIGHEST_SCORE if is_grave else MOST_WITHOUT_GRAVE, total)


def assessment_of(kind: Kind) -> Assessment:
    if kind.weight >= GRAVE_WEIGHT:
        return "malicious"
    return "unknown" if kind.weight >= NOTEWORTHY_WEIGHT else "informational"
