"""Documents of Office in one XML or MIME file: fields, formulas, relations, and macros in Base64."""

import binascii
import re
import zlib
from functools import partial

from samplebank.worker.analysers.documents import fields, relations, vba
from samplebank.worker.analysers.documents.compound import MAGIC
from samplebank.worker.analysers.documents.markup import attributes_of, prepared, tags
from samplebank.worker.analysers.documents.report import Report
from samplebank.worker.analysers.documents.targets import target_of

#: Base64 of the first bytes of a compound file, and of `ActiveMime`: a packed compound file
ENCODED = re.compile(rb"(?:0M8R4KGxGuE|QWN0aXZlTWltZQ)[A-Za-z0-9+/=\s]{100,}")
ACTIVE, PACKED_WITHIN, ZLIB = b"ActiveMime", 0x200, re.compile(rb"x[\x01\x5e\x9c\xda]")
FORMULA = re.compile(rb"""(?:Formula|formula|RefersTo)\s{0,5}=\s{0,5}("[^"<]{1,4000}"|'[^'<]{1,4000}')""")
MOST_PACKED_BYTES, MOST_FOUND = 32 * 1024 * 1024, 50

__all__ = ["prepared", "read"]


def read(content: bytes, report: Report) -> None:
    content = prepared(content)
    report.part("fields", lambda: fields.read_markup(content, "text", report))
    report.part("formulas", lambda: _read_formulas(content, report))
    report.part("relations", lambda: _read_relations(content, report))
    for number, found in enumerate(ENCODED.finditer(content)):
        if number >= MOST_FOUND:
            break
        report.part("macros", partial(_read_encoded, found[0], report))


def _read_formulas(content: bytes, report: Report) -> None:
    for found in FORMULA.finditer(content):
        value = next(iter(attributes_of(b"a=" + found[1]).values()), "")
        fields.read_formulas(f"\n{value}", "cells", report)
    for tag in tags(content, "Path", "dde-source"):
        if tag.name == "Path" and not tag.is_end and "|" in tag.text:
            fields.note_command("dde", tag.text, "SupBook", report)
        elif tag.name == "dde-source":
            application, topic = (tag.attributes.get(f"dde-{name}", "") for name in ("application", "topic"))
            fields.note_command("dde", f"{application}|{topic}", "dde-source", report)


def _read_relations(content: bytes, report: Report) -> None:
    for tag in tags(content, "Relationship", "attachedTemplate"):
        if tag.attributes.get("TargetMode", "").lower() == "external":
            kind = tag.attributes.get("Type", "").rstrip("/").rpartition("/")[2]
            relations.note_of_office(kind, target_of(tag.attributes.get("Target", "")), "relations", report)
        elif tag.name == "attachedTemplate" and (path := tag.attributes.get("val", "")):
            report.tell("template", path)
            target = target_of(path)
            relations.note_outside(
                "attachedTemplate", target, "attachedTemplate", report, finds="remote-template"
            )


def _read_encoded(text: bytes, report: Report) -> None:
    plain = b"".join(text.split()).rstrip(b"=")
    data = binascii.a2b_base64(plain[: len(plain) // 4 * 4])
    if data.startswith(ACTIVE):
        found = ZLIB.search(data, 0, PACKED_WITHIN)
        if found is None:
            return
        data = zlib.decompressobj().decompress(data[found.start() :], MOST_PACKED_BYTES)
    report.count(len(data))
    if data.startswith(MAGIC):
        vba.read_project(data, "Base64", report)
