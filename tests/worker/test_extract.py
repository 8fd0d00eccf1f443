"""The worker `extract`: files that act or hold more become children, everything else is listed, within limits."""

import bz2
import gzip
import lzma
import secrets
import zipfile
from collections.abc import Callable, Mapping

import pytest

from samplebank.worker.contract import Child, Result, Tag
from worker.conftest import Extract
from worker.made_containers import locked, mail, tarred, zipped
from worker.made_disks import zst

PROGRAM = b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0" + bytes(300)
SCRIPT = b"#!/bin/sh\necho one\n"
MIB = 1024 * 1024


def contents(result: Result) -> dict[str, bytes]:
    return {child.name: child.data for child in result.children}


def reasons(result: Result) -> dict[str, str]:
    return {entry["path"]: entry["why"] for entry in result.result["listing"]}


def before_posix(name: str, data: bytes) -> bytes:
    """A tar file as of Unix version 7, which some programs write still."""
    fields = name.encode().ljust(100, b"\0") + b"0000644\0" * 3 + b"%011o\0" % len(data) + b"%011o\0" % 0
    header = (fields + b" " * 8).ljust(512, b"\0")
    header = (fields + b"%06o\0 " % sum(header)).ljust(512, b"\0")
    return header + data.ljust(-(-len(data) // 512) * 512, b"\0") + bytes(1024)


STREAMS: Mapping[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: zst("", data),
}
OF_THE_STANDARD_LIBRARY = ("gz", "bz2", "xz")
TARS = {"tar": "w", "tar.gz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}


@pytest.mark.parametrize("ending", TARS)
async def test_a_tar_file_is_opened(extract: Extract, ending: str) -> None:
    result = await extract(tarred({"bin/a.exe": PROGRAM}, TARS[ending]), f"x.{ending}")

    assert contents(result) == {"bin/a.exe": PROGRAM}


@pytest.mark.parametrize("compress", [bytes, gzip.compress, lzma.compress])
async def test_a_tar_file_without_the_mark_of_posix_is_opened(
    extract: Extract, compress: Callable[[bytes], bytes]
) -> None:
    result = await extract(compress(before_posix("bin/a.exe", PROGRAM)), "x.tar")

    assert contents(result) == {"bin/a.exe": PROGRAM}


@pytest.mark.parametrize("ending", STREAMS)
async def test_a_compressed_file_loses_its_ending(extract: Extract, ending: str) -> None:
    result = await extract(STREAMS[ending](PROGRAM), f"a.exe.{ending}")

    assert contents(result) == {"a.exe": PROGRAM}


@pytest.mark.parametrize("ending", OF_THE_STANDARD_LIBRARY)
async def test_bytes_behind_a_compressed_file_do_not_hide_the_file(extract: Extract, ending: str) -> None:
    result = await extract(STREAMS[ending](PROGRAM) + b"more bytes", f"a.exe.{ending}")

    assert contents(result) == {"a.exe": PROGRAM}


@pytest.mark.parametrize("ending", OF_THE_STANDARD_LIBRARY)
async def test_a_compressed_file_that_is_cut_off_gives_what_stands_before_the_cut(
    extract: Extract, ending: str
) -> None:
    program = PROGRAM + secrets.token_bytes(3 * MIB)

    result = await extract(STREAMS[ending](program)[: 2 * MIB], f"a.exe.{ending}")

    (child,) = result.children
    assert len(child.data) > MIB
    assert program.startswith(child.data)
    assert "ended before" in result.result["problems"][0]


async def test_files_that_act_or_hold_more_become_children(extract: Extract) -> None:
    members = {
        "a.exe": PROGRAM,
        "run.ps1": b"Write-Host 1\n",
        "inner.zip": zipped({"x": b"1"}),
        "letter.eml": b"From: a@example.org\nSubject: x\nMIME-Version: 1.0\n\nhello\n",
        "form.pdf": b"%PDF-1.7\n1 0 obj\n",
        "click.lnk": b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F" + bytes(60),
        "blob": secrets.token_bytes(500),
    }

    result = await extract(zipped(members))

    assert contents(result) == members
    assert [child.name for child in result.children][:3] == ["a.exe", "click.lnk", "run.ps1"]


async def test_other_files_are_listed_with_size_digest_and_reason(extract: Extract) -> None:
    members = {"read.me": b"some words\n", "p.png": b"\x89PNG\r\n\x1a\n" + bytes(50), "a.xml": b"<a>1</a>"}

    result = await extract(zipped(members))

    assert result.children == []
    assert set(reasons(result)) == set(members)
    assert all(len(entry["sha256"]) == 64 for entry in result.result["listing"])


TEXTS_THAT_ACT = {
    "document of Word 2003": b'<?xml version="1.0"?>\r\n<?mso-application progid="Word.Document"?>\r\n<w:wordDocument/>',
    "flat package": b'<?xml version="1.0"?><pkg:package xmlns:pkg="x"><pkg:part/></pkg:package>',
    "flat OpenDocument": b'<?xml version="1.0"?><office:document office:version="1.2"></office:document>',
    "cell that starts a program": b"name,sum\nx,=cmd|'/c calc'!A1\n",
}


@pytest.mark.parametrize("kind", TEXTS_THAT_ACT)
async def test_texts_that_office_opens_and_that_act_become_samples(extract: Extract, kind: str) -> None:
    result = await extract(zipped({"a.xml": TEXTS_THAT_ACT[kind], "table.csv": b"a,b\n-1,+2\n| a | b! |\n"}))

    assert contents(result) == {"a.xml": TEXTS_THAT_ACT[kind]}


async def test_a_file_that_is_no_container_gives_nothing(extract: Extract) -> None:
    for content in (PROGRAM, b"just words", secrets.token_bytes(300)):
        result = await extract(content)

        assert (result.score, result.children, result.result["opened"]) == (-1, [], [])


@pytest.mark.parametrize("word", ["infected", "given with it"])
async def test_a_known_password_opens_an_archive(extract: Extract, word: str) -> None:
    result = await extract(locked({"a.exe": PROGRAM}, word), password="wrong\ngiven with it")

    assert contents(result) == {"a.exe": PROGRAM}
    assert result.result["passwordUsed"] == word
    assert result.tags == []


async def test_words_of_the_site_are_tried(extract: Extract) -> None:
    result = await extract(locked({"a.exe": PROGRAM}, "our word"), passwords="one\nour word")

    assert contents(result) == {"a.exe": PROGRAM}


async def test_an_archive_that_stays_closed_is_tagged(extract: Extract) -> None:
    result = await extract(locked({"a.exe": PROGRAM}, "nobody knows"))

    assert (result.score, result.children, result.tags) == (-1, [], [Tag("behaviour", "encrypted")])
    assert result.result["isEncrypted"] is True
    assert reasons(result)["a.exe"].startswith("encrypted")


async def test_attachments_bring_the_password_of_their_mail(extract: Extract) -> None:
    attached = locked({"a.exe": PROGRAM}, "s3same")

    result = await extract(mail(attached, "The password: s3same."))

    (child,) = result.children
    assert (child.name, child.data, child.password) == ("bill.zip", attached, "s3same")
    assert contents(await extract(child.data, password=child.password or "")) == {"a.exe": PROGRAM}


async def test_a_bomb_is_listed_and_not_unpacked(extract: Extract) -> None:
    result = await extract(zipped({"zeros.exe": bytes(100 * MIB), "a.exe": PROGRAM}))

    assert contents(result) == {"a.exe": PROGRAM}
    assert "1,000 times" in reasons(result)["zeros.exe"]
    assert result.result["limits"] == [reasons(result)["zeros.exe"]]


async def test_a_size_that_is_a_lie_does_not_help_a_bomb(extract: Extract) -> None:
    bomb = bytearray(zipped({"zeros.exe": bytes(100 * MIB)}))
    place = bomb.rfind(b"PK\x01\x02")
    bomb[place + 24 : place + 28] = (500).to_bytes(4, "little")

    result = await extract(bytes(bomb))

    assert result.children == [] or all(len(child.data) <= 500 for child in result.children)


async def test_a_compressed_bomb_is_not_unpacked(extract: Extract) -> None:
    result = await extract(bz2.compress(bytes(100 * MIB)), "zeros.bz2")

    assert result.children == []
    assert "1,000 times" in reasons(result)["zeros"]


async def test_twenty_thousand_members_stop_at_the_limit(extract: Extract) -> None:
    members = {f"m{number:05}.bat": b"@echo off\nrem %d\n" % number for number in range(20_000)}

    result = await extract(zipped(members, zipfile.ZIP_STORED))

    assert len(result.children) == 500
    assert [child.name for child in result.children] == sorted(members)[:500]
    assert "over the limit of files" in result.result["limits"]
    assert [one.file_name for one in result.evidence] == ["listing.json"]


async def test_programs_come_first_under_a_limit(extract: Extract) -> None:
    members = {f"m{number:05}.bat": b"@echo off\nrem %d\n" % number for number in range(600)}

    result = await extract(zipped({**members, "z.exe": PROGRAM}, zipfile.ZIP_STORED))

    assert result.children[0].name == "z.exe"
    assert len(result.children) == 500


async def test_equal_members_are_one_child(extract: Extract) -> None:
    result = await extract(zipped({"a.exe": PROGRAM, "b.exe": PROGRAM}))

    assert contents(result) == {"a.exe": PROGRAM}
    assert reasons(result) == {"b.exe": "the same as another member"}


@pytest.mark.parametrize(
    "name", ["../../etc/x.exe", "/abs.exe", "C:\\x.exe", "a\u202egnp.exe", "caf\u00e9.exe", "." * 3000]
)
async def test_tricks_with_names_stay_names(extract: Extract, name: str) -> None:
    (child,) = (await extract(zipped({name: PROGRAM}))).children

    assert isinstance(child, Child)
    assert child.data == PROGRAM
    assert len(child.name) <= 500


@pytest.mark.parametrize("content", ["zip", "tar.gz", "gz", "mail"])
async def test_damaged_containers_get_an_answer(extract: Extract, content: str) -> None:
    whole = {
        "zip": zipped({"a.exe": PROGRAM * 50, "b.ps1": SCRIPT}),
        "tar.gz": tarred({"a.exe": PROGRAM}, "w:gz"),
        "gz": gzip.compress(PROGRAM),
        "mail": mail(PROGRAM, "x"),
    }[content]
    chance = secrets.SystemRandom()

    for _ in range(40):
        damaged = bytearray(whole[: chance.randrange(20, len(whole))] if chance.random() < 0.3 else whole)
        for _ in range(chance.randrange(1, 8)):
            damaged[chance.randrange(4, len(damaged))] = chance.randrange(256)
        assert (await extract(bytes(damaged))).score == -1
