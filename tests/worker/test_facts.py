"""The facts that the static analyser derives, by which the service finds similar samples."""

import hashlib
import secrets
import struct
import uuid
import zipfile
from collections.abc import Awaitable, Callable
from io import BytesIO
from pathlib import Path
from typing import get_args

import lief
import pytest

from identification.kinds import macho
from samplebank.query.sample_meanings import DERIVED
from samplebank.samples import fact_kinds
from samplebank.worker.analysers.static.facts import fuzzy, tlsh_package
from samplebank.worker.contract import FactKind, Result
from worker import made_files, made_programs
from worker.recorded import requested

tlsh = tlsh_package.imported()
Analyse = Callable[[bytes], Awaitable[Result]]

LS = Path("/bin/ls").read_bytes()
TRACKER = struct.pack("<IIII", 0x60, 0xA0000003, 0x58, 0)


def told(result: Result) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for fact in result.facts:
        found.setdefault(fact.kind, []).append(fact.value)
    return found


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_workers_service_and_queries_know_the_same_kinds() -> None:
    assert set(get_args(FactKind)) == set(fact_kinds.PATTERNS) == set(DERIVED)


async def test_the_facts_of_a_windows_program(static: Analyse) -> None:
    program = made_files.launcher()
    parsed = lief.PE.parse(program)
    assert parsed is not None
    (code,) = (one for one in parsed.sections if one.name == ".text")

    facts = told(await static(program))

    assert facts["imphash"] == [lief.PE.get_imphash(parsed, lief.PE.IMPHASH_MODE.PEFILE)]
    assert facts["section"] == [sha256(program[code.pointerto_raw_data :][: code.size])]
    assert len(facts["rich-hash"]) == 1
    assert facts.keys() >= {"tlsh", "authentihash", "icon", "pdb"}


async def test_programs_that_say_the_same_of_themselves_have_a_fact_in_common(static: Analyse) -> None:
    program = made_files.launcher()
    said = (await static(program)).result["pe"]["version"]["strings"]
    names = ("CompanyName", "FileDescription", "InternalName", "OriginalFilename", "ProductName")

    one, other = [told(await static(made)) for made in (program, program + b"changed")]

    assert one["version-info"] == other["version-info"]
    assert one["version-info"] == [sha256("\0".join(said.get(name, "").strip() for name in names).encode())]


@pytest.mark.parametrize(
    "header", [b"Message-ID: <1.2@Mail.Example.org>", b"message-id:  <a$b@mail.example.org>"]
)
async def test_a_mail_has_the_domain_of_its_number(static: Analyse, header: bytes) -> None:
    mail = (
        b"Received: from a\r\n"
        + header
        + b"\r\nSubject: x\r\n\r\nMessage-ID: <1@elsewhere.example>\r\n"
        + b"text\r\n" * 40
    )

    assert told(await static(mail))["message-domain"] == ["mail.example.org"]


async def test_a_text_that_quotes_a_mail_is_no_mail(static: Analyse) -> None:
    quoted = b"# how a mail looks\nMessage-ID: <1@mail.example.org>\n" + b"text\n" * 100

    assert "message-domain" not in told(await static(quoted))


async def test_a_rich_header_has_the_hash_that_other_tools_tell(static: Analyse) -> None:
    key, clear = secrets.token_bytes(4), b"DanS" + bytes(12) + secrets.token_bytes(64)
    stub = bytes(byte ^ key[place % 4] for place, byte in enumerate(clear)) + b"Rich" + key
    program = bytearray(made_files.launcher())
    program[0x80 : 0x80 + len(stub)] = stub

    # as pefile and VirusTotal: the MD5 of the deciphered header
    assert told(await static(bytes(program)))["rich-hash"] == [
        hashlib.md5(clear, usedforsecurity=False).hexdigest()
    ]


async def test_the_facts_of_a_linux_program(static: Analyse) -> None:
    parsed = lief.ELF.parse(list(LS))
    assert parsed is not None

    facts = told(await static(LS))

    (build,) = (note for note in parsed.notes if note.type == lief.ELF.Note.TYPE.GNU_BUILD_ID)
    assert facts["build-id"] == [bytes(build.description).hex()]
    assert facts.keys() == {"tlsh", "section", "import-hash", "build-id"}


