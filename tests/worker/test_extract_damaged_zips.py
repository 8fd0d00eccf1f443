"""ZIP files that one unpacker refuses and another one opens: the worker `extract` gives what the other one gives."""

import struct
import zipfile

import pytest

from samplebank.worker.contract import Result
from worker.conftest import Extract
from worker.made_containers import locked, zipped

PROGRAM = b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0" + bytes(range(256)) * 20
OTHER = PROGRAM + b"other"
MEMBERS = {"A.EXE": PROGRAM, "B.EXE": OTHER}
CENTRAL, END = b"PK\x01\x02", b"PK\x05\x06"
#: fields of a member: the place in the header in front of the member, and the place in the directory
FIELDS = {"check sum": (14, 16), "size": (22, 24)}
METHODS = {
    "stored": zipfile.ZIP_STORED,
    "deflated": zipfile.ZIP_DEFLATED,
    "bzip2": zipfile.ZIP_BZIP2,
    "lzma": zipfile.ZIP_LZMA,
}
UNKNOWN_METHOD = 97


def contents(result: Result) -> list[bytes]:
    return sorted(child.data for child in result.children)


def with_a_wrong_field(field: str, method: int) -> bytes:
    """The first of two members has a wrong check sum or size."""
    return with_a_wrong(field, zipped(MEMBERS, method))


def with_a_wrong(field: str, archive: bytes) -> bytes:
    made = bytearray(archive)
    for place in (FIELDS[field][0], made.index(CENTRAL) + FIELDS[field][1]):
        made[place] ^= 4
    return bytes(made)


def with_an_end(made: bytes, *, count: int, skipped: int, offset: int) -> bytes:
    """Write the end of the directory anew: the directory is `skipped` bytes shorter."""
    end = made.rindex(END)
    size = end - made.index(CENTRAL) - skipped
    return made[:end] + struct.pack("<4s4H2IH", END, 0, 0, count, count, size, offset, 0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("field", FIELDS)
async def test_a_member_with_a_wrong_field_is_taken_and_told(
    extract: Extract, field: str, method: str
) -> None:
    result = await extract(with_a_wrong_field(field, METHODS[method]))

    assert contents(result) == sorted(MEMBERS.values())
    (problem,) = result.result["problems"]
    assert problem.startswith("A.EXE: ")
    assert result.result["listing"] == []


@pytest.mark.parametrize("method", ["stored", "bzip2"])
async def test_a_locked_member_with_a_wrong_check_sum_is_taken_and_told(
    extract: Extract, method: str
) -> None:
    result = await extract(with_a_wrong("check sum", locked(MEMBERS, "infected", METHODS[method])))

    assert (contents(result), result.tags) == (sorted(MEMBERS.values()), [])
    assert result.result["problems"] == ["A.EXE: BadZipFile: The check sum is wrong."]


async def test_a_locked_member_with_a_wrong_check_sum_stays_closed_without_the_password(
    extract: Extract,
) -> None:
    result = await extract(with_a_wrong("check sum", locked(MEMBERS, "nobody knows")))

    assert (result.children, len(result.result["listing"])) == ([], 2)


async def test_a_damaged_member_is_taken_beside_a_member_of_an_unknown_method(extract: Extract) -> None:
    made = bytearray(with_a_wrong_field("check sum", zipfile.ZIP_STORED))
    made[made.rindex(CENTRAL) + 10] = made[made.rindex(b"PK\x03\x04") + 8] = UNKNOWN_METHOD

    assert PROGRAM in contents(await extract(bytes(made)))


async def test_a_damaged_member_that_unpacks_to_very_much_is_not_taken(extract: Extract) -> None:
    made = bytearray(zipped({"A.EXE": PROGRAM + bytes(40 * 1024 * 1024)}))
    for place in (22, made.index(CENTRAL) + 24):
        struct.pack_into("<I", made, place, 5)

    result = await extract(bytes(made))

    assert (result.children, [entry["path"] for entry in result.result["listing"]]) == ([], ["A.EXE"])


async def test_a_directory_that_is_said_to_be_at_the_start_hides_nothing(extract: Extract) -> None:
    result = await extract(with_an_end(zipped(MEMBERS), count=2, skipped=0, offset=0))

    assert contents(result) == sorted(MEMBERS.values())


@pytest.mark.parametrize("is_shorter", [True, False], ids=["its end starts later", "it has one member"])
async def test_a_member_that_the_directory_leaves_out_is_taken_and_told(
    extract: Extract, *, is_shorter: bool
) -> None:
    made = zipped(MEMBERS)
    directory, second = made.index(CENTRAL), made.rindex(CENTRAL)
    if is_shorter:
        made = with_an_end(made, count=1, skipped=second - directory, offset=second)
    else:
        made = with_an_end(made[:directory] + made[second:], count=1, skipped=0, offset=directory)

    result = await extract(made)

    assert contents(result) == sorted(MEMBERS.values())
    assert result.result["problems"] == ["A.EXE: the directory of the archive leaves the member out."]


async def test_members_of_a_zip_file_that_is_a_member_are_not_left_out_by_the_directory(
    extract: Extract,
) -> None:
    inner = zipped(MEMBERS, zipfile.ZIP_STORED)

    result = await extract(zipped({"A.ZIP": inner, "B.EXE": PROGRAM}, zipfile.ZIP_STORED))

    assert contents(result) == sorted([inner, PROGRAM])
    assert "problems" not in result.result


@pytest.mark.parametrize(
    "front", [b"\x89PNG\r\n\x1a\n" + bytes(300), b"\0\1\2\3" * 100], ids=["picture", "bytes"]
)
async def test_bytes_behind_a_zip_file_behind_something_else_hide_nothing(
    extract: Extract, front: bytes
) -> None:
    assert contents(await extract(front + zipped(MEMBERS) + b"\n")) == sorted(MEMBERS.values())


async def test_a_member_with_bytes_and_the_name_of_a_folder_is_taken(extract: Extract) -> None:
    assert contents(await extract(zipped({"A/": b"", "classes.dex/": PROGRAM}))) == [PROGRAM]
