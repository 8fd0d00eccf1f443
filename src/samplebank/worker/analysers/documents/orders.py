"""What an order of a shortcut does: whether the order is for an interpreter, fetches something, hides or is disguised."""

import re

from samplebank.worker.analysers.documents.report import Report
from samplebank.worker.analysers.documents.targets import Reach, target_of

INTERPRETERS = frozenset(
    [
        "cmd",
        "powershell",
        "pwsh",
        "mshta",
        "wscript",
        "cscript",
        "rundll32",
        "regsvr32",
        "certutil",
        "bitsadmin",
        "forfiles",
        "conhost",
        "schtasks",
        "curl",
        "wmic",
        "msbuild",
        "ssh",
        "ftp",
        "hh",
        "pcalua",
        "scriptrunner",
        "bash",
        "sh",
        "python",
        "pythonw",
        "node",
        "msiexec",
        "installutil",
        "regasm",
        "finger",
        "odbcconf",
        "mmc",
        "presentationhost",
    ]
)
#: interpreters whose orders are honest as a rule: an order counts where the order fetches something
USUAL = frozenset(
    {"msiexec", "rundll32", "mmc", "python", "pythonw", "node", "hh", "ssh", "schtasks", "bash", "sh"}
)
TECHNIQUES = {
    "powershell": "T1059.001",
    "pwsh": "T1059.001",
    "cmd": "T1059.003",
    "mshta": "T1218.005",
    "regsvr32": "T1218.010",
    "rundll32": "T1218.011",
    "wscript": "T1059.005",
    "cscript": "T1059.005",
    "bash": "T1059.004",
    "sh": "T1059.004",
}
NAMED = re.compile(
    r"(?i)(?:^|[\\/\s\"'|&;=(^])("
    + "|".join(sorted(INTERPRETERS, key=len, reverse=True))
    + r")(?:\.exe)?(?=[\s\"'|&;)^]|$)"
)
FETCHES = re.compile(
    r"(?i)\b(?:https?|ftp)[:^\"'+`]{1,6}\s{0,3}[\\/]{1,2}|(?:^|[\s\"'=])\\\\[\w.@-]{3,100}\\|\bdownload(?:string|file|data)\b|\biwr\b|\birm\b|"
    r"\binvoke-(?:webrequest|restmethod)\b|\bstart-bitstransfer\b|\burlcache\b|\bbitsadmin\b|\bcurl(?:\.exe)?\s|\bwget\s|"
    r"net\.webclient|xmlhttp|davwwwroot|@ssl\b"
)
DISGUISED = re.compile(
    r"(?i)[-/]e(?:n?c?o?d?e?d?c?o?m?m?a?n?d?)?\s+[\"']?[A-Za-z0-9+/=]{24,}|frombase64string|\[char\]|-join\b|%\w{1,40}:~|"
    r"(?:\^[A-Za-z\"]){3}|\bsplit\s*\(|-bxor\b|\bstrreverse\b|(?:`[A-Za-z]){2}"
)
HIDES = re.compile(
    r"(?i)-w(?:i(?:n(?:d(?:o(?:w(?:s(?:t(?:y(?:l(?:e)?)?)?)?)?)?)?)?)?)?\s+[\"']?(?:h|1\b)|\bstart\s+/(?:min|b)\b|vbhide"
)
#: an order that looks for more in the shortcut itself
OF_ITSELF = re.compile(r"(?i)\.lnk\b|findstr\s+/|-skip\s|\bgetcommandline\b")
#: blanks push the order out of the window of properties, which shows 260 characters
PUSHED, LONGEST_SHOWN = re.compile(r"[\s\u00a0\u2000-\u200b]{40,}"), 260
MINIMIZED = 7
LONGEST_ORDER = 16 * 1024


def interpreters_in(order: str) -> list[str]:
    """The interpreters that an order names."""
    return list(dict.fromkeys(found.lower() for found in NAMED.findall(order)))


def judge(order: str, where: str, report: Report, *, shown: int = 1) -> bool:
    """Find what an order does. Return whether the order is for an interpreter."""
    order = order[:LONGEST_ORDER]
    named = interpreters_in(order)
    report.texts.append(order)
    fetches = FETCHES.search(order)
    is_long = bool(PUSHED.search(order)) or len(order) > 2 * LONGEST_SHOWN
    is_disguised = bool(DISGUISED.search(order)) or is_long
    grave = [name for name in named if name not in USUAL or fetches or is_disguised]
    if not grave:
        return False
    words = order.split(None, 1)
    if len(words) < 2 and not fetches:  # noqa: PLR2004 -- a program without an order
        return False
    techniques = tuple(dict.fromkeys(TECHNIQUES[name] for name in named if name in TECHNIQUES))
    report.find("shortcut-runs-interpreter", where, order, techniques)
    if fetches:
        report.find("shortcut-downloads", where, order[max(0, fetches.start() - 40) : fetches.end() + 100])
    if is_disguised or OF_ITSELF.search(order):
        report.find("shortcut-is-disguised", where)
    if HIDES.search(order) or shown == MINIMIZED:
        report.find("shortcut-hides-window", where)
    return True


def note_remote(name: str, path: str, where: str, report: Report, *, is_opened: bool) -> None:
    """Note a path that leads to another host: loaded to be shown, or opened by a click."""
    target = target_of(path)
    if target.reach is Reach.LOCAL:
        return
    report.add(
        "external", {"relation": name, "target": target.text, "reach": str(target.reach), "where": where}
    )
    report.texts.append(target.text)
    if not is_opened:
        if target.reach is not Reach.MONIKER and target.is_outside:
            report.find("shortcut-loads-share", where, target.text)
    elif target.reach is Reach.MONIKER or (
        target.is_outside and (target.reach is Reach.SHARE or target.is_acting)
    ):
        report.find("shortcut-opens-remote-file", where, target.text)
