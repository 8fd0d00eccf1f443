"""Containers at which some unpackers give up, or see less than others: the worker `extract` gives what any of them gives."""

import base64
import io
import lzma
import secrets
import struct
import zipfile
from collections.abc import Callable

import pikepdf
import pybit7z
import pytest

from samplebank.worker.analysers.extract import disks, sevenzip
from samplebank.worker.analysers.extract.haul import Haul
from samplebank.worker.analysers.extract.passwords import Words
from samplebank.worker.contract import Result, Tag
from worker import made_ext, made_hidden
from worker.conftest import Extract
from worker.made_archives import ace
from worker.made_containers import locked, tarred, zipped
from worker.made_disks import gpt, installer, squashfs, vhd
from worker.made_images import cab, rar
from worker.made_texts import pdf_with, web_archive

PROGRAM = b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0" + bytes(range(256)) * 20
#: the size of a dictionary of LZMA: more than the worker has memory
HUGE = 0x80000000


def contents(result: Result) -> list[bytes]:
    return [child.data for child in result.children]


def reasons(result: Result) -> dict[str, str]:
    return {entry["path"]: entry["why"] for entry in result.result["listing"]}


def huge_dictionary(data: bytes) -> bytes:
    """A stream of LZMA that asks for much memory."""
    made = bytearray(lzma.compress(data, lzma.FORMAT_ALONE))
    struct.pack_into("<I", made, 1, HUGE)
    return bytes(made)


def opened_by_chance(word: str, wrong: str) -> bytes:
    """A locked ZIP file for which another word passes the check in front of the bytes, as one word in 256 does."""
    while True:
        made = locked({"A.EXE": PROGRAM}, word, zipfile.ZIP_BZIP2)
        try:
            with zipfile.ZipFile(io.BytesIO(made)) as container, container.open("A.EXE", pwd=wrong.encode()):
                return made
        except RuntimeError:
            continue


async def test_a_member_that_needs_too_much_memory_costs_only_itself(extract: Extract) -> None:
    other = PROGRAM + b"other"
    made = bytearray(zipped({"A.EXE": PROGRAM, "B.EXE": other}, zipfile.ZIP_LZMA))
    # behind the header of the entry and the name: version, length and properties of LZMA, dictionary
    struct.pack_into("<I", made, 30 + len("A.EXE") + 5, HUGE)

    result = await extract(bytes(made))

    assert contents(result) == [other]
    assert reasons(result) == {"A.EXE": "needs more memory to unpack than there is"}


@pytest.mark.parametrize("content", [PROGRAM, tarred({"A.EXE": PROGRAM})], ids=["program", "tar"])
async def test_a_compressed_file_that_needs_too_much_memory_is_listed(
    extract: Extract, content: bytes
) -> None:
    result = await extract(huge_dictionary(content), "a.lzma")

    assert reasons(result) == {"a": "needs more memory to unpack than there is"}


async def test_a_wrong_word_that_passes_the_check_by_chance_does_not_keep_a_member_closed(
    extract: Extract,
) -> None:
    result = await extract(opened_by_chance("malware", "infected"))

    assert (contents(result), result.result["passwordUsed"]) == ([PROGRAM], "malware")


def several_words(kind: str, *words: str) -> bytes:
    """An archive with a member under each of the words; the last member is the program."""
    if kind == "zip":
        pieces = [
            {f"{number}.EXE": PROGRAM if word == words[-1] else b"decoy"} for number, word in enumerate(words)
        ]
        return joined([locked(piece, word) for piece, word in zip(pieces, words, strict=True)])
    formats = {"zip by AES": pybit7z.FormatZip, "7z": pybit7z.FormatSevenZip}
    made = b""
    for number, word in enumerate(words):
        library, form = pybit7z.Bit7zLibrary(pybit7z.default_lib7zip()), formats[kind]
        new = pybit7z.BitArchiveWriter(library, form)
        writer = pybit7z.BitArchiveWriter(library, made, form) if made else new
        writer.set_password(word)
        writer.add_file(PROGRAM if word == words[-1] else b"decoy", f"{number}.EXE")
        made = bytes(writer.compress_to())
    return made


def joined(archives: list[bytes]) -> bytes:
    """One ZIP file of several ones with one member each."""
    bodies, directory = b"", b""
    for made in archives:
        start, end = made.index(b"PK\x01\x02"), made.rindex(b"PK\x05\x06")
        entry = bytearray(made[start:end])
        struct.pack_into("<I", entry, 42, len(bodies))
        bodies, directory = bodies + made[:start], directory + bytes(entry)
    count = len(archives)
    last = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, len(directory), len(bodies), 0)
    return bodies + directory + last


