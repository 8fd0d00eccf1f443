"""The worker `documents` finds relations, commands and metadata in documents of each format."""

from collections.abc import Mapping

import pytest

from samplebank.web.drawn import Group, Table
from samplebank.web.results import draw
from samplebank.worker.analysers.documents.schema import SCHEMA
from samplebank.worker.contract import NO_FINDINGS, Rejected
from worker import made_documents as made
from worker.conftest import Extract
from worker.documents import DDE, DROPPER, evidence, found, tags
from worker.made_containers import zipped
from worker.made_images import compound

# -- relations to the outside


@pytest.mark.parametrize(
    ("kind", "target", "finding"),
    [
        ("attachedTemplate", f"{made.HOST}/a.dotm", "remote-template"),
        ("oleObject", f"{made.HOST}/a.doc", "remote-object"),
        ("frame", f"{made.HOST}/a.html", "remote-frame"),
        ("aFChunk", f"{made.HOST}/a.html", "remote-frame"),
        ("attachedTemplate", r"\\files.example.org\x\a.dotm", "remote-share"),
        ("image", "file://203.0.113.7/x/a.png", "remote-share"),
        ("oleObject", "mhtml:http://203.0.113.7/a.html!x-usc:http://203.0.113.7/a.html", "remote-script"),
        ("image", f"{made.HOST}/a.png", "remote-picture"),
    ],
)
async def test_an_external_relation_is_told_with_what_follows_from_it(
    documents: Extract, kind: str, target: str, finding: str
) -> None:
    result = await documents(made.docx(**{kind: target}))

    (told,) = result.result["external"]
    assert (told["relation"], told["target"]) == (kind, target)
    assert found(result) == {finding}


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("attachedTemplate", "file:///C:/Users/Ada/Normal.dotm"),
        ("attachedTemplate", r"\\server\share\Normal.dotm"),
        ("hyperlink", f"{made.HOST}/page"),
        ("image", f"{made.HOST}/a.png"),
    ],
)
async def test_relations_of_honest_documents_get_no_score(documents: Extract, kind: str, target: str) -> None:
    assert (await documents(made.docx(**{kind: target}))).score == NO_FINDINGS


async def test_a_value_with_an_angle_bracket_hides_no_relation(documents: Extract) -> None:
    result = await documents(made.docx(oleObject=f"{made.HOST}/a?b=>&quot;"))

    assert found(result) == {"remote-object"}


async def test_a_link_of_an_object_is_followed_by_its_moniker(documents: Extract) -> None:
    stream = made.address_moniker(f"{made.HOST}/a.hta")

    result = await documents(compound({"WordDocument": bytes(32), "ObjectPool/\x01Ole": stream}))

    assert result.result["external"][0]["target"] == f"{made.HOST}/a.hta"
    assert found(result) == {"remote-object"}


# -- DDE


DDE_FILES: Mapping[str, bytes] = {
    "one run": made.docx(made.field(DDE)),
    "many runs": made.docx(made.field("D", "DE", "AUTO c:\\\\windows\\\\system32\\\\c", "md.exe /k calc")),
    "comments between": made.docx(made.field("DD<!-- x -->EAUTO cmd.exe /k calc")),
    "marked text": made.docx(made.field("<![CDATA[DDEAUTO cmd.exe /k calc]]>")),
    "simple field": made.docx(f'<w:fldSimple w:instr="{DDE}"/>'),
    "codes of characters": made.docx(
        '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>DDE </w:instrText></w:r>'
        + made.quoted("cmd.exe")
        + '<w:r><w:instrText> /k calc</w:instrText></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r>'
    ),
    "rtf": rb"{\rtf1{\field{\*\fldinst {\b DDE}{\i AUTO c:\\windows\\cmd.exe /k calc}}{\fldrslt x}}}",
    "rtf in digits": rb"{\rtf1{\field{\*\fldinst \'44\'44\'45 cmd.exe /k calc}{\fldrslt x}}}",
    "rtf in numbers": rb"{\rtf1{\field{\*\fldinst \u68?\u68?\u69? \u99?md.exe /k calc}{\fldrslt x}}}",
    "rtf in numbers with two stand-ins": rb"{\rtf1\uc2{\field{\*\fldinst \u68\'3f\'3f\u68??\u69?? cmd.exe /k calc}{\fldrslt x}}}",
    "rtf in numbers without stand-ins": rb"{\rtf1\uc0 text text text text text text text text text text text text "
    rb"{\field{\*\fldinst \u68 \u68 \u69  \u99 md.exe /k calc}{\fldrslt x}}}",
    "doc": compound({"WordDocument": bytes(600) + b"text \x13 DDEAUTO cmd.exe /k calc \x14x\x15 end"}),
    "doc in UTF-16": compound({"WordDocument": bytes(600) + "\x13 DDE cmd.exe /k \x14x\x15".encode("utf-16-le")}),
    "csv": b"a,b\n=cmd|'/k calc.exe'!A0,2\n",
    "csv with a sum": b"a;@SUM(1+1)*cmd|'/c calc'!A0\n",
    "xls": made.xls(link="cmd\x03/c calc"),
    "xlsb": made.xlsb(b"", "cmd", "/c calc"),
    "xlsx": zipped({**made.TYPES, "xl/externalLinks/externalLink1.xml": b'<e><ddeLink ddeService="cmd" ddeTopic="/c calc"/></e>'}),
    "ods": made.odt('<o><office:dde-source office:dde-application="cmd" office:dde-topic="/c calc"/></o>'),
    "one XML file": b'<?mso-application progid="Excel.Sheet"?><Workbook><Cell ss:Formula="=cmd|\'/c calc\'!A1"/></Workbook>',
}  # fmt: skip


