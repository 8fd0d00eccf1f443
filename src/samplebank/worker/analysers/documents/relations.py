"""Notes what a document names beyond itself, and finds what a relation does when the document is opened."""

from samplebank.worker.analysers.documents.report import Report
from samplebank.worker.analysers.documents.targets import Reach, Target

#: relations that Office follows when the document opens, with the finding where the target is on the web
FOLLOWED = {
    "attachedtemplate": "remote-template",
    "oleobject": "remote-object",
    "package": "remote-object",
    "control": "remote-object",
    "frame": "remote-frame",
    "afchunk": "remote-frame",
    "subdocument": "remote-frame",
    "customui": "remote-template",
    "extensibility": "remote-template",
    "externallinkpath": "link-to-workbook",
    "externallink": "link-to-workbook",
    "xlpathmissing": "link-to-workbook",
    "mailmergesource": "link-to-workbook",
    "image": "remote-picture",
    "audio": "remote-picture",
    "video": "remote-picture",
    "media": "remote-picture",
}
#: relations to be clicked
CLICKED = frozenset({"hyperlink", "slide"})
#: hosts that relations of honest documents name, without a file behind the name
HARMLESS_HOSTS = frozenset({"schemas.openxmlformats.org", "schemas.microsoft.com"})


def note(relation: str, target: Target, where: str, report: Report, *, finds: str) -> None:
    """Note a relation. `finds` is the finding where the target is on the web. A target nearby is noted only."""
    report.add(
        "external",
        {"relation": relation, "target": target.text, "reach": str(target.reach), "where": where},
    )
    report.texts.append(target.text)
    if target.host in HARMLESS_HOSTS:
        return
    if target.reach is Reach.MONIKER:
        report.find("remote-script", where, target.text)
    elif target.reach is Reach.WEB:
        report.find(finds, where, target.text)
    elif target.is_outside:
        report.find("remote-share", where, target.text)


def note_outside(relation: str, target: Target, where: str, report: Report, *, finds: str) -> None:
    """As `note`, and nothing for a target nearby."""
    if target.reach is not Reach.LOCAL:
        note(relation, target, where, report, finds=finds)


def note_of_office(relation: str, target: Target, where: str, report: Report) -> None:
    """Note a relation of a document of Office by the kind of the relation."""
    kind = relation.lower()
    if kind not in CLICKED:
        note(relation, target, where, report, finds=FOLLOWED.get(kind, "link-to-workbook"))
    elif target.reach is not Reach.LOCAL:
        report.add("hyperlinks", {"target": target.text, "where": where})
        report.texts.append(target.text)
