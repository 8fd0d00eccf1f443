"""The worker `documents` tells the actions and scripts of PDF documents."""

import pikepdf
import pytest

from samplebank.worker.contract import NO_FINDINGS
from worker import made_documents as made
from worker.conftest import Extract
from worker.documents import PDF_ACTIONS, found


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
