"""Containers made to harm the worker `extract`: each gets an answer within the limits."""

import bz2
import gzip
import lzma
import secrets
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable

import pikepdf
import pybit7z
import pytest

from samplebank.worker.analysers.extract import disks, plain, sevenzip, zips
from samplebank.worker.analysers.extract import haul as haul_module
from samplebank.worker.analysers.extract.haul import LATE, SECONDS, TOO_LARGE, Haul, Stopped
from samplebank.worker.analysers.extract.passwords import Words
from samplebank.worker.analysers.extract.pdf_objects import MOST_INSIDE, dictionaries
from samplebank.worker.analysers.extract.rtf import open_rtf
from samplebank.worker.contract import Result
from worker.conftest import Extract
from worker.made_containers import locked, tarred, zipped
from worker.made_hostile import (
    CHILD,
    PROGRAM,
    SIBLING,
    broken_method,
    circular_chain,
    circular_compound,
    circular_pdf,
    mails_in_mails,
    overlapping,
    parts_in_parts,
)
from worker.made_images import cab, iso, rar, rtf, tnef
from worker.made_quine import self_containing
from worker.made_texts import onenote, symbian, uuencoded

MIB = 1024 * 1024


def contents(result: Result) -> list[bytes]:
    return [child.data for child in result.children]


def reasons(result: Result) -> set[str]:
    return {entry["why"] for entry in result.result["listing"]}


def solid(*members: tuple[str, bytes]) -> bytes:
    """A solid 7z archive."""
    writer = pybit7z.BitArchiveWriter(pybit7z.Bit7zLibrary(pybit7z.default_lib7zip()), pybit7z.FormatSevenZip)
    writer.set_solid_mode(True)
    for name, data in members:
        writer.add_file(data, name)
    return bytes(writer.compress_to())


async def test_entries_that_share_their_bytes_are_unpacked_once(extract: Extract) -> None:
    result = await extract(overlapping(1990, 900 * 1024))

    assert len(result.children) == 1
    assert reasons(result) == {"the same as another member"}


async def test_an_entry_of_another_name_does_not_hide_the_entry_that_shares_its_bytes(
    extract: Extract,
) -> None:
    made = zipped({"b.exe": PROGRAM})
    at = made.index(b"PK\x01\x02")
    entry = made[at : made.index(b"PK\x05\x06")]
    other = entry.replace(b"b.exe", b"a.exe")
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 2, 2, 2 * len(entry), at, 0)

    assert contents(await extract(made[:at] + other + entry + end)) == [PROGRAM]


async def test_another_name_in_front_of_its_bytes_does_not_hide_an_entry(extract: Extract) -> None:
    made = zipped({"evil.exe": PROGRAM}).replace(b"evil.exe", b"fine.txt", 1)

    result = await extract(made)

    assert [(child.name, child.data) for child in result.children] == [("evil.exe", PROGRAM)]


async def test_an_archive_that_is_its_own_entry_gives_itself_and_is_opened_no_further(
    extract: Extract,
) -> None:
    made = self_containing()

    result = await extract(made)

    assert (contents(result), result.result["members"]) == ([made], 1)


async def test_names_without_an_end_are_cut(extract: Extract) -> None:
    made = zipped({f"{number}/{'long/' * 12_000}a.exe": PROGRAM for number in range(100)})

    result = await extract(made)

    (child,) = result.children
    assert (child.data, len(child.name)) == (PROGRAM, 500)
    assert all(len(entry["path"]) <= 500 for entry in result.result["listing"])


@pytest.mark.parametrize("method", [1, 6, 10, 77, 97, 98, 65535])
async def test_a_member_of_an_unknown_method_costs_only_itself(extract: Extract, method: int) -> None:
    result = await extract(broken_method(method))

    assert PROGRAM + b"b" in contents(result)
    assert any("unknown method" in reason for reason in reasons(result))


@pytest.mark.parametrize(
    "name", [b"caf\xe9.exe", b"\xff\xfe\xfd.exe", b"\xed\xa0\x80.exe", b"a\0b.exe", b"\x81\x8d.exe"]
)
@pytest.mark.parametrize("make", [cab, iso, rar, rtf, tnef])
async def test_a_name_that_is_no_utf8_stays_a_name(
    extract: Extract, make: Callable[[str, bytes], bytes], name: bytes
) -> None:
    placeholder = "Q" * len(name)

    result = await extract(make(placeholder, PROGRAM).replace(placeholder.encode(), name))

    assert all(child.name.encode() is not None for child in result.children)
    assert result.score == -1


