"""Damaged files cost their own findings only: no part of a file fails the whole analysis, nor hides the type."""

import random
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest

from identification import kinds
from samplebank.identification import Identifier
from samplebank.worker.contract import Result
from worker import made_files

Analyse = Callable[[bytes], Awaitable[Result]]
TIMES = 12
#: bytes changed in each copy
CHANGES = 8

GOOD = {
    "pebin": made_files.launcher(),
    "elf": Path("/bin/true").read_bytes(),
    "macho": kinds.macho() + bytes(4096),
    "docx": made_files.word(word__vbaProject_dot_bin="macro"),
    "pdf": made_files.pdf("<< /S /JavaScript /JS (app.alert(1)) >>", "<< /Type /ObjStm >>"),
    "ole": made_files.encrypted_workbook(),
}


def damaged(content: bytes, seed: int) -> Iterator[bytes]:
    """Copies with some bytes changed, mostly where the headers are, and copies that are cut off."""
    chance = random.Random(seed)  # noqa: S311 the same files each time
    for _ in range(TIMES):
        copy = bytearray(content)
        for _ in range(CHANGES):
            place = chance.randrange(8, len(copy) if chance.random() < 0.3 else min(len(copy), 2048))
            copy[place] = chance.choice((0, 0xFF, 0x80, chance.randrange(256)))
        yield bytes(copy if chance.random() < 0.8 else copy[: chance.randrange(64, len(copy))])


@pytest.mark.parametrize("kind", GOOD)
async def test_a_damaged_file_is_analysed_all_the_same(static: Analyse, kind: str) -> None:
    results = [await static(content) for content in damaged(GOOD[kind], seed=1)]

    assert len(results) == TIMES
    assert all(result.result["size"] for result in results)


@pytest.mark.parametrize("kind", GOOD)
async def test_a_damaged_file_keeps_a_type(identifier: Identifier, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "sample"
    failures = []
    for content in damaged(GOOD[kind], seed=2):
        path.write_bytes(content)
        failures.append((await identifier.identify(path)).meta_data.get("failure"))

    assert failures == [None] * TIMES


def with_interpreter(interpreter: bytes) -> bytes:
    """A program that asks for another one to load it."""
    start = 64 + 56
    header = bytearray(kinds.elf())[:64]
    header[32:40] = (64).to_bytes(8, "little")
    header[54:58] = (56).to_bytes(2, "little") + (1).to_bytes(2, "little")
    size = len(interpreter) + 1
    words = (start, start, start, size, size, 1)
    segment = (
        (3).to_bytes(4, "little")
        + (4).to_bytes(4, "little")
        + b"".join(w.to_bytes(8, "little") for w in words)
    )
    return bytes(header) + segment + interpreter + b"\0" + bytes(8192)


@pytest.mark.parametrize("interpreter", [b"/lib/\xff\xfe.so", b"/" * 2_000_000], ids=["no text", "long"])
async def test_an_odd_interpreter_costs_itself_only(
    static: Analyse, identifier: Identifier, tmp_path: Path, interpreter: bytes
) -> None:
    path = tmp_path / "sample"
    path.write_bytes(with_interpreter(interpreter))

    identified = await identifier.identify(path)
    result = await static(path.read_bytes())

    assert (identified.type, result.result["format"]) == ("elf", "elf")


def odd_method(method: int) -> bytes:
    """A document with macros, whose text is compressed in a way that nobody knows."""
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in ("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"):
            archive.writestr(name, "x" * 100)
    data = bytearray(content.getvalue())
    for signature, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        start = data.index(signature, data.index(signature) + 1)
        data[start + place] = method
    return bytes(data)


@pytest.mark.parametrize("method", [9, 12, 14, 99])
async def test_an_unknown_method_does_not_hide_macros(static: Analyse, method: int) -> None:
    result = await static(odd_method(method))

    assert "office-macros" in {detection.name for detection in result.detections}
    assert result.result["damagedParts"] == ["word/document.xml"]


async def test_macros_are_found_wherever_the_directory_lies(static: Analyse) -> None:
    far = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(17 * 1024 * 1024) + "_VBA_PROJECT".encode("utf-16-le")

    assert "office-macros" in {detection.name for detection in (await static(far)).detections}