@pytest.mark.parametrize("kind", ["zip", "zip by AES", "7z"])
async def test_members_that_no_word_opens_keep_no_other_member_closed(extract: Extract, kind: str) -> None:
    result = await extract(several_words(kind, *"abcdefgh", "infected"))

    assert (contents(result), result.result["passwordUsed"]) == ([PROGRAM], "infected")
    assert len(reasons(result)) == 8
    assert result.tags == [Tag("behaviour", "encrypted")]


async def test_a_member_that_only_claims_to_be_encrypted_is_taken(extract: Extract) -> None:
    made = bytearray(zipped({"A.EXE": PROGRAM}))
    made[made.index(b"PK\x01\x02") + 8] |= 1

    result = await extract(bytes(made))

    assert (contents(result), result.tags) == ([PROGRAM], [])


def deflated_by_7_zip(name: str) -> bytes:
    """A ZIP file with the method Deflate64, which the standard library does not know."""
    writer = pybit7z.BitArchiveWriter(pybit7z.Bit7zLibrary(pybit7z.default_lib7zip()), pybit7z.FormatZip)
    writer.set_compression_method(pybit7z.BitCompressionMethod.Deflate64)
    writer.add_file(PROGRAM, name)
    return bytes(writer.compress_to())


OTHER = PROGRAM + b"other"
BETWEEN = {"nothing": b"", "bytes": bytes(300), "a mark of another end": b"PK\x05\x06" * 3}


@pytest.mark.parametrize("between", BETWEEN)
async def test_of_zip_files_one_behind_the_other_all_are_opened(extract: Extract, between: str) -> None:
    pieces = [zipped({"A.EXE": PROGRAM}), zipped({"B.TXT": b"nothing to see"}), zipped({"B.EXE": OTHER})]

    result = await extract(BETWEEN[between].join(pieces))

    assert sorted(contents(result)) == sorted([PROGRAM, OTHER])


async def test_an_empty_zip_file_does_not_hide_the_zip_file_in_front(extract: Extract) -> None:
    assert contents(await extract(zipped({"A.EXE": PROGRAM}) + zipped({}))) == [PROGRAM]


@pytest.mark.parametrize("is_first", [True, False], ids=["first", "last"])
async def test_a_zip_file_that_7_zip_opens_is_opened_beside_another(
    extract: Extract, *, is_first: bool
) -> None:
    pieces = [deflated_by_7_zip("A.EXE"), zipped({"B.EXE": OTHER})]

    result = await extract(b"".join(pieces if is_first else pieces[::-1]))

    assert sorted(contents(result)) == sorted([PROGRAM, OTHER])


async def test_zip_files_that_are_members_stay_members(extract: Extract) -> None:
    inner = [zipped({"A.EXE": PROGRAM}), zipped({"B.EXE": OTHER})]

    result = await extract(zipped({"A.ZIP": inner[0], "B.ZIP": inner[1]}, zipfile.ZIP_STORED))

    assert contents(result) == inner


async def test_very_many_zip_files_one_behind_the_other_stop_at_a_limit(extract: Extract) -> None:
    result = await extract(zipped({"A.EXE": PROGRAM}) + zipped({}) * 50)

    assert (contents(result), result.result["limits"]) == ([PROGRAM], ["over the limit of files"])


IN_FRONT: dict[str, bytes] = {
    "picture": b"\x89PNG\r\n\x1a\n" + bytes(200),
    "photograph": b"\xff\xd8\xff\xe0" + bytes(200) + b"\xff\xd9",
    "script": b'@echo off\r\nextrac32 /y "%~f0" "%tmp%\\x.exe"\r\nexit\r\n',
}
DOCUMENTS_IN_FRONT: dict[str, bytes] = {
    "pdf": pdf_with("B.EXE", OTHER),
    "installer": installer("B.EXE", OTHER),
    "shell script": b"#!/bin/sh\nexec unzip $0\n",
}
ARCHIVES: dict[str, Callable[[], bytes]] = {
    "zip": lambda: zipped({"A.EXE": PROGRAM}),
    "rar": lambda: rar("A.EXE", PROGRAM),
    "cab": lambda: cab("A.EXE", PROGRAM),
}