@pytest.mark.parametrize("kind", DDE_FILES)
async def test_a_command_by_dde_is_found_however_the_command_is_split(documents: Extract, kind: str) -> None:
    result = await documents(DDE_FILES[kind])

    assert "cmd" in result.result["dde"][0]["command"]
    assert found(result) >= {"dde-program"}
    assert {"dde", "attack.t1559.002"} <= tags(result)


@pytest.mark.parametrize(
    "text", [b"a | b 'c'!d\n=1+1\n", b"x=1; cat a |'b'!c" + b" " * 20, b'say("a|b")', b"text of a letter\n"]
)
async def test_texts_that_only_look_like_a_command_are_none(documents: Extract, text: bytes) -> None:
    assert found(await documents(text)) == set()


# -- OpenDocument, metadata, and all else


async def test_macros_and_events_of_open_documents_are_read(documents: Extract) -> None:
    listener = (
        '<o><script:event-listener script:event-name="dom:load" xlink:href="vnd.sun.star.script:M"/></o>'
    )

    result = await documents(made.odt(listener, "Sub Main\nShell(&quot;calc.exe&quot;)\nEnd Sub"))

    assert 'Shell("calc.exe")' in evidence(result, "macros.vba")
    assert found(result) >= {"macro-autostart", "macro-runs-programs"}


@pytest.mark.parametrize("link", ["image", "object", "section-source"])
async def test_links_of_open_documents_are_told(documents: Extract, link: str) -> None:
    result = await documents(made.odt(f'<o><draw:{link} xlink:href="{made.HOST}/a"/></o>'))

    assert result.result["external"][0]["target"] == f"{made.HOST}/a"


async def test_the_metadata_of_a_document_is_told(documents: Extract) -> None:
    result = await documents(made.docx())

    told = result.result["metadata"]
    assert (told["creator"], told["company"], told["template"], told["revision"]) == (
        "Ada",
        "Acme",
        "Normal.dotm",
        "7",
    )


async def test_the_metadata_of_a_compound_file_is_told(documents: Extract) -> None:
    facts = made.facts(creator=4, template=7)

    result = await documents(compound({"WordDocument": bytes(32), "\x05SummaryInformation": facts}))

    told = result.result["metadata"]
    assert told == {
        "codePage": 1252, "creator": "creator", "template": "template", "created": "2019-04-16 22:40:00",
    }  # fmt: skip


@pytest.mark.parametrize(
    "content", [b"\x7fELF" + bytes(100), b"#!/bin/sh\necho\n", zipped({"a.txt": b"text"})]
)
async def test_files_of_other_kinds_are_answered_without_a_finding(
    documents: Extract, content: bytes
) -> None:
    result = await documents(content)

    assert (result.score, result.result["format"], result.tags) == (NO_FINDINGS, "other", [])


async def test_an_empty_file_is_rejected(documents: Extract) -> None:
    with pytest.raises(Rejected, match="empty"):
        await documents(b"")


async def test_pages_draw_the_result_by_its_titles(documents: Extract) -> None:
    result = await documents(made.docm(Main=DROPPER))

    drawn = draw(result.result, SCHEMA)

    assert isinstance(drawn.node, Group)
    fields = {field.title.striptags(): field.node for field in drawn.node.fields}
    assert {"Format", "Findings", "Techniques of MITRE ATT&CK", "Macros", "Indicators"} <= set(fields)
    findings = fields["Findings"]
    assert isinstance(findings, Table)
    assert [head.striptags() for head in findings.heads][:3] == ["Finding", "Weight", "Where"]
