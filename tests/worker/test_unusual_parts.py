"""Documents whose parts have unusual names: Office goes by relations, and so does the worker `documents`."""

import io
import zipfile

import pytest

from worker import made_documents as made
from worker.conftest import Extract
from worker.documents import DROPPER, found
from worker.made_containers import zipped

KINDS = {
    "word/document.xml": "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
    "xl/workbook.xml": "application/vnd.ms-excel.sheet.macroEnabled.main+xml",
}
WORKBOOK = b"""<workbook xmlns:r="r"><sheets><sheet name="M" state="hidden" r:id="r1"/></sheets>
<definedNames><definedName name="_xlnm.Auto_Open">M!$A$1</definedName></definedNames></workbook>"""
MACROS = b'<macrosheet><row><c r="A1"><f>EXEC("calc.exe")</f></c></row></macrosheet>'


def relation(kind: str, target: str) -> bytes:
    return f'<Relationships><Relationship Id="r1" Type="{made.RELATIONS}/{kind}" Target="{target}"/></Relationships>'.encode()


def moved(parts: dict[str, bytes], main: str, folder: str) -> bytes:
    """A package whose main part has the name `{folder}a.xml`, and whose other parts are in the same folder."""
    usual = main.rpartition("/")[0] + "/"
    renamed = {main: f"{folder}a.xml", f"{usual}_rels/{main[len(usual) :]}.rels": f"{folder}_rels/a.xml.rels"}
    names = {name: renamed.get(name, name.replace(usual, folder, 1)) for name in parts}
    types = f'<Types><Override PartName="/{folder}a.xml" ContentType="{KINDS[main]}"/></Types>'.encode()
    root = relation("officeDocument", f"{folder}a.xml")
    return zipped(
        {"[Content_Types].xml": types, "_rels/.rels": root, **{names[name]: parts[name] for name in parts}}
    )


@pytest.mark.parametrize("folder", ["", "other/", "other/deep/"])
async def test_macros_of_excel_4_in_a_folder_of_another_name_are_found(
    documents: Extract, folder: str
) -> None:
    parts = {
        "xl/workbook.xml": WORKBOOK,
        "xl/_rels/workbook.xml.rels": relation("xlMacrosheet", "macrosheets/s.xml"),
        "xl/macrosheets/s.xml": MACROS,
    }

    result = await documents(moved(parts, "xl/workbook.xml", folder))

    assert found(result) >= {
        "excel4-macros",
        "excel4-autostart",
        "excel4-hidden-sheet",
        "excel4-runs-programs",
    }
    assert result.result["metadata"]["mainPart"] == f"{folder}a.xml"


@pytest.mark.parametrize("folder", ["", "other/"])
async def test_orders_by_dde_in_a_folder_of_another_name_are_found(documents: Extract, folder: str) -> None:
    field = b'<w:document><w:fldSimple w:instr="DDEAUTO cmd.exe &quot;/k calc&quot;"/></w:document>'

    result = await documents(moved({"word/document.xml": field}, "word/document.xml", folder))

    assert "dde-program" in found(result)


async def test_macros_in_a_part_of_another_name_are_found(documents: Extract) -> None:
    with zipfile.ZipFile(io.BytesIO(made.docm(Main=DROPPER))) as usual:
        macros = usual.read("word/vbaProject.bin")
    parts = {
        **made.TYPES,
        "word/document.xml": b"<w/>",
        "word/_rels/document.xml.rels": relation("vbaProject", "../media/picture.dat"),
        "media/picture.dat": macros,
    }

    assert found(await documents(zipped(parts))) >= {"macros", "macro-autostart", "macro-downloads"}


@pytest.mark.parametrize("target", ["../../../x", "", "a.xml", "/word/document.xml"])
async def test_a_main_part_that_is_missing_changes_nothing(documents: Extract, target: str) -> None:
    parts = {**made.TYPES, "_rels/.rels": relation("officeDocument", target), "word/document.xml": b"<w/>"}

    assert found(await documents(zipped(parts))) == set()
