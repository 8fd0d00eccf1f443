"""OpenDocument files: macros with their events, links to the outside, DDE, encryption and metadata."""

import re
from functools import partial

from samplebank.worker.analysers.documents import embedded, fields, macro_words, relations
from samplebank.worker.analysers.documents.locked import note_encryption
from samplebank.worker.analysers.documents.markup import tags
from samplebank.worker.analysers.documents.package import Package
from samplebank.worker.analysers.documents.report import Macro, Report
from samplebank.worker.analysers.documents.targets import target_of

MANIFEST, META = "meta-inf/manifest.xml", "meta.xml"
CONTENTS = ("content.xml", "styles.xml", "settings.xml")
SCRIPTS = ("scripts/",)
#: tags with a link, each with what the link finds where the target is outside
LINKED = {
    "image": "remote-picture",
    "object": "remote-object",
    "object-ole": "remote-object",
    "plugin": "remote-object",
    "floating-frame": "remote-frame",
    "section-source": "remote-frame",
    "table-source": "link-to-workbook",
    "database-range": "link-to-workbook",
    "template": "remote-template",
    "font-face-uri": "remote-picture",
}
METADATA = {
    "initial-creator": "creator",
    "creator": "lastModifiedBy",
    "creation-date": "created",
    "date": "modified",
    "generator": "application",
    "title": "title",
    "subject": "subject",
    "description": "description",
    "editing-cycles": "revision",
    "editing-duration": "totalTime",
}
STARTING = re.compile(
    r"(?i)\b(?:dom:load|office:load|load|on-?load|office:load-finished|on-?new|on-?create|dom:DOMFocusIn)\b"
)


def read(data: bytes, report: Report) -> None:
    package = Package(data, report)
    manifest = package.markup(MANIFEST)
    if package.locked or b"encryption-data" in manifest or "encrypted-package" in package:
        note_encryption(report, "odf")
        return
    for name in CONTENTS:
        report.part(name, partial(_read_content, package, name, report))
    for name in list(package.entries):
        if "/" in name and name.startswith("object") and not name.endswith((".xml", "/")):
            report.part(name, partial(_read_object, package, name, report))
    report.part("macros", lambda: _read_macros(package, report))
    report.part("metadata", lambda: _read_metadata(package, report))


def _read_content(package: Package, name: str, report: Report) -> None:
    content = package.markup(name)
    for tag in tags(content, *LINKED):
        address = tag.attributes.get("href", "")
        if address:
            relations.note_outside(tag.name, target_of(address), name, report, finds=LINKED[tag.name])
    for tag in tags(content, "dde-source", "dde-connection-decl"):
        application, topic = (tag.attributes.get(f"dde-{part}", "") for part in ("application", "topic"))
        fields.note_command("dde", f"{application}|{topic}", name, report)
    for tag in tags(content, "event-listener"):
        event, script = tag.attributes.get("event-name", ""), tag.attributes.get("href", "")
        report.add("events", {"event": event, "script": script, "where": name})
        if STARTING.search(event):
            report.find("macro-autostart", name, f"{event} {script}")


def _read_object(package: Package, name: str, report: Report) -> None:
    embedded.read_object(package.read(name), name, report)


def _read_macros(package: Package, report: Report) -> None:
    for name in package.beginning("basic/"):
        if name.endswith(".xml") and not name.endswith(("script-lb.xml", "script-lc.xml")):
            for tag in tags(package.markup(name), "module"):
                if tag.text.strip():
                    report.keep(Macro(tag.attributes.get("name", name), "Basic", name, tag.text))
    for name in package.beginning(*SCRIPTS):
        if not name.endswith("/"):
            content = package.read(name)
            if content:
                report.keep(
                    Macro(name.rpartition("/")[2], "script", name, content.decode("utf-8", "replace"))
                )
    if report.macros:
        macro_words.find_acts(
            "\n".join(macro.source for macro in report.macros), report.macros[0].stream, report
        )


def _read_metadata(package: Package, report: Report) -> None:
    for tag in tags(package.markup(META), *METADATA):
        if not tag.is_end:
            report.tell(METADATA[tag.name], tag.text.strip())
            if tag.name == "template":
                report.tell("template", tag.attributes.get("href", ""))
