"""The worker `documents` reads the objects and templates of RTF documents behind every disguise."""

from uuid import UUID

import pytest

from worker import made_documents as made
from worker.conftest import Extract
from worker.documents import found
from worker.made_images import compound


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
