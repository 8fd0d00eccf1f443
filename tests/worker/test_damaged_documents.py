"""Damaged and hostile documents are answered, within the limits: a broken part costs what the part would have told."""

import random
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import pytest

from samplebank.worker.analysers.documents.analyser import MOST_SAMPLE_BYTES, TOO_LARGE
from samplebank.worker.analysers.documents.markup import prepared, tags
from samplebank.worker.analysers.documents.report import LATE, SECONDS, Report, Stopped
from samplebank.worker.analysers.testing import sample_file
from samplebank.worker.contract import SampleFile
from samplebank.worker.sandboxed import SandboxedAnalyser
from worker import made_documents as made
from worker.conftest import Extract
from worker.documents import DDE, DROPPER, PDF_ACTIONS, WORKBOOKS, found
from worker.made_containers import zipped
from worker.made_images import compound

TIMES = 6
GOOD: Mapping[str, bytes] = {
    **WORKBOOKS,
    "docx": made.docx(made.field(DDE), attachedTemplate=f"{made.HOST}/a.dotm"),
    "docm": made.docm(Main=DROPPER),
    "doc": made.text_with_macros(Main=DROPPER),
    "rtf": made.rtf_object("Equation.3", compound({"Equation Native": made.overrunning_equation()})),
    "pdf": made.pdf(PDF_ACTIONS[1][0], opens=True),
    "odt": made.odt("<o/>", "Sub Main"),
    "lnk": made.lnk(r"C:\Windows\System32\cmd.exe", "/c calc", icon="a.pdf", behind=b"MZ" * 100),
}


def damaged(content: bytes, chance: random.Random) -> bytes:
    copy = bytearray(content)
    for _ in range(8):
        place = chance.randrange(16, len(copy))
        copy[place : place + 4] = chance.choice(
            (b"\xff\xff\xff\xff", bytes(4), b"\0\0\0\x80", chance.randbytes(4))
        )
    return bytes(copy[: chance.choice((len(copy), chance.randrange(32, len(copy))))])


@pytest.mark.parametrize("kind", GOOD)
async def test_damage_gets_an_answer(documents: Extract, kind: str) -> None:
    chance = random.Random(kind)  # noqa: S311 the same files each time

    for _ in range(TIMES):
        result = await documents(damaged(GOOD[kind], chance))

        assert result.score <= 90


async def test_a_broken_part_costs_its_own_findings_only(documents: Extract) -> None:
    relations = (
        f'<Relationship Type="x/attachedTemplate" Target="{made.HOST}/a" TargetMode="External"/>'.encode()
    )
    with_project = zipped(
        {**made.TYPES, "word/_rels/a.rels": relations, "word/vbaProject.bin": b"\xd0\xcf" * 300}
    )

    result = await documents(with_project)

    assert "remote-template" in found(result)


#: made when asked for: each process of a run collects all tests, and one of them needs the bytes
HOSTILE: Mapping[str, Callable[[], bytes]] = {
    "a part that unpacks to much": lambda: zipped({**made.TYPES, "word/document.xml": b"<w:instrText>" + bytes(40_000_000)}),
    "very many parts": lambda: zipped({**made.TYPES, **{f"word/{number}.xml": b"<w/>" for number in range(12_000)}}),
    "tags without an end": lambda: made.docx("<w:instrText" * 100_000),
    "values without an end": lambda: zipped({**made.TYPES, "word/a.rels": b'<Relationship a="' * 100_000}),
    "comments without an end": lambda: made.docx("<!--" * 200_000 + "instrText"),
    "fields in fields": lambda: made.docx('<w:fldChar w:fldCharType="begin"/>' * 20_000),
    "groups in groups": lambda: b"{\\rtf1" + b"{" * 500_000,
    "many objects": lambda: b"{\\rtf1" + b"{\\object{\\*\\objdata 01}}" * 50_000,
    "words of fields": lambda: b"{\\rtf1{\\*\\fldinst " + b"\\u68?" * 200_000 + b"}}",
    "packed bytes that repeat": lambda: compound({"VBA/dir": b"\x01\xff\xbf" + b"\xff" * 4000, "WordDocument": bytes(32)}),
    "records without bytes": lambda: compound({"Workbook": struct.pack("<HHHH8x", 0x0809, 16, 0x0600, 5) + bytes(20_000)}),
    "facts without end": lambda: compound({
        "\x05SummaryInformation": bytes(28) + bytes(16) + struct.pack("<III", 48, 900, 2**32 - 1) + b"\x02\0\0\0" * 900,
        "WordDocument": bytes(32),
    }),
    "slides in slides": lambda: compound({"PowerPoint Document": struct.pack("<HHI", 0xF, 1000, 0) * 2000}),
    "bars": lambda: b"|'" * 500_000,
    "equals": lambda: b"=" * 500_000 + b"|'a'!A1",
    "a bomb of slides": lambda: compound({
        "PowerPoint Document": struct.pack("<HHI", 0x10, 0x1011, 60_000) + bytes(4) + zlib.compress(bytes(40_000_000))[:30_000]
    }),
    "half a pair in UTF-16": lambda: b"\xff\xfe" + "[InternetShortcut]\nURL=file://203.0.113.7/\ud800".encode("utf-16-le", "surrogatepass"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
async def test_hostile_content_is_answered(documents: Extract, kind: str) -> None:
    result = await documents(HOSTILE[kind]())

    assert result.score <= 90


@pytest.mark.parametrize(("content", "limits"), [(made.docx(), [TOO_LARGE]), (b"a text\n", [])])
async def test_a_file_that_is_too_large_is_answered_and_a_text_is_read_in_part(
    documents_analyser: SandboxedAnalyser, tmp_path: Path, content: bytes, limits: list[str]
) -> None:
    sample = _written(tmp_path / "sample", content)

    result = await documents_analyser.analyse(msgspec.structs.replace(sample, size=MOST_SAMPLE_BYTES + 1))

    assert (result.result["format"], result.result["limits"]) == ("other", limits)


def _written(path: Path, content: bytes) -> SampleFile:
    path.write_bytes(content)
    return sample_file(path)


def test_what_is_read_is_bounded_in_time() -> None:
    report = Report(used=SECONDS + 1)

    with pytest.raises(Stopped):
        report.part("a part", lambda: None)

    assert list(report.limits) == [LATE]


def test_markup_is_read_around_damage() -> None:
    content = prepared(b'<a x="1"/><b <a x="2"/><a x="3" <!-- <a x="4"/> --><a y=\'5"\'>t</a>')

    assert [tag.attributes for tag in tags(content, "a") if not tag.is_end] == [
        {"x": "1"},
        {"x": "2"},
        {"y": '5"'},
    ]


async def test_the_damage_of_a_pdf_document_is_told_without_addresses_in_memory(
    documents: Extract, extract: Extract
) -> None:
    damaged = b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\ntrailer<</Root 1 0 R>>\n%%EOF"

    told = [(await worker(damaged)).result["problems"] for worker in (documents, extract)]

    assert all(problems and "0x" not in "".join(problems) for problems in told)
