"""Types without need of the model, and many files in one process."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from identification import kinds
from samplebank.identification import Identifier

HERE = Path(__file__).parent
PROSE = b"It was the best of times, it was the worst of times. " * 40


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., list[Path]]:
    def written(*contents: bytes) -> list[Path]:
        paths = [tmp_path / str(number) for number in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        return paths

    return written


async def test_a_firm_type_needs_no_model(files: Callable[..., list[Path]]) -> None:
    paths = files(
        kinds.pe(),
        kinds.elf(),
        kinds.pdf(),
        kinds.png(),
        kinds.PYTHON_BYTECODE,
        kinds.zipped("[Content_Types].xml", "word/document.xml"),
    )

    async with Identifier(factory="nowhere:at_all") as without_model:
        found = await without_model.firm(paths)

    assert [one and one.type for one in found] == ["pebin", "elf", "pdf", "png", "pythonbytecode", "docx"]
    assert [one and one.arch for one in found][:2] == ["x86_64", "x86_64"]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(PROSE, id="text"),
        pytest.param(kinds.noise(600), id="noise"),
        pytest.param(b"", id="nothing"),
        pytest.param(kinds.OLE, id="compound file without a telling stream"),
        pytest.param(kinds.zipped("a.npy", "b.npy"), id="package that the model knows"),
        pytest.param(
            kinds.PYTHON_BYTECODE[:4] + b"\x04" + kinds.PYTHON_BYTECODE[5:], id="odd flags of bytecode"
        ),
        pytest.param(kinds.pdf() + b"% Adobe Illustrator", id="drawing in a PDF file"),
    ],
)
async def test_what_leaves_a_doubt_is_left_to_the_model(
    identifier: Identifier, files: Callable[..., list[Path]], content: bytes
) -> None:
    assert await identifier.firm(files(content)) == [None]


async def test_each_of_many_files_gets_its_own_type(
    identifier: Identifier, files: Callable[..., list[Path]]
) -> None:
    found = await identifier.firm(files(kinds.png(), PROSE, kinds.gzipped()))

    assert [one and one.type for one in found] == ["png", None, "gzip"]


async def test_a_file_that_ends_the_process_costs_itself_the_type_and_no_other(
    files: Callable[..., list[Path]],
) -> None:
    async with Identifier(factory="lying:open_fragile", import_from=(HERE,)) as fragile:
        found = await fragile.guess(files(b"one", b"crash", b"another"))

    assert [getattr(one, "type", None) for one in found] == ["txt", "unknown", "txt"]


async def test_a_program_that_ends_the_parser_of_headers_keeps_its_type(
    files: Callable[..., list[Path]],
) -> None:
    (path,) = files(kinds.pe())
    async with Identifier(firm="lying:open_doomed", import_from=(HERE,)) as doomed:
        found = await doomed.identify(path)

    assert (found.type, found.arch) == ("pebin", None)
    assert "failure" not in found.meta_data


def test_the_model_comes_without_the_parser_of_headers() -> None:
    code = "import samplebank.identification.classifier as c, sys; c.open_classifier(''); print('lief' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


async def test_an_installer_is_told_by_the_class_of_its_root(files: Callable[..., list[Path]]) -> None:
    root = "Root Entry".encode("utf-16-le").ljust(80, b"\0")
    number = bytes.fromhex("84100c0000000000c000000000000046")
    (path,) = files(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1016) + root + number + bytes(400))

    async with Identifier(factory="nowhere:at_all") as without_model:
        (found,) = await without_model.firm([path])

    assert found is not None
    assert (found.type, found.meta_data["mimeType"]) == ("msi", "application/x-msi")
