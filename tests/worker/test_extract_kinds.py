"""Every kind of container that the worker `extract` opens gives its file."""

import base64
import binascii
import secrets
from collections.abc import Callable
from pathlib import Path

import pybit7z
import pytest

from samplebank.worker.analysers.extract.autoit import MARK
from samplebank.worker.analysers.testing import analysed
from samplebank.worker.contract import Result, Tag
from worker.conftest import Extract
from worker.made_autoit import autoit, script
from worker.made_containers import locked, mail, tarred, zipped
from worker.made_disks import arj, fat, gpt, installer, rpm, squashfs, szdd, udf, vhd, xar, zst
from worker.made_documents import SMUGGLED, in_bytes, pdf_with_form, rtf_object
from worker.made_images import (
    ar,
    cab,
    compound,
    cpio,
    iso,
    lzh,
    native,
    outlook,
    rar,
    rtf,
    tnef,
    tnef_with_mail,
)
from worker.made_texts import (
    binhex,
    flat_document,
    mail_in_mail,
    mail_with,
    mailbox,
    onenote,
    open_document,
    outlook_in_outlook,
    pdf_of_one_object,
    pdf_with,
    presentation,
    symbian,
    uuencoded,
    web_archive,
    yencoded,
)
from worker.working import HERE

PROGRAM = b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0" + bytes(range(256)) * 20
FORMATS = {"7z": pybit7z.FormatSevenZip, "zip": pybit7z.FormatZip, "wim": pybit7z.FormatWim}
SCOPES = {"data": pybit7z.EncryptionScope.DataOnly, "names": pybit7z.EncryptionScope.DataAndHeaders}


def packed(kind: str, word: str = "", scope: str = "data") -> bytes:
    writer = pybit7z.BitArchiveWriter(pybit7z.Bit7zLibrary(pybit7z.default_lib7zip()), FORMATS[kind])
    if word:
        writer.set_password(word, SCOPES[scope])
    writer.add_file(PROGRAM, "A.EXE")
    return bytes(writer.compress_to())


def web_page(name: str, data: bytes) -> bytes:
    text = base64.b64encode(data).decode()
    parts = '" +\n "'.join(text[at : at + 76] for at in range(0, len(text), 76))
    return f'<html><script>var f = atob("{parts}"); new Blob([f]); // {name}</script></html>'.encode()


def drawing(name: str, data: bytes) -> bytes:
    return b"<svg><script>x='" + binascii.hexlify(data) + b"'</script></svg>" + name.encode()


Make = Callable[[str, bytes], bytes]
NAMED: dict[str, Make] = {
    "iso": iso,
    "cab": cab,
    "rar": rar,
    "lzh": lzh,
    "cpio": cpio,
    "outlook mail": lambda name, data: outlook(name, data, "see attachment"),
    "rtf": rtf,
    "rtf in bytes": lambda name, data: in_bytes(rtf_object("Package", native(name, data)[4:])),
    "tnef": tnef,
    "pdf": pdf_with,
    "mail": lambda name, data: mail(data, "see attachment", name),
    "ole object": lambda name, data: compound({"_1/\x01Ole10Native": native(name, data)}),
    "arj": arj,
    "xar": xar,
    "squashfs": squashfs,
    "udf": udf,
    "floppy disk": fat,
    "uuencode": uuencoded,
    "uuencode in a mail": lambda name, data: mail(b"x", uuencoded(name, data).decode(), "x.txt"),
    "yenc": yencoded,
    "binhex": binhex,
    "file of mails": mailbox,
    "mail of outlook in a mail of outlook": outlook_in_outlook,
    "7z": lambda _, __: packed("7z"),
    "wim": lambda _, __: packed("wim"),
    "program with autoit": lambda name, data: autoit([(name, data)]),
    "program with old autoit": lambda name, data: autoit([(name, data)], is_old=True),
    "program with 7z": lambda _, __: PROGRAM + bytes(600) + packed("7z"),
    "program with zip": lambda name, data: PROGRAM + bytes(600) + zipped({name: data}),
}
UNNAMED: dict[str, Make] = {
    "web page": web_page,
    "drawing": drawing,
    "web page in UTF-16": lambda name, data: web_page(name, data).decode().encode("utf-16"),
    "onenote": lambda _, data: onenote(".exe", data),
    "symbian": symbian,
    "szdd": szdd,
    "zst": zst,
}
#: containers that hold a container with the file
NESTED: dict[str, Make] = {
    "mail in a mail": mail_in_mail,
    "mail of outlook in a mail": lambda name, data: bytes(
        mail_with(outlook(name, data, "see attachment"), "x.msg", "application/vnd.ms-outlook")
    ),
    "web archive": web_archive,
    "presentation": presentation,
    "open document": open_document,
    "document as one XML file": flat_document,
    "disk of hyper-v": vhd,
    "disk with a guid partition table": gpt,
    "rpm": rpm,
    "installer": installer,
}
ALL = NAMED | UNNAMED | NESTED


