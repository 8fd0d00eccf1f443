"""The static analyser never calls a closed container benign, and names the entries that it could not look into."""

from collections.abc import Awaitable, Callable

import pytest

from identification import kinds
from samplebank.worker.contract import Result
from worker import made_archives, made_files

Analyse = Callable[[bytes], Awaitable[Result]]

NAMES = ("notes/one.txt", "two.exe")
BIFF = b"\x09\x08\x08\0" + bytes(8)
PASSWORD = b"\x2f\0\x06\0" + bytes(6)
WORD = b"\xec\xa5" + bytes(8)
MANY_NAMES = b"/Name " * 210_000


def tags(result: Result) -> set[str]:
    return {tag.value for tag in result.tags}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(made_files.encrypted_zip(), id="zip"),
        pytest.param(made_archives.zipped(*NAMES, flags=1, method=99), id="zip by AES"),
        pytest.param(made_archives.zipped(*NAMES, flags=1 << 6), id="zip by strong encryption"),
        pytest.param(made_archives.zipped(*NAMES, flags=1 << 13), id="zip with masked headers"),
        pytest.param(made_archives.zipped(*NAMES, flags=1)[:-22], id="zip without an end"),
        pytest.param(made_archives.zipped(*NAMES, flags=1) + bytes(100_000), id="zip before other bytes"),
        pytest.param(made_archives.sevenzip(*NAMES, password=True), id="7z"),
        pytest.param(made_archives.sevenzip(*NAMES, password=True, packed_header=False), id="7z with a plain header"),
        pytest.param(made_archives.sevenzip(*NAMES, hidden_names=True), id="7z with encrypted names"),
        pytest.param(made_archives.rar_4(*NAMES, password=True), id="rar 4"),
        pytest.param(made_archives.rar_4(hidden_names=True), id="rar 4 with encrypted names"),
        pytest.param(made_archives.rar_5(*NAMES, password=True), id="rar 5"),
        pytest.param(made_archives.rar_5(hidden_names=True), id="rar 5 with encrypted names"),
        pytest.param(made_archives.arj(*NAMES, password=True), id="arj"),
        pytest.param(made_archives.ace(*NAMES, password=True), id="ace"),
        pytest.param(made_files.pdf("<< /Encrypt 5 0 R >>"), id="pdf"),
        pytest.param(made_files.pdf("<< /#45ncrypt 5 0 R >>"), id="pdf in other words"),
        pytest.param(b"%PDF-1.4\n" + MANY_NAMES + b"trailer << /Encrypt 5 0 R >>", id="pdf of many names"),
        pytest.param(kinds.encrypted_workbook(), id="office package"),
        pytest.param(made_archives.compound(WordDocument=WORD + b"\0\x01"), id="doc"),
        pytest.param(made_archives.compound(Workbook=BIFF + PASSWORD), id="xls"),
        pytest.param(made_archives.compound(Book=BIFF + PASSWORD), id="xls of Excel 5"),
        pytest.param(made_archives.compound(Current_User=b"\0\0\xf6\x0f\x20\0\0\0\x14\0\0\0\xdf\xc4\xd1\xf3"), id="ppt"),
        pytest.param(made_archives.open_document(password=True), id="odt"),
        pytest.param(b"\n-----BEGIN PGP MESSAGE-----\n\nhQEM\n", id="pgp"),
        pytest.param(b"Salted__" + bytes(range(200)), id="openssl"),
        pytest.param(b"age-encryption.org/v1\n-> X25519 \n" + bytes(range(200)), id="age"),
    ],
)  # fmt: skip
async def test_what_is_encrypted_is_unknown_and_tagged(static: Analyse, content: bytes) -> None:
    result = await static(content)

    assert (result.score, tags(result)) == (-1, {"encrypted"})
    assert result.result["notLookedInto"] == "The content is encrypted."


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(made_archives.zipped(*NAMES), id="zip"),
        pytest.param(made_archives.sevenzip(*NAMES), id="7z"),
        pytest.param(made_archives.rar_4(*NAMES), id="rar 4"),
        pytest.param(made_archives.rar_5(*NAMES), id="rar 5"),
        pytest.param(made_archives.arj(*NAMES), id="arj"),
        pytest.param(made_archives.ace(*NAMES), id="ace"),
    ],
)
async def test_the_entries_of_an_archive_are_listed_as_not_looked_into(
    static: Analyse, content: bytes
) -> None:
    result = await static(content)

    assert (result.score, tags(result)) == (-1, set())
    assert result.result["notLookedInto"] == "The entries of an archive are not looked into."
    assert result.result["entriesNotLookedInto"] == list(NAMES)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(made_archives.sevenzip(*NAMES, password=True), id="7z"),
        pytest.param(made_archives.rar_4(*NAMES, password=True), id="rar 4"),
        pytest.param(made_archives.rar_5(*NAMES, password=True), id="rar 5"),
        pytest.param(made_archives.zipped(*NAMES, flags=1), id="zip"),
    ],
)
async def test_the_entries_of_an_encrypted_archive_are_listed_too(static: Analyse, content: bytes) -> None:
    assert (await static(content)).result["entriesNotLookedInto"] == list(NAMES)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(made_archives.sevenzip(*NAMES)[:50], id="7z"),
        pytest.param(made_archives.rar_5(*NAMES)[:20], id="rar 5"),
        pytest.param(b"\x28\xb5\x2f\xfd" + bytes(range(250)), id="zst"),
        pytest.param(bytes(257) + b"ustar\x0000" + bytes(512), id="tar"),
    ],
)
async def test_an_archive_that_cannot_be_listed_is_not_looked_into_either(
    static: Analyse, content: bytes
) -> None:
    result = await static(content)

    assert result.score == -1
    assert "not looked into" in result.result["notLookedInto"]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(made_archives.compound(WordDocument=WORD + b"\0\0"), id="doc"),
        pytest.param(made_archives.compound(Workbook=BIFF), id="xls"),
        pytest.param(made_archives.open_document(password=False), id="odt"),
        pytest.param(made_files.pdf("<< /Type /Catalog >>"), id="pdf"),
        pytest.param(b"Mails end with -----BEGIN PGP MESSAGE-----\n", id="a sentence about pgp"),
    ],
)
async def test_what_is_open_is_not_called_encrypted(static: Analyse, content: bytes) -> None:
    assert "encrypted" not in tags(await static(content))
