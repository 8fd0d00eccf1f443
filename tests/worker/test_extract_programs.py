"""Programs with files inside or behind: the worker `extract` gives what the program starts or unpacks."""

import secrets
import struct

import pytest

from samplebank.worker.analysers.extract import autoit
from samplebank.worker.contract import Result
from worker.conftest import Extract
from worker.made_autoit import autoit as made_autoit
from worker.made_autoit import script as made_script
from worker.made_bundles import MARK, bundle
from worker.made_images import rar

SECTION_BYTES = 512


def windows(*sections: bytes, behind: bytes = b"") -> bytes:
    """A program with these sections, which are loaded each 64 KiB behind the one before."""
    options = struct.pack("<H", 0x20B) + bytes(238)
    start = 64 + 24 + len(options) + 40 * len(sections)
    start += -start % SECTION_BYTES
    table, body = b"", b""
    for number, content in enumerate(sections, 1):
        filled = content + bytes(-len(content) % SECTION_BYTES)
        fields = (len(filled), number << 16, len(filled), start + len(body))
        table += struct.pack("<8s4I16x", b".data", *fields)
        body += filled
    header = struct.pack("<4sHHIIIHH", b"PE\0\0", 0x8664, len(sections), 0, 0, 0, len(options), 0x22)
    head = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64) + header + options + table
    return head.ljust(start, b"\0") + body + behind


INNER = windows(secrets.token_bytes(3000))
SELF_EXTRACTING = windows(secrets.token_bytes(2000), behind=b"its own files" * 20)


def resources(program: bytes) -> bytes:
    """A section with a table of one resource, and the resource: a table has address, size and two numbers."""
    place = 64
    return (
        struct.pack("<4I", (1 << 16) + place, len(program), 0, 0).ljust(place, b"\0") + program + bytes(700)
    )


def contents(result: Result) -> list[bytes]:
    return sorted(child.data for child in result.children)


async def test_a_program_among_the_resources_of_a_program_is_taken_with_its_own_files(
    extract: Extract,
) -> None:
    assert contents(await extract(windows(resources(SELF_EXTRACTING)))) == [SELF_EXTRACTING]


async def test_programs_between_the_bytes_of_a_program_end_with_their_sections(extract: Extract) -> None:
    result = await extract(windows(b"a" * 1000 + INNER + b"b" * 1000 + SELF_EXTRACTING))

    assert contents(result) == sorted([INNER, windows(SELF_EXTRACTING[SECTION_BYTES:2560])])


async def test_a_program_behind_a_program_has_all_that_follows(extract: Extract) -> None:
    assert contents(await extract(windows(b"code") + INNER + b"more")) == [INNER + b"more"]


async def test_an_archive_behind_a_program_is_opened_behind_marks_that_mislead(extract: Extract) -> None:
    program = windows(b"Rar!\x1a\x07\0" * 3)

    assert contents(await extract(program + rar("A.EXE", INNER))) == [INNER]


@pytest.mark.parametrize(("version", "packs"), [(1, False), (2, False), (6, False), (6, True)])
async def test_a_program_of_net_in_one_file_gives_its_files(
    extract: Extract, version: int, *, packs: bool
) -> None:
    files = {"own.dll": INNER, "own.runtimeconfig.json": b"{}", "run.ps1": b"iex $x"}

    result = await extract(bundle(windows(b"code"), files, version=version, packs=packs))

    assert {child.name: child.data for child in result.children} == {"own.dll": INNER, "run.ps1": b"iex $x"}
    assert result.result["opened"] == ["dotnet"]


async def test_marks_that_mislead_hide_no_files_of_net(extract: Extract) -> None:
    program = windows(bytes(8) + MARK + b"\xff" * 8 + MARK)

    assert contents(await extract(bundle(program, {"own.dll": INNER}))) == [INNER]


async def test_marks_that_mislead_hide_no_script_of_autoit(extract: Extract) -> None:
    program = windows(autoit.MARK)

    result = await extract(program + made_autoit([made_script('MsgBox(0, "a", "b")')]))

    assert [child.name for child in result.children] == ["script.au3"]


async def test_what_belongs_to_net_itself_is_listed_with_its_hash(extract: Extract) -> None:
    files = {"System.Private.CoreLib.dll": INNER, "System.Text.dll": INNER + b"b", "own.dll": INNER + b"c"}

    result = await extract(bundle(windows(b"code"), files))

    assert contents(result) == [INNER + b"c"]
    assert [(entry["why"], len(entry["sha256"])) for entry in result.result["listing"]] == [
        ("a part of .NET", 64)
    ] * 2


@pytest.mark.parametrize("count", [5000, 0x7FFFFFFF])
async def test_a_wrong_number_of_files_of_a_program_of_net_costs_no_file(
    extract: Extract, count: int
) -> None:
    made = bytearray(bundle(windows(b"code"), {"own.dll": INNER}))
    struct.pack_into("<i", made, made.rindex(b"\x093xampleId") - 4, count)

    result = await extract(bytes(made))

    assert contents(result) == [INNER]
    assert result.result["problems"] == ["dotnet: the table of the files cannot be read to its end."]


async def test_an_installer_that_is_not_opened_is_told(extract: Extract) -> None:
    result = await extract(windows(b"code") + b"Inno Setup Setup Data (6.2.0)")

    assert result.result["problems"] == [
        "inno setup: files of this kind are not opened, so what the file holds was not looked at."
    ]
