"""Files that scripts and texts spell, in the ways of droppers: the worker `extract` gives each file as a whole."""

import base64
import gzip
import zlib
from collections.abc import Callable

import pytest

from worker.conftest import Extract

PROGRAM = b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0" + bytes(range(256)) * 4


def letters(data: bytes) -> str:
    return base64.b64encode(data).decode()


def pieces(text: str, size: int = 60) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def lines(form: str, text: str, size: int = 60) -> str:
    return "\r\n".join(form.format(piece, number=number) for number, piece in enumerate(pieces(text, size)))


SPELLED: dict[str, Callable[[bytes], str]] = {
    "echo of shell": lambda data: f"#!/bin/sh\necho {letters(data)} | base64 -d > /tmp/x\n",
    "document within shell": lambda data: f"base64 -d > x <<EOF\n{lines('{}', letters(data))}\nEOF\n",
    "echo of batch files": lambda data: "@echo off\r\n" + lines("echo {}>>%temp%\\x.b64", letters(data)),
    "digits in batch files": lambda data: lines("echo {}>>x.hex", data.hex()),
    "long lines of batch files": lambda data: lines("echo {}>>x.b64", letters(data), 300),
    "long texts of visual basic": lambda data: lines('s = s & "{}"', data.hex().upper(), 250),
    "array": lambda data: f"p = [{','.join(map(repr, pieces(letters(data))))}].join('')",
    "added texts": lambda data: 'p = ""\n' + lines('p += "{}";', letters(data)),
    "numbered variables": lambda data: lines('a{number} = "{}"', letters(data)),
    "visual basic": lambda data: lines('s = s & "{}"', data.hex().upper()),
    "one text of visual basic": lambda data: f's = "{data.hex()}"',
    "numbers of visual basic": lambda data: f"Array({','.join(f'&H{byte:02X}' for byte in data)})",
    "numbers of a script": lambda data: f"var a = {list(data)};",
    "escapes": lambda data: "f = '" + "".join(f"\\x{byte:02x}" for byte in data) + "'",
    "escaped letters": lambda data: "f = '" + "".join(f"\\u{ord(one):04x}" for one in letters(data)) + "'",
    "percent signs": lambda data: "unescape('" + "".join(f"%{byte:02x}" for byte in data) + "')",
    "registry": lambda data: '"a"=hex:' + "\\\r\n  ".join(pieces(data.hex(","), 75)),
    "calendar": lambda data: "ATTACH;ENCODING=BASE64:" + "\r\n ".join(pieces(letters(data))),
    "certificate": lambda data: f"-----BEGIN X509 CRL-----\n{lines('{}', letters(data))}\n-----END",
    "data of json": lambda data: '{"file": "' + letters(data) + '"}',
    "zlib": lambda data: f"exec(zlib.decompress(base64.b64decode('{letters(zlib.compress(data * 9))}')))",
    "deflate": lambda data: f"DeflateStream('{letters(zlib.compress(data * 9, wbits=-15))}')",
}


@pytest.mark.parametrize("way", SPELLED)
async def test_a_file_that_a_text_spells_is_a_child(extract: Extract, way: str) -> None:
    wanted = PROGRAM * 9 if way in {"zlib", "deflate"} else PROGRAM

    result = await extract(SPELLED[way](PROGRAM).encode())

    assert [child.data for child in result.children] == [wanted], result.result


async def test_a_mark_of_utf16_before_a_batch_file_hides_no_file(extract: Extract) -> None:
    result = await extract(b"\xff\xfe" + SPELLED["echo of batch files"](PROGRAM).encode())

    assert [child.data for child in result.children] == [PROGRAM]


async def test_files_in_a_list_stay_files_of_their_own(extract: Extract) -> None:
    files = [PROGRAM + bytes([number] * 3) for number in range(5)]

    result = await extract(f"files = {[letters(file) for file in files]}".encode())

    assert sorted(child.data for child in result.children) == files


async def test_a_gzip_file_that_a_script_spells_is_a_child(extract: Extract) -> None:
    packed = gzip.compress(PROGRAM)

    result = await extract(f"[Convert]::FromBase64String('{letters(packed)}')".encode())

    assert [child.data for child in result.children] == [packed]


async def test_more_texts_than_are_looked_at_are_told(extract: Extract) -> None:
    text = ",\n".join(f'"{letters(number.to_bytes(4, "big") * 60)}"' for number in range(2500))

    assert (await extract(text.encode())).result["limits"] == ["over the limit of files"]


@pytest.mark.parametrize(
    "made",
    [b"\\x4d" * 150 + b"\\x4", b"A" * 199 + b'"', b"4d" + b"\n" * 200, b"1" + b" " * 300 + b",", b"&H"],
    ids=repr,
)
async def test_a_long_text_that_nearly_spells_something_is_read_to_its_end(
    extract: Extract, made: bytes
) -> None:
    result = await extract(made * (500_000 // len(made)))  # a pattern that goes back would take minutes

    assert (result.children, result.result["limits"]) == ([], [])


@pytest.mark.parametrize("made", [b"4d5a", b"4d,5a,", b"\\x4d", b"abcd efgh ", b"TVqQ"], ids=repr)
async def test_long_texts_that_spell_something_stay_within_the_memory(extract: Extract, made: bytes) -> None:
    result = await extract(made * (24_000_000 // len(made)))

    assert "problems" not in result.result