async def test_names_of_a_tar_file_may_be_anything(extract: Extract) -> None:
    result = await extract(tarred({"\udcff\udced\udca0\udc80.exe": PROGRAM}))

    assert contents(result) == [PROGRAM]
    assert result.children[0].name.endswith(".exe")


async def test_names_that_are_half_a_letter_of_utf16_stay_names(extract: Extract) -> None:
    made = bytearray(solid(("QQ.exe", PROGRAM)))
    start, size = struct.unpack_from("<QQ", made, 12)
    header = made[32 + start : 32 + start + size].replace("QQ".encode("utf-16-le"), b"\x00\xd8Q\x00")
    made[32 + start : 32 + start + size] = header
    struct.pack_into("<I", made, 28, zlib.crc32(header))
    struct.pack_into("<I", made, 8, zlib.crc32(made[12:32]))

    (child,) = (await extract(bytes(made))).children

    assert (child.data, child.name == "QQ.exe") == (PROGRAM, False)


@pytest.mark.parametrize("place", [CHILD, SIBLING])
async def test_a_ring_of_folders_in_a_compound_file_ends(extract: Extract, place: int) -> None:
    assert (await extract(circular_compound(place))).score == -1


async def test_a_ring_of_sectors_in_a_compound_file_ends(extract: Extract) -> None:
    assert (await extract(circular_chain())).score == -1


def test_what_stands_inside_of_objects_of_a_pdf_document_is_bounded_and_comes_last() -> None:
    with pikepdf.new() as document:
        document.make_indirect(pikepdf.Array([pikepdf.Dictionary(Inside=1)] * (MOST_INSIDE + 1)))
        document.make_indirect(pikepdf.Dictionary(Own=1))

        found = ["/Inside" if "/Inside" in one else "/Own" for _, one in dictionaries(document, 100)]

    assert "/Own" not in found[found.index("/Inside") :]
    assert found.count("/Inside") <= MOST_INSIDE


async def test_a_ring_of_objects_in_a_pdf_document_ends(extract: Extract) -> None:
    assert PROGRAM in contents(await extract(circular_pdf()))


@pytest.mark.parametrize("depth", [50, 3000])
@pytest.mark.parametrize("make", [mails_in_mails, parts_in_parts])
async def test_a_mail_of_many_mails_gets_an_answer(
    extract: Extract, make: Callable[[int], bytes], depth: int
) -> None:
    result = await extract(make(depth))

    assert (result.score, result.result["opened"]) == (-1, ["mail"])
    assert len(result.children) <= 1


@pytest.mark.parametrize(
    "make",
    [
        lambda zeros: symbian("", zeros),
        lambda zeros: tarred({"a.exe": zeros}, "w:gz"),
    ],
    ids=["symbian", "tar.gz"],
)
async def test_zeros_are_not_unpacked(extract: Extract, make: Callable[[bytes], bytes]) -> None:
    result = await extract(make(bytes(130 * MIB)))

    assert all(len(child.data) <= 128 * MIB for child in result.children)
    assert result.score == -1


PADDED = PROGRAM + secrets.token_bytes(100_000) + bytes(3 * MIB)


def padded_containers() -> dict[str, tuple[str, bytes]]:
    other = {"a.exe": PADDED, "b.txt": b"x"}
    return {
        "zip": ("zip", zipped(other)),
        "locked zip": ("zip", locked(other, "infected")),
        "tar": ("tar", tarred(other, "w:gz")),
        "7z": ("sevenzip", solid(("a.exe", PADDED), ("b.txt", b"x"))),
    }


