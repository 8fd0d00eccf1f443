"""Which members of a container become samples: files by whose name a system acts, and texts that spell another file."""

import base64
import secrets
from collections.abc import Callable

import pytest

from samplebank.worker.analysers.extract.kinds import Kind, kind_of

PROGRAM = b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0" + bytes(range(256)) * 20
PICTURE = b"\x89PNG\r\n\x1a\n" + secrets.token_bytes(3000)
PAGE = b"<%@ page import=...%><% run(request.get(1)); %>"

Spell = Callable[[bytes], bytes]
SPELLINGS: dict[str, Spell] = {
    "letters": base64.b64encode,
    "lines of letters": base64.encodebytes,
    "certificate": lambda data: (
        b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(data) + b"-----END CERTIFICATE-----\n"
    ),
    "letters turned round": lambda data: base64.b64encode(data)[::-1],
    "letters in UTF-16": lambda data: base64.b64encode(data).decode().encode("utf-16"),
    "letters behind words": lambda data: b"{'version': 1, 'payload': '" + base64.b64encode(data) + b"'}",
    "digits": lambda data: data.hex().encode(),
    "list of numbers": lambda data: str(list(data)).encode(),
}


@pytest.mark.parametrize(
    "name",
    [
        "www/shell.jsp",
        "www/cmd.ASPX",
        "lure/desktop.ini",
        "x.theme",
        "x.searchConnector-ms",
        "x.desktop",
        "x.pyw",
        "x.lua",
    ],
)
def test_a_text_by_whose_name_a_system_acts_becomes_a_sample(name: str) -> None:
    assert kind_of(name, PAGE) is Kind.SCRIPT


@pytest.mark.parametrize("name", ["www/read.me", "lure/other.ini"])
def test_a_text_of_another_name_is_listed(name: str) -> None:
    assert kind_of(name, PAGE) is Kind.LISTED


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_text_that_spells_a_program_becomes_a_sample(spelling: str) -> None:
    assert kind_of("payload.txt", SPELLINGS[spelling](PROGRAM)) is Kind.ARCHIVE


@pytest.mark.parametrize("content", [PICTURE, secrets.token_bytes(3000)], ids=["picture", "noise"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_text_that_spells_nothing_that_acts_is_listed(spelling: str, content: bytes) -> None:
    assert kind_of("payload.txt", SPELLINGS[spelling](content)) is Kind.LISTED
