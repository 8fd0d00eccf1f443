"""Documents that are compound files: text, workbooks and slides of Office, with their macros, encryption and metadata."""

import struct
from collections.abc import Mapping
from functools import partial
from typing import Any

from samplebank.worker.analysers.documents import embedded, properties, slides, texts, vba, workbooks
from samplebank.worker.analysers.documents.compound import opened, read_stream, streams_of
from samplebank.worker.analysers.documents.locked import open_office
from samplebank.worker.analysers.documents.report import Report
from samplebank.worker.contract import SampleFile

LINKS, PACKAGE, INFORMATION = "\x01ole", "encryptedpackage", "encryptioninfo"
#: a bit in the flags of a text
ENCRYPTED_TEXT, TEXT_FLAGS = 0x0100, 10
MOST_OBJECTS = 200
WORKBOOKS = ("workbook", "book")


def read(data: bytes, sample: SampleFile, report: Report) -> None:
    container = opened(data)
    if container is None:
        report.damage("directory", ValueError("The compound file cannot be read."))
        vba.read_project(data, "", report)
        return
    with container:
        streams = report.part("directory", lambda: streams_of(container)) or {}
        for name, facts in properties.STREAMS.items():
            report.part(name, partial(_read_facts, container, streams.get(name, ""), facts, report))
        report.part("encryption", lambda: _read_encryption(data, container, streams, sample, report))
        report.part("document", lambda: _read_document(container, streams, report))
        report.part("macros", lambda: vba.read_container(container, "", report))
        for name in [name for name in streams if name.rpartition("/")[2] == LINKS][:MOST_OBJECTS]:
            report.part(name, partial(_read_links, container, streams[name], report))
        for name in [name for name in streams if name.endswith("equation native")][:MOST_OBJECTS]:
            if embedded.overruns(read_stream(container, streams[name], report)):
                report.find("equation-exploit", name)


def _read_facts(container: Any, name: str, facts: Mapping[int, str], report: Report) -> None:
    if name:
        properties.read(read_stream(container, name, report), facts, report)


def _read_links(container: Any, name: str, report: Report) -> None:
    embedded.read_monikers(read_stream(container, name, report), name, report)


def _read_document(container: Any, streams: dict[str, str], report: Report) -> None:
    if "worddocument" in streams:
        report.format = "doc"
        texts.read(read_stream(container, streams["worddocument"], report), "WordDocument", report)
    for name in WORKBOOKS:
        if name in streams:
            report.format = "xls"
            workbooks.read(read_stream(container, streams[name], report), streams[name], report)
            break
    if "powerpoint document" in streams:
        report.format = "ppt"
        slides.read(read_stream(container, streams["powerpoint document"], report), report)


def _read_encryption(
    data: bytes, container: Any, streams: dict[str, str], sample: SampleFile, report: Report
) -> None:
    if PACKAGE in streams or any(name.endswith("drmcontent") for name in streams):
        report.format = "encryptedooxml"
        information = read_stream(container, streams.get(INFORMATION, ""), report)
        open_office(data, information, sample, report, "agile" if b"spinCount" in information else "ooxml")
    elif "worddocument" in streams:
        head = read_stream(container, streams["worddocument"], report)[:12]
        if len(head) >= TEXT_FLAGS + 2 and struct.unpack_from("<H", head, TEXT_FLAGS)[0] & ENCRYPTED_TEXT:
            open_office(data, b"", sample, report, "doc")
    elif any(
        name in streams and workbooks.is_encrypted(read_stream(container, streams[name], report))
        for name in WORKBOOKS
    ):
        open_office(data, b"", sample, report, "xls")
    elif "powerpoint document" in streams and slides.is_encrypted(
        read_stream(container, streams.get("current user", ""), report)
    ):
        open_office(data, b"", sample, report, "ppt")
