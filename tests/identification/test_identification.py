"""Real files of many kinds, identified by a real child."""

import subprocess
import sys
from pathlib import Path

import pytest

from identification import kinds
from samplebank.cli.demo_files import EICAR
from samplebank.identification import Identification, Identifier
from samplebank.sandbox import Disturbed

HERE = Path(__file__).parent
MIB = 1024 * 1024
PYTHON = b"""#!/usr/bin/env python3
import os
import sys


def main() -> None:
    for name in sorted(os.listdir(sys.argv[1])):
        print(name)


if __name__ == "__main__":
    main()
"""
#: loads the model in a process of its own, and tells the number of threads before and behind
LOADING = """
import os
from samplebank.identification.classifier import open_classifier
before = len(os.listdir("/proc/self/task"))
answer = open_classifier("")
print(before, len(os.listdir("/proc/self/task")))
"""


@pytest.mark.parametrize(
    ("content", "super_type", "type_"),
    [
        pytest.param(kinds.pdf(), "document", "pdf", id="pdf"),
        pytest.param(kinds.png(), "image", "png", id="png"),
        pytest.param(kinds.elf(), "executable", "elf", id="elf"),
        pytest.param(kinds.pe(), "executable", "pebin", id="pe"),
        pytest.param("".join(EICAR).encode(), "executable", "com", id="eicar"),
        pytest.param(kinds.macho(), "executable", "macho", id="macho"),
        pytest.param(b"dex\n035\0" + kinds.noise(300), "executable", "dex", id="dex 035"),
        pytest.param(b"dex\n041\0" + kinds.noise(300), "executable", "dex", id="dex 041"),
        pytest.param(kinds.FAT_MACHO, "executable", "macho", id="fat macho"),
        pytest.param(kinds.JAVA_CLASS, "executable", "javabytecode", id="java"),
        pytest.param(kinds.OLE, "document", "ole", id="ole"),
        pytest.param(kinds.zipped("noise.bin"), "archive", "zip", id="zip"),
        pytest.param(kinds.zipped("[Content_Types].xml", "word/document.xml"), "document", "docx", id="docx"),
        pytest.param(kinds.zipped("[Content_Types].xml", "xl/workbook.xml"), "document", "xlsx", id="xlsx"),
        pytest.param(kinds.zipped("META-INF/MANIFEST.MF", "A.class"), "archive", "jar", id="jar"),
        pytest.param(kinds.zipped("AndroidManifest.xml", "classes.dex"), "executable", "apk", id="apk"),
        pytest.param(kinds.gzipped(), "archive", "gzip", id="gzip"),
        pytest.param(
            kinds.zipped("[CONTENT_TYPES].XML", "WORD/DOCUMENT.XML"),
            "document",
            "docx",
            id="docx in capitals",
        ),
        pytest.param(kinds.odd_apk(), "executable", "apk", id="apk with a bad extra field"),
        pytest.param(kinds.encrypted_workbook(), "document", "encryptedooxml", id="encrypted workbook"),
        pytest.param(b"\n" * 1000 + kinds.pdf(), "document", "pdf", id="pdf behind blanks"),
        pytest.param(b" \n{\\rtf1 hello\\par}", "text", "rtf", id="rtf behind blanks"),
        pytest.param(b"\n" + "".join(EICAR).encode(), "executable", "com", id="eicar behind a newline"),
        pytest.param(b"\xff\xfe" + "".join(EICAR).encode("utf-16-le"), "executable", "com", id="eicar in utf-16"),
        pytest.param(b"A" * 250 + kinds.pdf(), "document", "pdf", id="pdf behind letters"),
        pytest.param(kinds.bad_offsets(kinds.zipped("[Content_Types].xml", "word/document.xml")), "document", "docx",
                     id="docx with bad offsets"),
        pytest.param(kinds.zipped("[Content_Types].xml", "word/document.xml")[:1500], "document", "docx",
                     id="docx without a directory"),
        pytest.param(kinds.zipped("[Content_Types].xml", "word/other.xml"), "document", "docx",
                     id="docx whose text has another name"),
        pytest.param(kinds.zipped("mimetype", content=b"application/vnd.oasis.opendocument.text"), "document", "odt", id="odt"),
        pytest.param(kinds.xz(), "archive", "xz", id="xz"),
        pytest.param(PYTHON, "code", "python", id="python"),
        pytest.param(b"plain words " * 500, "text", "txt", id="text"),
        pytest.param(bytes(range(256)) * 8 + kinds.noise(4000), "unknown", "unknown", id="noise"),
        pytest.param(b"", "unknown", "unknown", id="empty"),
    ],
)  # fmt: skip
async def test_files_are_told_apart(identified: Identification, super_type: str, type_: str) -> None:
    assert (identified.super_type, identified.type) == (super_type, type_)


