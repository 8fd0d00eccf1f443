"""Office documents in ZIP files: relations to the outside, fields, macros, controls, Excel 4 sheets and metadata."""

import posixpath
from functools import partial

from samplebank.worker.analysers.documents import embedded, fields, macro_sheets, relations, vba
from samplebank.worker.analysers.documents.locked import note_encryption
from samplebank.worker.analysers.documents.main_part import give_usual_names
from samplebank.worker.analysers.documents.markup import tags
from samplebank.worker.analysers.documents.package import Package
from samplebank.worker.analysers.documents.report import Report
from samplebank.worker.analysers.documents.targets import target_of

WORDS_OF_FIELDS = (b"instrText", b"fldSimple")
CORE = (
    "creator",
    "lastModifiedBy",
    "created",
    "modified",
    "title",
    "subject",
    "description",
    "keywords",
    "revision",
)
APPLICATION = ("Template", "Company", "Manager", "Application", "AppVersion", "TotalTime", "HyperlinkBase")
PROGRAM_ACTION, MACRO_ACTION = "ppaction://program", "ppaction://macro"


def read(data: bytes, report: Report) -> None:
    package = Package(data, report)
    report.part("main part", lambda: give_usual_names(package, report))
    if package.locked:
        note_encryption(report, "zip")
    projects = set[str]()
    for name in package.ending(".rels"):
        report.part(name, partial(_read_relations, package, name, projects, report))
    for name in package.ending(".xml"):
        if name.startswith(
            ("word/", "xl/externallinks/", "xl/connections", "xl/querytables", "ppt/slides/", "customui")
        ):
            report.part(name, partial(_read_part, package, name, report))
    for name in package.entries:
        if name in projects or (name.endswith(".bin") and "vbaproject" in name.rpartition("/")[2]):
            report.part(name, partial(_read_macros, package, name, report))
        elif "/embeddings/" in name or "/activex/" in name:
            report.part(name, partial(_read_object, package, name, report))
    report.part("Excel 4 macros", lambda: macro_sheets.read(package, report))
    report.part("metadata", lambda: _read_metadata(package, report))


def _read_macros(package: Package, name: str, report: Report) -> None:
    vba.read_project(package.read(name), name, report)


def _read_object(package: Package, name: str, report: Report) -> None:
    if name.endswith(".bin"):
        embedded.read_object(package.read(name), name, report)
    elif name.endswith(".xml") and "/activex/" in name:
        for tag in tags(package.markup(name), "ocx"):
            report.add(
                "objects", {"class": tag.attributes.get("classid", ""), "where": name, "how": "ActiveX"}
            )


def _read_relations(package: Package, name: str, projects: set[str], report: Report) -> None:
    """Note what a part names beyond the document. Parts with macros may have any names: `projects` gets the names."""
    for tag in tags(package.markup(name), "Relationship"):
        if tag.attributes.get("Type", "").lower().endswith("/vbaproject"):
            target = tag.attributes.get("Target", "").lower()
            projects.add(
                posixpath.normpath(posixpath.join("/", name.partition("_rels/")[0], target)).lstrip("/")
            )
        if tag.attributes.get("TargetMode", "").strip().lower() == "external":
            report.go_on()
            relation = tag.attributes.get("Type", "").rstrip("/").rpartition("/")[2][:60]
            relations.note_of_office(relation, target_of(tag.attributes.get("Target", "")), name, report)


def _read_part(package: Package, name: str, report: Report) -> None:
    content = package.markup(name)
    if any(word in content for word in WORDS_OF_FIELDS):
        fields.read_markup(content, name, report)
    if b"ddeLink" in content:
        for tag in tags(content, "ddeLink"):
            command = f"{tag.attributes.get('ddeService', '')}|{tag.attributes.get('ddeTopic', '')}"
            fields.note_command("dde", command, name, report)
    if b"onLoad" in content and name.startswith("customui"):
        for tag in tags(content, "customUI"):
            report.find("macro-autostart", name, tag.attributes.get("onLoad", ""))
    if b"ppaction" in content:
        _read_actions(content, name, report)
    if name.startswith(("xl/connections", "xl/querytables")):
        for tag in tags(content, "webPr", "dbPr"):
            source = tag.attributes.get("url") or tag.attributes.get("connection", "")
            report.add("external", {"relation": tag.name, "target": source, "reach": "web", "where": name})
            report.texts.append(source)


def _read_actions(content: bytes, name: str, report: Report) -> None:
    for tag in tags(content, "hlinkClick", "hlinkHover", "hlinkMouseOver"):
        action = tag.attributes.get("action", "")
        if action.startswith((PROGRAM_ACTION, MACRO_ACTION)):
            report.add("external", {"relation": tag.name, "target": action, "reach": "local", "where": name})
            if action.startswith(PROGRAM_ACTION):
                report.find("starts-by-click", name, action)


def _read_metadata(package: Package, report: Report) -> None:
    for part, names in (("docprops/core.xml", CORE), ("docprops/app.xml", APPLICATION)):
        for tag in tags(package.markup(part), *names):
            if not tag.is_end:
                report.tell(f"{tag.name[0].lower()}{tag.name[1:]}", tag.text.strip())
