"""Chooses what reads a document or shortcut, by its first bytes, and makes one result of all that was found."""

import warnings
from collections.abc import Mapping
from contextlib import suppress
from typing import ClassVar

from samplebank.worker.analysers.documents import (
    locked,
    odf,
    ole,
    ooxml,
    pdf,
    rtf,
    rules,
    shell_links,
    shortcuts,
    small_texts,
)
from samplebank.worker.analysers.documents.compound import MAGIC, olefile
from samplebank.worker.analysers.documents.package import Package
from samplebank.worker.analysers.documents.report import MIB, Report, Stopped
from samplebank.worker.analysers.documents.result import result_of
from samplebank.worker.analysers.documents.schema import SCHEMA
from samplebank.worker.analysers.documents.small_texts import MOST_TEXT_BYTES
from samplebank.worker.analysers.layer_rules import LayerAnalyser
from samplebank.worker.analysers.strings.runs import is_text
from samplebank.worker.contract import Rejected, Result, SampleFile

MOST_SAMPLE_BYTES, HEAD_BYTES = 128 * MIB, 8192
ZIP, RTF, PDF = b"PK\x03\x04", b"{\\rt", b"%PDF-"
PDF_WITHIN = 1024
TEXTS, TOO_LARGE = frozenset({"text", "other"}), "documents over 128 MiB are not read"
MARKS_OF_TEXT = (b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")


class DocumentsAnalyser(LayerAnalyser):
    """The layers are the source of macros, and what is peeled off the source."""

    short_name = "documents"
    version = "1.0"
    names: ClassVar[Mapping[str, str]] = {"english": "Documents", "norwegian": "Dokumenter"}
    descriptions: ClassVar[Mapping[str, str]] = {
        "english": "Reads documents and shortcuts: macros, links to the outside, DDE, encryption, orders and metadata.",
        "norwegian": "Leser dokumenter og snarveier: makroer, lenker ut, DDE, kryptering, kommandoer og metadata.",
    }
    schema = SCHEMA
    memory_bytes = 1024 * MIB
    answer_bytes = 160 * MIB
    seconds = 60.0

    def load(self) -> None:
        locked.warm_up()
        pdf.warm_up()

    def problems(self) -> tuple[str, ...]:
        packages = {"olefile": olefile, "msoffcrypto": locked.msoffcrypto, "pikepdf": pdf.pikepdf}
        lacking = [name for name, package in packages.items() if package is None]
        if not lacking:
            return ()
        return (f"Not all documents can be read without {', '.join(lacking)}: install samplebank[analysis].",)

    def analyse(self, sample: SampleFile) -> Result:
        if sample.size == 0:
            raise Rejected("The file is empty.")
        report = Report()
        with sample.path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            kind = kind_of(head)
            if kind not in TEXTS and sample.size > MOST_SAMPLE_BYTES:
                report.limits.setdefault(TOO_LARGE)
                kind = "other"
            data = b"" if kind == "other" else head + file.read(MOST_TEXT_BYTES if kind == "text" else -1)
        report.format = kind
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # parsers warn of damage, and each damage is told as a problem
            with suppress(Stopped):  # the limits of the report tell why
                report.part("file", lambda: _read(kind, data, sample, report))
                report.part("rules", lambda: rules.scan(self, data, sample, report))
        return result_of(report)


def kind_of(head: bytes) -> str:
    """The kind of a file by its first bytes; `other` for what is neither a document nor a text."""
    if head.startswith(MAGIC):
        return "ole"
    if head.startswith(ZIP):
        return "zip"
    if head.startswith(shell_links.MAGIC):
        return "lnk"
    if head.lstrip()[:4] == RTF:
        return "rtf"
    if PDF in head[:PDF_WITHIN]:
        return "pdf"
    is_wide = head[1:2] == b"\0" == head[3:4]
    return "text" if head.startswith(MARKS_OF_TEXT) or is_wide or is_text(head) else "other"


def _read(kind: str, data: bytes, sample: SampleFile, report: Report) -> None:
    match kind:
        case "ole":
            ole.read(data, sample, report)
        case "zip":
            _read_package(data, report)
        case "lnk":
            shortcuts.read(data, sample, report)
        case "rtf":
            rtf.read(data, report)
        case "pdf":
            pdf.read(data, sample, report)
        case "text":
            report.format = "other"
            small_texts.read(data, report)


def _read_package(data: bytes, report: Report) -> None:
    names = Package(data, report).entries
    if "[content_types].xml" in names or any(name.startswith(("word/", "xl/", "ppt/")) for name in names):
        report.format = "ooxml"
        ooxml.read(data, report)
    elif "meta-inf/manifest.xml" in names and ("mimetype" in names or "content.xml" in names):
        report.format = "odf"
        odf.read(data, report)
    else:
        report.format = "other"