def contents(result: Result) -> list[bytes]:
    return [child.data for child in result.children]


@pytest.mark.parametrize("trick", SMUGGLED)
async def test_an_object_of_rtf_is_taken_behind_every_trick(extract: Extract, trick: str) -> None:
    document = rtf_object("Package", native("a.exe", PROGRAM)[4:])

    result = await extract(SMUGGLED[trick](document))

    assert contents(result) == [PROGRAM]


@pytest.mark.parametrize("kind", NAMED)
async def test_a_container_gives_its_file(extract: Extract, kind: str) -> None:
    result = await extract(NAMED[kind]("A.EXE", PROGRAM))

    assert contents(result) == [PROGRAM], result.result
    assert result.children[0].name.rpartition("/")[2].partition(";")[0] == "A.EXE"


@pytest.mark.parametrize("kind", UNNAMED)
async def test_a_smuggled_file_is_found(extract: Extract, kind: str) -> None:
    result = await extract(UNNAMED[kind]("A.EXE", PROGRAM))

    assert contents(result) == [PROGRAM]


@pytest.mark.parametrize("kind", NESTED)
async def test_a_container_in_a_container_gives_its_file(extract: Extract, kind: str) -> None:
    found, pending = list[bytes](), [NESTED[kind]("A.EXE", PROGRAM)]

    while pending:
        inner = contents(await extract(pending.pop()))
        found, pending = found + inner, pending + inner

    assert PROGRAM in found


async def test_a_text_in_onenote_becomes_a_sample(extract: Extract) -> None:
    (child,) = (await extract(onenote(".cmd", b"start calc\n"))).children

    assert (child.data, child.name) == (b"start calc\n", "file-0.cmd")


async def test_a_picture_in_onenote_is_listed(extract: Extract) -> None:
    result = await extract(onenote(".png", b"\x89PNG\r\n\x1a\n" + bytes(500)))

    assert (result.children, len(result.result["listing"])) == ([], 1)


async def test_a_debian_package_gives_the_archives_in_it(extract: Extract) -> None:
    data = tarred({"usr/bin/a": PROGRAM}, "w:gz")

    result = await extract(
        ar({"debian-binary": b"2.0\n", "control.tar.gz": tarred({}, "w:gz"), "data.tar.gz": data})
    )

    assert data in contents(result) or PROGRAM in contents(result)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("kind", ["7z", "zip"])
async def test_a_password_opens(extract: Extract, kind: str, scope: str) -> None:
    result = await extract(packed(kind, "infected", scope if kind == "7z" else "data"))

    assert contents(result) == [PROGRAM]
    assert (result.result["passwordUsed"], result.tags) == ("infected", [])


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("kind", ["7z", "zip"])
async def test_an_unknown_password_leaves_a_tag(extract: Extract, kind: str, scope: str) -> None:
    result = await extract(packed(kind, "nobody knows", scope if kind == "7z" else "data"))

    assert (result.score, result.children, result.tags) == (-1, [], [Tag("behaviour", "encrypted")])


async def test_a_mail_of_outlook_brings_the_password(extract: Extract) -> None:
    attached = locked({"A.EXE": PROGRAM}, "s3same")

    (child,) = (await extract(outlook("bill.zip", attached, "The password: s3same."))).children

    assert contents(await extract(child.data, password=child.password or "")) == [PROGRAM]


async def test_a_mail_that_is_attached_to_a_tnef_file_is_opened(extract: Extract) -> None:
    inner = tnef("A.EXE", PROGRAM)

    (mail,) = (await extract(tnef_with_mail("Offer", inner))).children

    assert (mail.name, mail.data) == ("Offer", inner)
    assert contents(await extract(mail.data)) == [PROGRAM]


async def test_a_script_of_a_pdf_document_is_a_child(extract: Extract) -> None:
    script = "app.alert('" + secrets.token_hex(8) + "'); function f() {}"

    result = await extract(pdf_with("A.EXE", PROGRAM, script))

    assert script.encode() in contents(result)


async def test_what_stands_inside_of_the_catalogue_of_a_pdf_document_is_a_child(extract: Extract) -> None:
    script = "app.alert('" + secrets.token_hex(8) + "'); function f() {}"

    result = await extract(pdf_of_one_object("A.EXE", PROGRAM, script))

    assert contents(result) == [PROGRAM, script.encode()]


@pytest.mark.parametrize("in_parts", [False, True], ids=["one part", "parts"])
async def test_a_form_of_a_pdf_document_with_a_script_is_a_child(extract: Extract, *, in_parts: bool) -> None:
    (child,) = (await extract(pdf_with_form("app.alert(1)", in_parts=in_parts))).children

    assert b"<script>app.alert(1)</script>" in child.data