async def test_programs_with_the_same_code_have_their_code_in_common(static: Analyse) -> None:
    one, other = [told(await static(made_programs.elf() + secrets.token_bytes(300))) for _ in range(2)]

    assert one["section"] == other["section"] == [sha256(made_programs.CODE)]
    assert one["tlsh"] != other["tlsh"]


async def test_the_build_of_a_program_of_apple(static: Analyse) -> None:
    program = bytearray(macho((b"__text", 0x80000400, made_programs.CODE)))
    number, size = struct.unpack_from("<II", program, 16)
    build = secrets.token_bytes(16)
    struct.pack_into("<II", program, 16, number + 1, size + 24)
    program[32 + size : 32 + size + 24] = struct.pack("<II", 0x1B, 24) + build

    assert told(await static(bytes(program)))["macho-uuid"] == [build.hex()]


async def test_the_machine_that_made_a_shortcut(static: Analyse) -> None:
    droid = uuid.UUID(fields=(1, 2, 0x1000, 0x80, 0, 0x001122AABBCC))
    block = TRACKER + b"DESKTOP-1".ljust(16, b"\0") + bytes(16) + droid.bytes_le + bytes(32)

    facts = told(await static(b"L\0\0\0\x01\x14\x02\0".ljust(0x4C, b"\0") + block))

    assert (facts["lnk-machine"], facts["lnk-mac"]) == (["desktop-1"], ["00:11:22:aa:bb:cc"])


async def test_the_identifier_that_a_document_keeps(static: Analyse) -> None:
    document = (
        made_files.pdf("<< /Type /Catalog >>") + b"trailer << /ID [<00ABCDEF0102> <11223344>] >>\n%%EOF\n"
    )

    assert told(await static(document))["pdf-id"] == ["00abcdef0102"]


async def test_the_macros_of_a_document(static: Analyse) -> None:
    macros = secrets.token_bytes(600)
    document = BytesIO(made_files.word())
    with zipfile.ZipFile(document, "a") as package:
        package.writestr("word/vbaProject.bin", macros)

    assert told(await static(document.getvalue()))["vba-project"] == [sha256(macros)]


async def test_near_texts_have_near_digests(static: Analyse) -> None:
    text = "\n".join(f"line {number} of {secrets.token_hex(8)}" for number in range(300))

    (one,), (other,) = [
        told(await static(said.encode()))["tlsh"] for said in (text, text.replace("line 7 ", "row 7 "))
    ]

    assert tlsh.diff(one, other) < 20
    assert one == f"T1{tlsh.hexdigest(text.encode())}"


@pytest.mark.parametrize("content", [b"short", b"a" * 5000], ids=["too short", "all alike"])
async def test_a_file_that_no_digest_describes_has_none(static: Analyse, content: bytes) -> None:
    assert told(await static(content)) == {}


BROKEN = {
    "a header of .NET that leads nowhere": made_files.launcher()[:0x3C]
    + b"\xff\xff\xff\x7f"
    + made_files.launcher()[64:],
    "a program that ends early": LS[:3000],
    "a shortcut that ends early": b"L\0\0\0\x01\x14\x02\0" + TRACKER + b"DESK",
    "a shortcut whose machine is no text": b"L\0\0\0\x01\x14\x02\0" + TRACKER + b"\xff" * 80,
}


@pytest.mark.parametrize("what", BROKEN)
async def test_a_damaged_file_costs_its_facts_and_nothing_else(static: Analyse, what: str) -> None:
    result = await static(BROKEN[what])

    assert "section" not in told(result)
    assert result.result["size"] == len(BROKEN[what])


async def test_every_fact_is_one_that_the_service_takes(static: Analyse) -> None:
    for content in (made_files.launcher(), LS, made_programs.apple(), made_files.word()):
        facts = [fact_kinds.Fact(fact.kind, fact.value) for fact in (await static(content)).facts]

        assert list(fact_kinds.violations_of(facts, "facts")) == []


def test_without_the_package_the_operator_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzzy, "tlsh", None)

    (problem,) = fuzzy.problems()

    assert "tlsh-python" in problem


def test_a_result_without_facts_asks_for_nothing_new() -> None:
    assert "facts" not in requested()
