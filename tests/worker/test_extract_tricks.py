"""Containers at which some unpackers give up, or see less than others: the worker `extract` gives what any of them gives."""

import io
import lzma
import struct
import zipfile

import pytest

from samplebank.worker.contract import Result
from worker.conftest import Extract
from worker.made_containers import locked, tarred, zipped

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