@pytest.mark.parametrize("is_old", [False, True], ids=["new", "old"])
async def test_the_script_of_an_autoit_program_is_a_child_in_words(extract: Extract, *, is_old: bool) -> None:
    text = 'Run("cmd.exe /c start http://203.0.113.7/")\n'

    result = await extract(autoit([script(text, is_old=is_old), ("A.EXE", PROGRAM)], is_old=is_old))

    found = {child.name: child.data for child in result.children}
    assert found == {"script.au3": text.encode(), "A.EXE": PROGRAM}
    assert result.result["opened"] == ["autoit"]


async def test_a_damaged_record_of_an_autoit_program_costs_its_own_file_only(extract: Extract) -> None:
    made = bytearray(autoit([("A.EXE", PROGRAM[::-1]), ("B.EXE", PROGRAM)]))
    head = made.index(MARK) + 300
    made[head : head + 40] = bytes(40)

    result = await extract(bytes(made))

    assert [entry["path"] for entry in result.result["listing"]] == ["A.EXE"], result.result
    assert contents(result) == [PROGRAM]


async def test_every_smuggled_file_of_a_text_is_found_also_at_its_end(extract: Extract) -> None:
    programs = [PROGRAM + bytes([number]) for number in range(3)]
    lines = base64.encodebytes(programs[1]).replace(b"\n", b'" +\n  "')
    text = b"<html><script>// (a script)\nvar a = '%s';\nvar b = \"%s\";\nvar c = %s" % (
        base64.b64encode(programs[0]),
        lines,
        programs[2].hex().encode(),
    )

    result = await extract(text)

    assert sorted(contents(result)) == programs


DISGUISES: dict[str, Callable[[bytes], str]] = {
    "Base64 for addresses": lambda data: (
        f"atob('{base64.urlsafe_b64encode(data).decode()}'.replace(/-/g,'+'))"
    ),
    "Base64 turned round": lambda data: f"atob('{base64.b64encode(data).decode()[::-1]}'.reverse())",
    "list of bytes": lambda data: f"new Uint8Array({list(data)})",
    "list in hexadecimal digits": lambda data: f"new Uint8Array([{','.join(map(hex, data))}])",
    "list of signed bytes": lambda data: (
        f"new Uint8Array([{','.join(str(n - 256 * (n > 127)) for n in data)}])"
    ),
}


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("more", [b"", b"a", b"ab"])
async def test_a_disguised_file_in_a_script_is_found_as_a_whole(
    extract: Extract, disguise: str, more: bytes
) -> None:
    script = f"var x = new Blob([{DISGUISES[disguise](PROGRAM + more)}]);"

    assert contents(await extract(script.encode())) == [PROGRAM + more]


async def test_numbers_and_words_that_spell_nothing_known_are_not_smuggled(extract: Extract) -> None:
    numbers, words = list(range(200)) * 20, "a-long_name-" * 100

    result = await extract(f"new Uint8Array({numbers}); new Blob(['{words}'])".encode())

    assert result.children == []


async def test_pictures_in_a_page_are_not_smuggled(extract: Extract) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + secrets.token_bytes(500)

    result = await extract(web_page("p.png", picture))

    assert result.children == []


@pytest.mark.parametrize("kind", ALL)
async def test_damage_gets_an_answer(extract: Extract, kind: str) -> None:
    whole = ALL[kind]("A.EXE", PROGRAM)
    chance = secrets.SystemRandom()

    for _ in range(8):
        damaged = bytearray(whole[: chance.randrange(50, len(whole))] if chance.random() < 0.3 else whole)
        for _ in range(chance.randrange(1, 10)):
            damaged[chance.randrange(8, len(damaged))] = chance.randrange(256)
        assert (await extract(bytes(damaged))).score == -1


@pytest.mark.parametrize("data", [packed("7z")[:-20], cab("A.EXE", PROGRAM)[:40]], ids=["7z", "cab"])
async def test_an_archive_that_cannot_be_opened_is_told(extract: Extract, data: bytes) -> None:
    (problem,) = (await extract(data)).result["problems"]

    assert "cannot be opened" in problem


async def test_a_program_that_is_written_as_a_certificate_is_found(extract: Extract) -> None:
    lines = base64.encodebytes(PROGRAM).decode()
    text = f"certutil -decode %0 a.exe\r\n-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n"

    assert contents(await extract(text.encode())) == [PROGRAM]


async def test_without_the_extra_the_standard_library_opens_what_it_can(tmp_path: Path) -> None:
    sample = tmp_path / "sample"
    found = {}
    for kind, data in {
        "zip": zipped({"A.EXE": PROGRAM}),
        "7z": packed("7z"),
        "pdf": pdf_with("A.EXE", PROGRAM),
    }.items():
        sample.write_bytes(data)
        found[kind] = contents(await analysed("staged_poor:Poor", sample, import_from=(HERE,)))

    assert found == {"zip": [PROGRAM], "7z": [], "pdf": []}
