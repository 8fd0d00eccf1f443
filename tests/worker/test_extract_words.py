"""Passwords that stand in the name of a file, in a comment, or in a file beside the archive, as those who spread programs tell them."""

import struct
import zipfile
from pathlib import PurePath

import pytest

from samplebank.worker.contract import Result
from worker.conftest import Extract
from worker.made_containers import locked, tarred, zipped
from worker.made_rar import rar_with_comment

PROGRAM = b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0" + bytes(300)
WORD = "s3same"
LOCKED = locked({"A.EXE": PROGRAM}, WORD)


def passwords(result: Result) -> dict[str, str | None]:
    return {PurePath(child.name).name: child.password for child in result.children}


@pytest.mark.parametrize(
    "name",
    [
        "Full_Setup_Pass_s3same.7z",
        "bill (password is s3same).zip",
        "[pw-s3same] game.tar.gz",
        "ПАРОЛЬ s3same.rar",
        "Kennwort=s3same.zip",
    ],
)
async def test_the_word_in_the_name_of_an_archive_opens_the_archive(extract: Extract, name: str) -> None:
    result = await extract(LOCKED, name)

    assert ([child.data for child in result.children], result.result["passwordUsed"]) == ([PROGRAM], WORD)


async def test_the_word_in_the_comment_of_a_zip_file_opens_the_file(extract: Extract) -> None:
    comment = f"Password: {WORD}".encode()
    made = LOCKED[:-2] + struct.pack("<H", len(comment)) + comment

    assert [child.data for child in (await extract(made)).children] == [PROGRAM]


async def test_the_word_in_the_comment_of_a_rar_archive_opens_the_archive(extract: Extract) -> None:
    made = rar_with_comment("A.EXE", PROGRAM, WORD, f"The password: {WORD}")

    result = await extract(made)

    assert ([child.data for child in result.children], result.result["passwordUsed"]) == ([PROGRAM], WORD)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PASSWORD.txt", b"s3same\r\n"),
        ("pass.txt", b"\xff\xfe" + "s3same".encode("utf-16-le")),
        ("read the password.txt", b"The password is s3same."),
        ("lure/Password is s3same.txt", b"read the name"),
    ],
)
async def test_an_archive_gets_the_word_of_a_file_beside_the_archive(
    extract: Extract, name: str, text: bytes
) -> None:
    result = await extract(zipped({name: text, "game.zip": LOCKED}, zipfile.ZIP_STORED))

    assert WORD in str(passwords(result)["game.zip"]).split("\n")


@pytest.mark.parametrize("name", ["passport.txt", "compass.txt", "notes.txt"])
async def test_other_texts_beside_an_archive_give_no_word(extract: Extract, name: str) -> None:
    result = await extract(tarred({name: b"s3same\n", "game.zip": LOCKED}))

    assert passwords(result) == {"game.zip": None}
