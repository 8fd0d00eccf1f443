"""Shows the parts of a package under the usual names. Office goes by relations, so the parts may have any names."""

import posixpath

from samplebank.worker.analysers.documents.markup import tags
from samplebank.worker.analysers.documents.package import Package
from samplebank.worker.analysers.documents.report import Report

ROOT, TYPES = "_rels/.rels", "[content_types].xml"
#: words in the type of the main part, and the usual name of the part
USUAL = {
    "wordprocessingml": "word/document",
    "ms-word": "word/document",
    "ms-excel": "xl/workbook",
    "spreadsheetml": "xl/workbook",
    "ms-powerpoint": "ppt/presentation",
    "presentationml": "ppt/presentation",
}
#: where the main part has no need of another name
WITHOUT_NEED = ("word/", "xl/workbook.", "ppt/")
#: parts of every package
COMMON = (ROOT, TYPES, "docprops/", "customxml/")


def give_usual_names(package: Package, report: Report) -> None:
    """Name the main part, its folder and its relations as usual, where a package has other names."""
    main = _main_part(package)
    usual = None if main.startswith(WITHOUT_NEED) else _usual_name(package, main)
    if usual is None:
        return
    report.tell("mainPart", main)
    folder, _, file = main.rpartition("/")
    folder = f"{folder}/" if folder else ""
    usual_folder, _, usual_file = usual.rpartition("/")
    ending = file.rpartition(".")[2]
    renamed = {
        main: f"{usual}.{ending}",
        f"{folder}_rels/{file}.rels": f"{usual_folder}/_rels/{usual_file}.{ending}.rels",
    }
    for name in [name for name in package.entries if name.startswith(folder) and not name.startswith(COMMON)]:
        new = renamed.get(name, f"{usual_folder}/{name[len(folder) :]}")
        package.entries[new] = package.entries.pop(name)


def _main_part(package: Package) -> str:
    for tag in tags(package.markup(ROOT), "Relationship"):
        if tag.attributes.get("Type", "").endswith("/officeDocument"):
            return posixpath.normpath(tag.attributes.get("Target", "").lower().lstrip("/"))
    return ""


def _usual_name(package: Package, main: str) -> str | None:
    """The usual name of the main part, without its ending; None for a part that is missing, or of an unknown type."""
    if main not in package.entries:
        return None
    for tag in tags(package.markup(TYPES), "Override"):
        if tag.attributes.get("PartName", "").lower().lstrip("/") == main:
            kind = tag.attributes.get("ContentType", "").lower()
            return next((usual for word, usual in USUAL.items() if word in kind), None)
    return None