@pytest.mark.parametrize("kind", ARCHIVES)
@pytest.mark.parametrize("front", IN_FRONT)
async def test_an_archive_behind_something_else_is_opened(extract: Extract, front: str, kind: str) -> None:
    noise = secrets.token_bytes(20_000)  # else a script is a text, with the archive in it

    result = await extract(IN_FRONT[front] + noise + ARCHIVES[kind]())

    assert contents(result) == [PROGRAM], result.result


@pytest.mark.parametrize("front", DOCUMENTS_IN_FRONT)
async def test_a_zip_file_behind_a_document_or_a_script_is_opened(extract: Extract, front: str) -> None:
    result = await extract(DOCUMENTS_IN_FRONT[front] + zipped({"A.EXE": PROGRAM}))

    assert PROGRAM in contents(result)
    assert len(result.children) == 1 + (front in {"pdf", "installer"})


async def test_a_zip_file_that_is_a_member_at_the_end_of_an_archive_is_not_opened_twice(
    extract: Extract,
) -> None:
    inner = zipped({"A.EXE": PROGRAM})

    assert contents(await extract(cab("A.ZIP", inner))) == [inner]


@pytest.mark.parametrize("word", ["infected", "given with it"])
async def test_a_known_password_opens_a_pdf_document(extract: Extract, word: str) -> None:
    target = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf_with("a.exe", PROGRAM))) as document:
        document.save(target, encryption=pikepdf.Encryption(owner="nobody knows", user=word))

    result = await extract(target.getvalue(), password="given with it")

    assert (contents(result), result.result["passwordUsed"], result.tags) == ([PROGRAM], word, [])


ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\0\x3e\0\x01" + bytes(43)


async def test_the_file_system_behind_a_program_is_opened(extract: Extract) -> None:
    program = ELF + b"the mark hsqs stands in a program that opens such a file system, too" + bytes(500)

    assert contents(await extract(program + squashfs("run.bat", PROGRAM))) == [PROGRAM]


LONG_SCRIPT = b"#!/bin/sh\n" + b"# says much and does nothing\n" * 1000


@pytest.mark.parametrize("script", [LONG_SCRIPT, LONG_SCRIPT * 5], ids=["long", "very long"])
@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
async def test_a_compressed_file_behind_a_script_is_opened(
    extract: Extract, script: bytes, mode: str
) -> None:
    assert contents(await extract(script + tarred({"A.EXE": PROGRAM}, mode))) == [PROGRAM]


@pytest.mark.parametrize("between", [b"\n", b"exit 0\n\0\0\0"], ids=["next line", "anywhere"])
async def test_a_program_behind_a_script_of_unix_is_taken(extract: Extract, between: bytes) -> None:
    program = ELF + secrets.token_bytes(500)

    assert contents(await extract(b"#!/bin/sh\ntail -n +3 $0 >x; exec ./x\n" + between + program)) == [
        program
    ]


WINDOWS_PROGRAM = PROGRAM.replace(b"PE\0\0", b"PE\0\0\x64\x86\x04\0") + secrets.token_bytes(5000)
CARRIERS = {
    "batch file": b'@echo off\r\nmore +3 "%~f0" >%tmp%\\x.exe\r\nexit /b\r\n',
    "shortcut": b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F" + bytes(60),
    "picture": IN_FRONT["picture"],
    "sound": b"ID3\3\0\0\0" + bytes(200),
    "video": b"RIFF\0\0\1\0AVI LIST" + bytes(200),
    "pdf": pdf_with("b.txt", b"nothing to see") + b"\1" * 200,
}


@pytest.mark.parametrize("front", CARRIERS)
async def test_a_program_of_windows_behind_something_else_is_taken(extract: Extract, front: str) -> None:
    assert contents(await extract(CARRIERS[front] + b"MZ" + WINDOWS_PROGRAM)) == [WINDOWS_PROGRAM]


BEHIND_PDF = {
    "html application": b"<hta:application><script>new ActiveXObject('WScript.Shell').Run('calc')</script>",
    "web archive": web_archive("A.EXE", PROGRAM),
    "cabinet": cab("A.EXE", PROGRAM),
    "program": WINDOWS_PROGRAM,
}


@pytest.mark.parametrize("kind", BEHIND_PDF)
async def test_a_file_that_acts_behind_a_pdf_document_is_taken(extract: Extract, kind: str) -> None:
    result = await extract(pdf_with("b.txt", b"nothing to see") + BEHIND_PDF[kind])

    assert contents(result) == [BEHIND_PDF[kind]]


