"""The strings of a file, and the addresses, wallets, paths and keys in them, by the analyser in its sandbox."""

import os
from collections.abc import Awaitable, Callable

import jsonschema_rs
import pytest

from samplebank.worker import wire
from samplebank.worker.analysers.strings.hosts import defanged
from samplebank.worker.analysers.strings.schema import SCHEMA
from samplebank.worker.contract import NO_FINDINGS, Evidence, Rejected, Result
from worker import made_files

Analyse = Callable[[bytes], Awaitable[Result]]

#: shapes that are no text: bytes without a gap of NUL, and a lone one
BINARY = b"\x7f\x80\x01\0"


def values(result: Result, kind: str) -> list[str]:
    return [one["value"] for one in result.result["iocs"].get(kind, [])]


def file_of(result: Result, name: str) -> Evidence:
    return next(one for one in result.evidence if one.file_name == name)


async def test_strings_are_evidence_with_their_offsets_and_kinds(strings: Analyse) -> None:
    content = bytes(16) + b"first string" + bytes(9) + "wide string".encode("utf-16-le") + bytes(5) + b"short"

    result = await strings(content)

    lines = file_of(result, "strings.txt").data.decode().splitlines()
    assert lines[1:] == ["00000010 a first string", f"{content.index(b'w'):08x} u wide string"]
    assert (result.result["strings"]["ascii"], result.result["strings"]["wide"]) == (1, 1)


async def test_a_text_is_its_own_list_of_strings(strings: Analyse) -> None:
    result = await strings(b"just a text, with nothing in it\n")

    assert result.evidence == []
    assert result.score == NO_FINDINGS
    assert result.result["strings"]["isText"]
    assert result.result["iocs"] == {}


