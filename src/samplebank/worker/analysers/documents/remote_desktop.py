"""Files that connect to a computer (.rdp): which computer, which program there, and whether that computer gets the own disks."""

import re

from samplebank.worker.analysers.documents.report import Report
from samplebank.worker.analysers.documents.targets import Target, target_of

MARK = (
    r"(?im)\A\s{0,40}(?:^[a-z][a-z ]{2,40}:[isb]:[^\r\n]{0,2000}\r?\n){0,60}?^(?:alternate )?full address:s:"
)
LINE = re.compile(r"(?im)^([a-z][a-z ]{2,40}):[isb]:([^\r\n]{1,2000})")
ADDRESSES = ("full address", "alternate full address", "gatewayhostname")
TOLD = (
    *ADDRESSES,
    "remoteapplicationprogram",
    "remoteapplicationname",
    "alternate shell",
    "drivestoredirect",
)
NO_DRIVES = frozenset({"", "0"})


def read(text: str, _: bytes, report: Report) -> None:
    values = {name.lower(): value.strip() for name, value in LINE.findall(text[:262_144])}
    report.facts["shortcut"] = {name: values[name][:500] for name in TOLD if values.get(name)}
    outside = [
        name for name in ADDRESSES if values.get(name) and _note(name, values[name], report).is_outside
    ]
    drives = {values.get(name, "") for name in ("drivestoredirect", "redirectdrives")} - NO_DRIVES
    if outside and drives:
        report.find("desktop-shares-disks", outside[0], values[outside[0]])


def _note(name: str, address: str, report: Report) -> Target:
    host = address.rpartition("@")[2].partition(":")[0]
    target = target_of(f"\\\\{host}\\")
    report.add("external", {"relation": name, "target": address, "reach": "share", "where": name})
    report.texts.append(f" {host} ")
    return target
