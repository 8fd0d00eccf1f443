"""Files that are made to be slow: the looks at such a file are counted, and have a bound."""

import io
import struct
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from identification import kinds
from samplebank.identification import Identifier
from samplebank.identification.zip_directory import MOST_READ_NAMES_BYTES, read_directory
from samplebank.worker.analysers.static.pdf import MOST_INFLATED_BYTES, MOST_NAMES, object_streams
from samplebank.worker.analysers.static.script_steps import MOST_PLACES, places_in
from samplebank.worker.contract import Result
from worker import made_files

Analyse = Callable[[bytes], Awaitable[Result]]
BOMB = zlib.compress(b"/#41" * 250_000)


def importing_without_end(descriptors: int, thunks: int) -> bytes:
    """A program whose libraries all name the same functions, in a table that nothing ends."""
    size = 0x2000 + 20 * descriptors + 8 * thunks
    file_header = struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, 240, 0x22)
    optional = struct.pack("<HBBIIIII", 0x20B, 14, 0, size, 0, 0, 0x1000, 0x1000)
    optional += struct.pack(
        "<QIIHHHHHHIIIIHH", 0x140000000, 0x1000, 512, 6, 0, 0, 0, 6, 0, 0, 0x1000 + size, 512, 0, 3, 0
    )
    optional += struct.pack("<QQQQII", 0x100000, 0x1000, 0x100000, 0x1000, 0, 16)
    optional += bytes(8) + struct.pack("<II", 0x2000, 20 * descriptors) + bytes(112)
    section = struct.pack("<8sIIIIIIHHI", b".text", size, 0x1000, size, 512, 0, 0, 0, 0, 0x60000020)
    headers = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + file_header + optional + section
    table = 0x2000 + 20 * descriptors + 20
    names = b"kernel32.dll".ljust(64, b"\0") + b"\0\0Name\0"
    body = (
        names.ljust(0x1000, b"\0") + struct.pack("<5I", table, 0, 0, 0x1000, table) * descriptors + bytes(20)
    )
    return headers.ljust(512, b"\0") + body + struct.pack("<Q", 0x1040) * thunks


def test_the_places_of_a_step_have_a_bound() -> None:
    places = places_in(b"socket.socketdup2" * 10_000)

    assert {len(found) for found in places.steps.values()} == {MOST_PLACES}


def test_object_streams_are_unpacked_up_to_a_bound_of_all_together() -> None:
    content = b"%PDF-1.4\n" + b"<< /Type /ObjStm >> stream\n%b\nendstream\n" % BOMB * 64

    assert sum(map(len, object_streams(content))) <= MOST_INFLATED_BYTES


async def test_the_names_of_a_pdf_are_counted_up_to_a_bound(static: Analyse) -> None:
    result = await static(b"%PDF-1.4\n" + b"/JS " * (MOST_NAMES + 50_000))

    assert result.result["pdf"]["names"]["JS"] == MOST_NAMES


@pytest.mark.parametrize(
    ("descriptors", "thunks"),
    [
        pytest.param(1, 400_000, id="one library without end"),
        pytest.param(50_000, 20_000, id="libraries times functions"),
        pytest.param(3000, 2, id="libraries"),
    ],
)
async def test_imports_without_end_are_left_out(static: Analyse, descriptors: int, thunks: int) -> None:
    result = await static(importing_without_end(descriptors, thunks))

    assert result.result["damagedParts"] == ["imports"]
    assert result.result["pe"]["imports"] == []


async def test_usual_imports_are_read(static: Analyse) -> None:
    result = await static(
        made_files.importing("kernel32.dll", *(f"Function{number}" for number in range(400)))
    )

    assert "damagedParts" not in result.result
    assert len(result.result["pe"]["imports"]) > 1


async def test_a_program_whose_sections_are_all_of_the_file_many_times_has_a_result(
    static: Analyse, identifier: Identifier, tmp_path: Path
) -> None:
    program = bytearray(kinds.pe())
    program[70:72] = b"\xff\xff"
    section = struct.pack("<8sIIIIIIHHI", b".text", 2_000_000, 0x1000, 2_000_000, 512, 0, 0, 0, 0, 0x60000020)
    content = bytes(program[:328]) + section * 0xFFFF
    path = tmp_path / "sample"
    path.write_bytes(content)

    identified = await identifier.identify(path)
    result = await static(content)

    assert (identified.type, result.result["size"]) == ("pebin", len(content))


def test_the_names_of_an_archive_are_read_up_to_a_bound() -> None:
    headers = b"PK\x03\x04" + bytes(26) + b"PK\x01\x02" * 4_000_000

    entries = read_directory(io.BytesIO(headers)).entries

    assert sum(len(entry.name) for entry in entries) <= MOST_READ_NAMES_BYTES + 1024