@pytest.mark.parametrize(
    ("content", "arch", "platform"),
    [
        pytest.param(kinds.elf(62), "x86_64", "linux", id="elf x86-64"),
        pytest.param(kinds.elf(183), "arm64", "linux", id="elf aarch64"),
        pytest.param(kinds.elf(62, os_abi=9), "x86_64", "freebsd", id="elf freebsd"),
        pytest.param(kinds.pe(0x8664), "x86_64", "windows", id="pe x86-64"),
        pytest.param(kinds.pe(0xAA64), "arm64", "windows", id="pe arm64"),
        pytest.param(kinds.pe(0x8664, subsystem=10), "x86_64", "efi", id="pe efi"),
        pytest.param(kinds.macho(), "arm64", "macos", id="macho arm64"),
        pytest.param(kinds.pdf(), None, None, id="pdf"),
    ],
)
async def test_programs_have_an_architecture_and_a_platform(
    identified: Identification, arch: str | None, platform: str | None
) -> None:
    assert (identified.arch, identified.platform) == (arch, platform)


@pytest.mark.parametrize("content", [kinds.pe(characteristics=0x2022)])
async def test_a_windows_library_is_told_from_a_program(identified: Identification) -> None:
    facts = {"format": "pe", "bits": 64, "isDll": True, "subsystem": "windows_cui", "sections": 1}

    assert identified.meta_data | facts == identified.meta_data


@pytest.mark.parametrize("content", [kinds.pdf()])
async def test_an_identification_says_how_it_came_about(identified: Identification) -> None:
    assert identified.version.startswith("magika ")
    assert identified.meta_data["mimeType"] == "application/pdf"
    assert 0 < identified.meta_data["score"] <= 1


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(kinds.elf()[:70], id="elf"),
        pytest.param(kinds.pe()[:90], id="pe"),
        pytest.param(kinds.zipped("a")[:300], id="zip"),
        pytest.param(kinds.macho()[:20], id="macho"),
    ],
)
async def test_a_truncated_file_still_has_a_type(identified: Identification) -> None:
    assert identified.type in {"elf", "pebin", "zip", "macho"}
    assert "failure" not in identified.meta_data


async def test_a_file_that_cannot_be_read_is_unknown_for_a_reason(
    identifier: Identifier, tmp_path: Path
) -> None:
    identified = await identifier.identify(tmp_path / "missing")

    assert identified.type == "unknown"
    assert "FileNotFoundError" in str(identified.meta_data["failure"])


async def test_an_identification_that_takes_too_long_is_unknown_for_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "sample"
    path.write_bytes(kinds.pdf())

    async with Identifier(deadline_seconds=0.0) as hasty:
        identified = await hasty.identify(path)

    assert identified.meta_data["failure"] == "The analysis took longer than 0 seconds."


async def test_a_model_that_cannot_be_loaded_is_no_fault_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "sample"
    path.write_bytes(b"import os\n" * 100)

    async with Identifier(memory_bytes=128 * MIB) as poor:
        with pytest.raises(Disturbed, match="did not start"):
            await poor.identify(path)


@pytest.mark.parametrize(
    "answer",
    [
        "NUL",
        "escaped NUL",
        "no JSON",
        "another shape",
        "a long type",
        "nested",
        "surrogate",
        "huge",
    ],
)
async def test_whatever_a_child_answers_is_an_identification(tmp_path: Path, answer: str) -> None:
    path = tmp_path / answer
    path.write_bytes(b"MZ")

    async with Identifier(factory="lying:open_liar", import_from=(HERE,)) as identifier:
        identified = await identifier.identify(path)

    assert identified.type == "unknown"
    assert identified.meta_data.keys() == {"failure"}


async def test_a_classifier_reads_no_other_file(tmp_path: Path) -> None:
    path = tmp_path / "sample"
    path.write_bytes(b"MZ")
    path.with_name("other").write_bytes(b'{"super_type": "text", "type": "of somebody else"}')

    async with Identifier(factory="lying:open_curious", import_from=(HERE,)) as identifier:
        identified = await identifier.identify(path)

    assert identified.type == "unknown"
    assert "PermissionError" in str(identified.meta_data["failure"])


def test_loading_the_model_starts_no_thread() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADING], capture_output=True, text=True, timeout=60, check=True
    )

    before, behind = done.stdout.split()
    assert before == behind
