"""Tar files that tar reads to the end: the worker `extract` gives what tar gives, within the limits."""

import gzip
import secrets
import tarfile

import pytest

from samplebank.worker.contract import Result
from worker.conftest import Extract
from worker.made_containers import tarred

PROGRAM = b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0" + bytes(300)
MIB = 1024 * 1024
EXTENSIONS = {"pax": b"x", "name": b"L"}


def contents(result: Result) -> list[bytes]:
    return [child.data for child in result.children]


def header(kind: bytes, size: int, name: str = "a.exe") -> bytes:
    entry = tarfile.TarInfo(name)
    entry.type, entry.size = kind, size
    return entry.tobuf(tarfile.GNU_FORMAT)


def member(kind: bytes, data: bytes) -> bytes:
    return header(kind, len(data)) + data.ljust(-(-len(data) // 512) * 512, b"\0")


@pytest.mark.parametrize("kind", [b"9", b"Z", b"a", b"7"])
async def test_a_member_of_an_unknown_kind_is_a_file(extract: Extract, kind: bytes) -> None:
    assert contents(await extract(member(kind, PROGRAM) + bytes(1024))) == [PROGRAM]


@pytest.mark.parametrize("kind", [b"D", b"V", b"M", b"A", b"1", b"3"])
async def test_a_member_without_a_file_gives_none(extract: Extract, kind: bytes) -> None:
    result = await extract(member(kind, b"\1\2\3\4" * 128) + tarred({"b.exe": PROGRAM}))

    assert PROGRAM in contents(result)
    assert len(result.children) == 1


@pytest.mark.parametrize("kind", EXTENSIONS)
async def test_an_extension_of_many_megabytes_costs_no_memory(extract: Extract, kind: str) -> None:
    size, pieces = 50 * MIB, 3
    made = gzip.compress(header(EXTENSIONS[kind], size * pieces)) + gzip.compress(bytes(size)) * pieces

    result = await extract(made + gzip.compress(tarred({"a.exe": PROGRAM})))

    assert contents(result) == [PROGRAM]
    assert [entry["why"] for entry in result.result["listing"]] == ["larger than 128 MiB"]


async def test_very_many_extensions_do_not_hide_the_member(extract: Extract) -> None:
    result = await extract(member(b"L", b"b.exe\0") * 2000 + tarred({"a.exe": PROGRAM}))

    assert PROGRAM in contents(result)
    assert {child.name for child in result.children if child.data == PROGRAM} == {"b.exe"}


async def test_a_hard_link_of_pax_with_bytes_is_taken(extract: Extract) -> None:
    comment = member(b"x", b"13 comment=a\n")

    result = await extract(comment + member(tarfile.LNKTYPE, PROGRAM) + tarred({"b.exe": PROGRAM + b"b"}))

    assert sorted(contents(result)) == [PROGRAM, PROGRAM + b"b"]


async def test_a_hard_link_before_pax_has_no_bytes_whatever_its_size(extract: Extract) -> None:
    link = header(tarfile.LNKTYPE, 5000, "b.exe")

    assert contents(await extract(link + tarred({"a.exe": PROGRAM}))) == [PROGRAM]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
async def test_a_tar_file_that_is_cut_off_gives_what_stands_before_the_cut(
    extract: Extract, mode: str
) -> None:
    program = PROGRAM + secrets.token_bytes(3 * MIB)

    result = await extract(tarred({"a.exe": program}, mode)[: 2 * MIB])

    (child,) = result.children
    assert len(child.data) > MIB
    assert program.startswith(child.data)
    assert len(result.result["problems"]) == 1