@pytest.mark.parametrize(
    ("kind", "text", "found"),
    [
        ("urls", "see http://203.0.113.7:8080/a?b=c).", "http://203.0.113.7:8080/a?b=c"),
        ("urls", "tcp://evil.onion:4444", "tcp://evil.onion:4444"),
        ("ips", "connect to 203.0.113.7 now", "203.0.113.7"),
        ("ips", "resolver 8.8.8.8;", "8.8.8.8"),
        ("domains", 'host = "evil-name.ru"', "evil-name.ru"),
        ("domains", "https://files.bad.zip/x", "files.bad.zip"),
        ("emails", "pay to Some.One+x@mail.evil.biz today", "Some.One+x@mail.evil.biz"),
        ("wallets", "send to 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa soon", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
        (
            "wallets",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4 is another",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        ),
        ("paths", r"copy to C:\Users\Public\run.exe", r"C:\Users\Public\run.exe"),
        ("paths", r'"%APPDATA%\\Micro\\a.dll"', r"%APPDATA%\Micro\a.dll"),
        ("paths", "mv x /etc/cron.d/x", "/etc/cron.d/x"),
        (
            "registry",
            r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run",
            r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run",
        ),
    ],
)
@pytest.mark.parametrize("encoding", ["ascii", "utf-16-le"])
async def test_an_indicator_is_found_with_its_place(
    strings: Analyse, kind: str, text: str, found: str, encoding: str
) -> None:
    content = BINARY * 5 + text.encode(encoding) + BINARY * 3

    result = await strings(content)

    (told,) = [one for one in result.result["iocs"][kind] if one["value"] == found]
    assert content[told["where"] :].startswith(found[:1].encode(encoding))
    assert told["layer"] == 0


async def test_a_host_behind_letters_of_a_language_without_blanks_is_found(strings: Analyse) -> None:
    result = await strings("\u8bbf\u95eeevil-name.ru".encode())

    assert values(result, "domains") == ["evil-name.ru"]


@pytest.mark.parametrize(
    "text",
    [
        "version 12.34.56.78 of it",
        "FileVersion=10.20.30.40",
        "1.2.3.4 and 6.0.0.0 and 255.255.255.0",
        "oid 1.3.6.1.4.1.311",
        "127.0.0.1",
        "1.2.3.400",
        "kernel32.dll and setup.sh and main.py and System.Net",
        "self.name = this.id; os.path.join(x)",
        "http://%s/x and https://{host}/y",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
        "mail@2x.png",
        "colours 01;36\n.au 00;36",
        "http\n://evil.ru",
        "somebody\n@evil.biz",
        "at 12\n.34.56.78",
        "see m\u00fcnchen.de and \u0441evil.ru",
        "write to j\u00fcrgen@m\u00fcller.de",
    ],
)
async def test_what_only_looks_like_an_indicator_is_none(strings: Analyse, text: str) -> None:
    result = await strings(text.encode())

    assert result.result["iocs"] == {}


async def test_hosts_of_schemas_and_platforms_stand_apart(strings: Analyse) -> None:
    result = await strings(
        b'<x xmlns="http://www.w3.org/2000/svg" at="http://ocsp.digicert.com"/> http://evil.ru/'
    )

    assert values(result, "urls") == ["http://evil.ru/"]
    assert result.result["wellKnown"] == ["www.w3.org", "ocsp.digicert.com"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("https://evil.example/a.b", "hxxps://evil[.]example/a.b"),
        ("ftp://203.0.113.7", "fxp://203[.]0[.]113[.]7"),
        ("evil.example", "evil[.]example"),
        ("a.b@evil.example", "a[.]b[@]evil[.]example"),
    ],
)
def test_no_program_takes_what_is_shown_for_an_address(value: str, shown: str) -> None:
    assert defanged(value) == shown


async def test_many_indicators_are_counted_and_the_first_are_told(strings: Analyse) -> None:
    text = " ".join(f"http://203.0.113.7/{number}" for number in range(250))

    result = await strings(text.encode())

    assert len(values(result, "urls")) == 100
    assert result.result["iocTotals"]["urls"] == 250


async def test_strings_of_a_large_program_are_cut_and_said_to_be(strings: Analyse) -> None:
    content = b"".join(
        b"string number %08d of many, and rather long\0\1" % number for number in range(200_000)
    )

    result = await strings(content)

    assert result.result["strings"] == {
        "ascii": 200_000,
        "wide": 0,
        "isText": False,
        "file": "strings.txt",
        "isCut": True,
    }
    assert len(file_of(result, "strings.txt").data) <= 8 * 1024 * 1024


async def test_a_string_is_found_across_the_windows_of_a_large_file(strings: Analyse) -> None:
    content = bytearray(9 * 1024 * 1024)
    place = 4 * 1024 * 1024 - 10
    content[place : place + 22] = b"http://203.0.113.7/abc"

    result = await strings(bytes(content))

    assert result.result["iocs"]["urls"][0]["where"] == place


async def test_a_program_is_read(strings: Analyse) -> None:
    result = await strings(made_files.launcher())

    assert result.score == NO_FINDINGS
    assert b"CreateProcessW" in file_of(result, "strings.txt").data


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe" + "http://203.0.113.7/ \ud800".encode("utf-16-le", "surrogatepass"),
        b"\xff\xfe\0",
        b"\0",
        b"http://" + b"a." * 50_000,
        b"@" * 100_000,
        b"/tmp" * 50_000,
        b"'+" * 50_000,
        b"%" * 100_000 + b"set a=%a%",
        b"A" * 500_000,
        b"1," * 100_000 + b"[char",
        b"#@~^AAAAAA==" * 20_000,
        b"set a=" + b"x" * 8000 + b"\n" + b"%a%&" * 50_000,
        bytes(range(256)) * 200,
        os.urandom(200_000),
    ],
    ids=range(14),
)
async def test_hostile_content_is_answered(strings: Analyse, content: bytes) -> None:
    result = await strings(content)

    told = wire.analysis_request(result, customer="test", tlp="amber", agent={"name": "test", "version": "1"})
    assert jsonschema_rs.is_valid(dict(SCHEMA), told["analysisResult"])


async def test_an_empty_file_is_rejected(strings: Analyse) -> None:
    with pytest.raises(Rejected, match="empty"):
        await strings(b"")
