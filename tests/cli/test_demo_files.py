"""Each file of the demo is of the kind that its name says."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from samplebank.cli import demo_files
from samplebank.cli.demo_files import make_files

EICAR_SHA256 = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"


@pytest.fixture
def made(tmp_path: Path) -> dict[str, Path]:
    return {path.name: path for path in make_files(tmp_path / "files")}


def test_there_are_windows_launchers(made: dict[str, Path]) -> None:
    starts = {path.read_bytes()[:2] for path in made.values() if path.suffix == ".exe"}

    assert starts == {b"MZ"}


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("ls", b"\x7fELF"),
        ("tidy.sh", b"#!/bin/sh"),
        ("minutes.pdf", b"%PDF-1.4"),
        ("backup.zip", b"PK\x03\x04"),
    ],
)
def test_a_file_starts_as_its_kind_does(made: dict[str, Path], name: str, start: bytes) -> None:
    assert made[name].read_bytes().startswith(start)


def test_the_office_document_has_its_parts(made: dict[str, Path]) -> None:
    with zipfile.ZipFile(made["minutes.docx"]) as document:
        assert {"[Content_Types].xml", "_rels/.rels", "word/document.xml"} == set(document.namelist())


def test_the_offsets_of_the_pdf_point_at_its_objects(made: dict[str, Path]) -> None:
    content = made["minutes.pdf"].read_bytes()
    table = int(content.splitlines()[-2])
    second = int(content[table:].splitlines()[4].split()[0])

    assert content[table:].startswith(b"xref")
    assert content[second:].startswith(b"2 0 obj")


def test_eicar_is_the_true_one(made: dict[str, Path]) -> None:
    assert hashlib.sha256(made["eicar.com"].read_bytes()).hexdigest() == EICAR_SHA256


def test_the_source_does_not_hold_eicar_in_one_piece() -> None:
    assert "".join(demo_files.EICAR) not in Path(demo_files.__file__).read_text()