@pytest.mark.parametrize("kind", padded_containers())
def test_a_program_too_large_by_padding_becomes_a_sample_up_to_the_padding(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    label, made = padded_containers()[kind]
    for module in (haul_module, disks, plain, zips):
        monkeypatch.setattr(module, "MOST_CHILD_BYTES", MIB)
    haul, words = Haul(len(made)), Words(["infected"])

    match label:
        case "zip":
            zips.open_zip(made, haul, words)
        case "tar":
            plain.open_tar(made, haul, "gzip")
        case _:
            sevenzip.open_archive(made, haul, words, label)

    (child,) = haul.children()
    assert (child.name, PADDED.startswith(child.data)) == ("a.exe", True)
    assert 0 <= len(child.data) - len(PADDED.rstrip(b"\0")) < 512
    assert [entry["path"] for entry in haul.listing if entry["why"] == TOO_LARGE] == ["a.exe"]
    assert "up to the padding" in haul.problems[0]


def test_a_member_too_large_to_take_is_unpacked_no_longer_than_the_time_of_the_sample() -> None:
    zeros, pieces = bytes(90_000_000), 100
    member = tarfile.TarInfo("zeros")
    member.size = len(zeros) * pieces
    made = bz2.compress(member.tobuf(tarfile.GNU_FORMAT)) + bz2.compress(zeros) * pieces
    haul = Haul(len(made), used=SECONDS - 1)

    with pytest.raises(Stopped):
        plain.open_tar(made, haul, "bzip")

    assert haul.limits == [LATE]


@pytest.mark.parametrize(
    ("kind", "empty"),
    [("gzip", gzip.compress(b"")), ("bzip", bz2.compress(b"")), ("xz", lzma.compress(b""))],
    ids=["gzip", "bzip", "xz"],
)
def test_very_many_empty_streams_are_read_no_longer_than_the_time_of_the_sample(
    kind: str, empty: bytes
) -> None:
    haul = Haul(1, used=SECONDS + 1)

    with pytest.raises(Stopped):
        plain.is_tar_within(empty * 10_000, kind, haul)

    assert haul.limits == [LATE]


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
async def test_a_damaged_header_of_a_tar_file_costs_its_own_member_only(
    extract: Extract, compress: Callable[[bytes], bytes]
) -> None:
    damaged, header = "b.exe", 100
    made = tarred({"a.exe": PROGRAM + b"a", damaged: PROGRAM + b"b", "c.exe": PROGRAM + b"c"})
    place = made.index(damaged.encode())
    made = made[: place + header] + b"?" + made[place + header + 1 :]

    result = await extract(compress(made))

    assert sorted(contents(result)) == [PROGRAM + b"a", PROGRAM + b"c"]


def test_objects_of_rtf_without_an_end_are_read_no_longer_than_the_time_of_the_sample() -> None:
    made = b"{\\rtf1 " + (b"{\\object{\\*\\objdata 0105" + b"00" * 5000) * 200
    haul = Haul(len(made), used=SECONDS + 1)

    with pytest.raises(Stopped):
        open_rtf(made, haul)

    assert (haul.members, haul.limits) == (0, [LATE])


async def test_very_many_groups_between_the_digits_of_an_rtf_object_are_passed_over(extract: Extract) -> None:
    digits = PROGRAM.hex().encode()

    result = await extract(b"{\\rtf1{\\object{\\*\\objdata " + b"{}" * 20_000_000 + digits + b"}}}")

    assert contents(result) == [PROGRAM]


def test_only_the_first_bytes_of_a_large_member_are_decrypted_by_the_slow_standard_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content, word, decrypted = PROGRAM + secrets.token_bytes(100_000), "infected", []
    decrypter = vars(zipfile)["_ZipDecrypter"]

    def counted(secret: bytes) -> Callable[[bytes], bytes]:
        decrypt: Callable[[bytes], bytes] = decrypter(secret)

        def noted(data: bytes) -> bytes:
            decrypted.append(len(data))
            return decrypt(data)

        return noted

    made = locked({"a.exe": content}, word)
    monkeypatch.setattr(zipfile, "_ZipDecrypter", counted)
    haul = Haul(len(made))

    zips.open_zip(made, haul, Words([word]))

    assert [child.data for child in haul.children()] == [content]
    assert sum(decrypted) <= 12


async def test_a_text_of_very_many_files_stops_at_the_limit(extract: Extract) -> None:
    result = await extract(b"".join(uuencoded(f"{n}.cmd", b"rem %d\n" % n) for n in range(3000)))

    assert len(result.children) == 200


async def test_files_of_onenote_that_lie_about_their_length_end_at_the_mark(extract: Extract) -> None:
    made = onenote(".exe", PROGRAM)
    lie = made.replace(struct.pack("<QIQ", len(PROGRAM), 0, 0), struct.pack("<QIQ", 1 << 62, 0, 0))

    (child,) = (await extract(lie)).children

    assert child.data.startswith(PROGRAM)


async def test_damage_in_a_solid_archive_leaves_the_members_before_the_damage(extract: Extract) -> None:
    first, rest = PROGRAM + b"first", [PROGRAM + secrets.token_bytes(40_000) for _ in range(3)]
    made = bytearray(solid(*((f"{number}.exe", data) for number, data in enumerate([first, *rest]))))
    made[100_000] ^= 0xFF

    result = await extract(bytes(made))

    assert first in contents(result)
    assert any("damaged" in reason for reason in reasons(result))


async def test_two_members_of_one_name_in_a_solid_archive_are_both_taken(extract: Extract) -> None:
    result = await extract(solid(("a.exe", PROGRAM + b"1"), ("a.exe", PROGRAM + b"2")))

    assert sorted(contents(result)) == [PROGRAM + b"1", PROGRAM + b"2"]
