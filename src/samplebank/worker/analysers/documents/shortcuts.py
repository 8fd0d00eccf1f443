"""Shortcuts of Windows: the program started, the name and icon shown, and the bytes behind the end."""

from samplebank.worker.analysers.documents import orders, shell_links
from samplebank.worker.analysers.documents.report import Report
from samplebank.worker.contract import Child, SampleFile

#: icons of documents, of folders and of the browser, by the name of their file
POSED = (".pdf", ".doc", ".docx", ".xls", ".xlsx", ".txt", ".jpg", ".png", "msedge.exe", "acrord32.exe", "acrobat.exe", "winword.exe",
         "excel.exe", "notepad.exe", "wordpad.exe", "imageres.dll", "shell32.dll", "chrome.exe", "iexplore.exe", "zipfldr.dll")  # fmt: skip
#: bytes behind the end that are no file: padding, or the rest of a block
SMALLEST_CARRIED = 16
UNNAMED = "shortcut"


def read(data: bytes, sample: SampleFile, report: Report) -> None:
    shortcut = shell_links.read(data)
    targets = (shortcut.target, *shortcut.others)
    report.facts["shortcut"] = {
        "target": shortcut.target[:500],
        "arguments": shortcut.arguments[:4000],
        "icon": shortcut.icon[:500],
        **({"otherTargets": [other[:500] for other in shortcut.others]} if shortcut.others else {}),
        **{name: value for name, value in shortcut.facts.items() if name not in {"arguments", "icon"}},
    }
    runs = any(
        orders.judge(f"{target} {shortcut.arguments}".strip(), "command line", report, shown=shortcut.shown)
        for target in targets
    )
    if runs and shortcut.icon.lower().rstrip().endswith(POSED):
        report.find("shortcut-poses-as-document", "icon", shortcut.icon)
    orders.note_remote("icon", shortcut.icon, "icon", report, is_opened=False)
    if not runs:
        for target in targets:
            orders.note_remote("target", target, "target", report, is_opened=True)
        orders.note_remote("arguments", shortcut.arguments, "arguments", report, is_opened=True)
    _keep_behind(data[shortcut.end :], sample, report)


def _keep_behind(behind: bytes, sample: SampleFile, report: Report) -> None:
    content = behind.lstrip(b"\0")
    if len(content) < SMALLEST_CARRIED:
        return
    report.find("shortcut-carries-file", "end", f"{len(behind)} bytes")
    name = str(sample.submission.get("fileName") or UNNAMED)
    report.children.append(Child(name=f"{name}/behind", data=behind, how="lnk"))
