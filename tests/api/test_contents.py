"""Parts of a sample over HTTP: bytes, strings, places of a pattern. Who may download the sample may look at its parts."""

from typing import Any

import pytest

from kit.bank import Bank, Sample, fields_of
from kit.service import Service

KINDS = {"bytes": {}, "strings": {}, "find": {"pattern": "MZ"}}


def part(sample: Sample, kind: str) -> str:
    return f"/samplebank/v1/sample/{sample.sha256}/{kind}"


def submitted(bank: Bank, data: bytes, user: str = "mia") -> Sample:
    sample = Sample(data=Sample(64).data + bytes(2) + data)
    bank.submit(sample, user)
    return sample


def test_bytes_are_told_in_hex_with_the_size_of_the_sample(bank: Bank) -> None:
    sample = submitted(bank, b"MZ\x90")

    told = bank.data(bank.get(part(sample, "bytes"), "mia", at=66, length=2))

    assert told == {"at": 66, "size": 69, "bytes": "4d5a"}


def test_behind_the_end_there_are_no_bytes_and_no_refusal(bank: Bank) -> None:
    sample = bank.submitted()

    told = bank.data(bank.get(part(sample, "bytes"), "mia", at=2**40))

    assert told == {"at": 2**40, "size": 5000, "bytes": ""}


def test_strings_are_told_with_offset_and_kind(bank: Bank) -> None:
    sample = submitted(bank, b"GetProcAddress\x00\x00" + "kernel32.dll".encode("utf-16-le"))

    told = bank.data(bank.get(part(sample, "strings"), "mia", at=66, least=8))

    assert told == {
        "at": 66,
        "size": 106,
        "strings": [
            {"offset": 66, "kind": "ascii", "text": "GetProcAddress", "cut": False},
            {"offset": 82, "kind": "wide", "text": "kernel32.dll", "cut": False},
        ],
    }


def test_the_next_window_of_strings_is_told(bank: Bank) -> None:
    sample = submitted(bank, b"one string\x00another string")

    first = bank.data(bank.get(part(sample, "strings"), "mia", at=66, window=5, like="STRING"))
    second = bank.data(bank.get(part(sample, "strings"), "mia", at=first["next"], like="string"))

    told = [[one["text"] for one in answer["strings"]] for answer in (first, second)]
    assert (first["next"], told) == (71, [["one string"], ["another string"]])


def test_a_pattern_is_found_from_an_offset_on(bank: Bank) -> None:
    sample = submitted(bank, b"MZ\x90..MZ\x90")

    found = bank.data(bank.get(part(sample, "find"), "mia", pattern="4d 5a 90", at=67))

    assert found == {"at": 67, "size": 74, "offset": 71, "length": 3, "form": "bytes", "next": 72}


def test_what_is_found_nowhere_has_no_offset(bank: Bank) -> None:
    sample = submitted(bank, b"")

    found = bank.data(bank.get(part(sample, "find"), "mia", pattern="absent"))

    assert found == {"at": 0, "size": 66}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("user", ["mia", "uploader", "toiler"])
def test_parts_of_what_the_caller_may_not_download_are_not_there(bank: Bank, kind: str, user: str) -> None:
    sample = bank.submitted("hana")

    invisible = bank.get(part(sample, kind), user, **KINDS[kind])
    missing = bank.get(part(Sample(), kind), user, **KINDS[kind])
    download = bank.get(f"{sample.path}/safe", user)

    assert invisible.status_code == download.status_code
    assert (invisible.status_code, invisible.json()) == (missing.status_code, missing.json())


@pytest.mark.parametrize("kind", KINDS)
def test_parts_of_lost_bytes_are_told_as_lost(bank: Bank, service: Service, kind: str) -> None:
    sample = bank.submitted()
    (service.blobs / "sample" / sample.sha256[:2] / sample.sha256).unlink()

    refused = bank.get(part(sample, kind), "mia", **KINDS[kind])

    assert refused.status_code == 404
    assert refused.json()["messages"][0]["message"] == "The bytes of this file are no longer stored."


@pytest.mark.parametrize(
    ("kind", "asked", "fields"),
    [
        ("bytes", {"at": -1, "length": 4097}, {"at", "length"}),
        ("bytes", {"at": "start", "length": 0, "from": 1}, {"at", "length", "from"}),
        ("bytes", {"at": 2**63}, {"at"}),
        ("strings", {"at": -1, "window": 2**20 + 1, "least": 2, "like": "x" * 201}, {"at", "window", "least", "like"}),
        ("strings", {"window": 0, "least": "1e3"}, {"window", "least"}),
        ("find", {"at": -1}, {"at", "pattern"}),
        ("find", {"pattern": "", "at": "0x10"}, {"at", "pattern"}),
        ("find", {"pattern": "x" * 201}, {"pattern"}),
    ],
)  # fmt: skip
def test_every_bad_parameter_is_named(bank: Bank, kind: str, asked: dict[str, Any], fields: set[str]) -> None:
    sample = bank.submitted()

    refused = bank.get(part(sample, kind), "mia", **asked)

    assert (refused.status_code, fields_of(refused)) == (412, fields)
