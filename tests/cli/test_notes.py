"""`samplebank note`: write, list and withdraw notes."""

import json
from typing import Any

from cli.program import Program
from kit.bank import Bank, Sample


def noted(program: Program, sample: Sample) -> list[dict[str, Any]]:
    notes: list[dict[str, Any]] = json.loads(program.run("note", "list", sample.sha256, "--json").out)[
        "notes"
    ]
    return notes


def test_a_note_is_written_and_listed(local: Program, bank: Bank) -> None:
    sample = bank.submitted()

    written = local.run("note", "add", sample.sha256, "same lure as\x1b[2J case 17", "--customer", "mill")
    listed = local.run("note", "list", sample.sha256)

    (note,) = noted(local, sample)
    assert written.out == f"Note {note['id']} is stored, for mill (TLP amber).\n"
    assert note["text"] == "same lure as\x1b[2J case 17"
    assert "same lure as\N{REPLACEMENT CHARACTER}[2J case 17" in listed.out


def test_a_note_for_others_says_so(local: Program, bank: Bank) -> None:
    sample = bank.submitted()

    local.run("note", "add", sample.sha256, "hello", "--tlp", "clear", "--customer", "mill")

    assert [note["tlp"] for note in noted(local, sample)] == ["clear"]


def test_a_note_is_withdrawn(local: Program, bank: Bank) -> None:
    sample = bank.submitted()
    local.run("note", "add", sample.sha256, "a mistake", "--customer", "mill")
    (note,) = noted(local, sample)

    ended = local.run("note", "withdraw", sample.sha256, note["id"])

    assert ended.out == f"Note {note['id']} is withdrawn.\n"
    assert noted(local, sample) == []


def test_a_note_on_no_sample_is_refused_in_one_line(local: Program) -> None:
    ended = local.run("note", "add", "no-hash", "hello")

    assert (ended.status, len(ended.complaints)) == (2, 1)
    assert "'no-hash' is no SHA256" in ended.complaints[0]