async def test_a_change_of_a_pdf_document_is_no_file_behind_the_document(extract: Extract) -> None:
    change = (
        b"\n9 0 obj << /S /JavaScript /JS (function f(a) { eval(a) }) >> endobj\nxref\nstartxref\n0\n%%EOF\n"
    )

    result = await extract(pdf_with("b.txt", b"nothing to see") + change)

    assert "carried" not in result.result["opened"]


LETTERS = {"forwards": 1, "turned round": -1}


@pytest.mark.parametrize("step", LETTERS)
@pytest.mark.parametrize("front", ["photograph", "shortcut"])
async def test_a_program_in_letters_behind_something_else_is_taken(
    extract: Extract, front: str, step: str
) -> None:
    letters = base64.b64encode(WINDOWS_PROGRAM)[:: LETTERS[step]]

    result = await extract((IN_FRONT | CARRIERS)[front] + bytes(5000) + b"<<BEGIN>>" + letters + b"<<END>>")

    assert contents(result) == [WINDOWS_PROGRAM]


async def test_letters_of_a_program_behind_a_picture_are_no_program(extract: Extract) -> None:
    result = await extract(IN_FRONT["picture"] + b"MZ" * 5000 + b"PE\0\0" * 5000)

    assert (result.children, result.result["opened"]) == ([], [])


async def test_the_tables_of_a_file_system_are_listed_as_such(extract: Extract) -> None:
    result = await extract(made_ext.ext_with_journal())

    assert contents(result) == [made_ext.CONTENT]
    assert reasons(result) == {"[SYS]/Journal": "a part of the container itself"}


#: what lz4 and lzop make of a file with four letters
UNOPENED = {
    "lz4": "BCJNGGRApwQAAIBhYmMKAAAAAGw+ewg=",
    "lzop": "iUxaTwANChoKEEAgoAlAAQUDAAAJAACBpGsMej0AAAAAA2FiY0GRBOgAAAAEAAAABAN+ATFhYmMKAAAAAA==",
    "ace": base64.b64encode(ace("a.exe")).decode(),
}


@pytest.mark.parametrize("kind", UNOPENED)
async def test_a_kind_of_archive_that_is_not_opened_is_told(extract: Extract, kind: str) -> None:
    result = await extract(base64.b64decode(UNOPENED[kind]))

    assert result.result["problems"] == [
        f"{kind}: files of this kind are not opened, so what the file holds was not looked at."
    ]


async def test_a_file_that_the_names_for_windows_lack_is_taken_from_an_image(extract: Extract) -> None:
    result = await extract(made_hidden.iso_with_a_hidden_file())

    assert sorted(contents(result)) == sorted([made_hidden.HIDDEN, made_hidden.SHOWN])
    assert result.result["listing"] == []


@pytest.mark.parametrize("make", [vhd, gpt], ids=["disk of hyper-v", "disk with partitions"])
def test_the_files_on_a_disk_that_is_too_large_for_a_sample_are_taken(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[str, bytes], bytes]
) -> None:
    made, haul = make("A.EXE", PROGRAM), Haul(1)
    monkeypatch.setattr(disks, "MOST_CHILD_BYTES", 1024 * 1024)

    sevenzip.open_archive(made, haul, Words([]), "vhd" if make is vhd else "bootsector")

    assert [child.data for child in haul.children()] == [PROGRAM]
    assert haul.opened[-1] == "fat"


def test_a_disk_without_room_in_the_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disks, "MOST_CHILD_BYTES", 1024 * 1024)
    made, library, haul = vhd("A.EXE", PROGRAM), pybit7z.Bit7zLibrary(pybit7z.default_lib7zip()), Haul(1)
    reader = pybit7z.BitArchiveReader(library, made, pybit7z.FormatVhd)

    def open_within(_: bytes) -> bool:
        raise RuntimeError("Could not allocate bytes object!")

    disks.open_disks(reader, haul, open_within, ())

    assert (haul.children(), len(haul.listing), len(haul.problems)) == ([], 1, 1)


def test_the_tables_of_a_help_file_are_listed_as_such() -> None:
    haul = Haul(1)

    for path, content in {
        "#STRINGS": b"\1\0\2",
        "$OBJINST": b"\0\0\0\4",
        "#run.exe": PROGRAM,
        "a.bin": b"\0\1",
    }.items():
        sevenzip.take_member(content, path, haul, "chm")

    assert [child.name for child in haul.children()] == ["#run.exe", "a.bin"]
    assert {(one["path"], one["why"]) for one in haul.listing} == {
        (path, "a part of the container itself") for path in ("#STRINGS", "$OBJINST")
    }
