"""`samplebank search`: samples and jobs by a query, in the form that is asked for."""

import csv
import json
from typing import Any

import pytest

from cli.program import Program
from kit.bank import Bank, eventually, name_of
from samplebank.cli import search


@pytest.fixture(scope="module")
def word(bank: Bank) -> str:
    """The beginning of the file names of three samples, whose types are known."""
    beginning = name_of("sought")
    for _ in range(3):
        bank.submitted(fileName=f"{beginning}.exe")
    assert eventually(lambda: all(row.get("latestClassification") for row in rows_of(bank, beginning)))
    return beginning


def rows_of(bank: Bank, word: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = bank.data(bank.get("/samplebank/v1/query/samples", q=word, limit=0))
    return rows


def found(bank: Bank, word: str) -> list[str]:
    return [row["sha256"] for row in rows_of(bank, word)]


def test_the_table_tells_hash_verdict_and_size(local: Program, bank: Bank, word: str) -> None:
    ended = local.run("search", word)

    lines = ended.out.splitlines()
    assert lines[0].split()[:3] == ["SHA256", "VERDICT", "SCORE"]
    assert [line.split()[:2] for line in lines[1:]] == [[sha256, "unknown"] for sha256 in found(bank, word)]


def test_a_narrow_terminal_gets_short_hashes(local: Program, bank: Bank, word: str) -> None:
    ended = local.run("search", word, COLUMNS="100")

    assert [line.split()[0] for line in ended.out.splitlines()[1:]] == [
        sha256[:16] for sha256 in found(bank, word)
    ]


def test_a_term_that_must_not_hold_is_no_option(local: Program, bank: Bank, word: str) -> None:
    assert local.run("search", word, "-verdict:benign", "--hashes").out.splitlines() == found(bank, word)
    assert local.run("search", f"-name:{word}*", word, "--hashes").out == ""


def test_hashes_come_one_in_a_line(local: Program, bank: Bank, word: str) -> None:
    assert local.run("search", "--hashes", f"name:{word}*").out.splitlines() == found(bank, word)


def test_json_is_one_document_with_what_the_service_tells(local: Program, bank: Bank, word: str) -> None:
    document = json.loads(local.run("search", "--json", word).out)

    assert document == {"samples": rows_of(bank, word)}


def test_without_a_match_json_is_an_empty_list(local: Program) -> None:
    assert json.loads(local.run("search", "--json", name_of("nothing")).out) == {"samples": []}


def test_csv_has_a_line_for_each_match(local: Program, bank: Bank, word: str) -> None:
    rows = list(csv.DictReader(local.run("search", "--csv", word).out.splitlines()))

    assert [(row["sha256"], row["size"]) for row in rows] == [
        (sha256, "5000") for sha256 in found(bank, word)
    ]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1"])
def test_no_cell_of_csv_is_a_formula(text: str) -> None:
    assert str(search._cell(text)).startswith("'")  # noqa: SLF001 - no text of the service can begin so today


@pytest.mark.parametrize("value", [-1, None])
def test_numbers_stay_numbers_in_csv(value: Any) -> None:
    assert search._cell(value) == value  # noqa: SLF001 - see above


def test_no_more_come_than_asked_for(local: Program, bank: Bank, word: str) -> None:
    ended = local.run("search", "--hashes", "--limit", "2", word)

    assert ended.out.splitlines() == found(bank, word)[:2]


def test_all_come_page_by_page(
    local: Program, bank: Bank, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "PAGE", 2)

    assert local.run("search", "--hashes", "--all", word).out.splitlines() == found(bank, word)


def test_the_table_says_how_many_more_there_are(local: Program, word: str) -> None:
    ended = local.run("search", "--limit", "2", word)

    assert ended.complaints == ["samplebank: 2 of 3; --limit or --all shows more."]


def test_jobs_are_found_by_their_samples(local: Program, bank: Bank) -> None:
    (worker,) = bank.workers(1)
    sample, job, _ = bank.planned(worker)

    document = json.loads(local.run("search", "--jobs", "--json", f"worker:{worker} state:enqueued").out)

    assert [(one["id"], one["analysedSample"]["id"]) for one in document["jobs"]] == [(job, sample.sha256)]


def test_mistakes_tell_their_places_and_what_may_be_meant(local: Program) -> None:
    ended = local.run("search", "tpye:pebin", "score:900")

    assert ended.status == 1
    assert "Characters 1 to 4 of the query" in ended.complaints[0]
    assert 'Do you mean "type:"?' in ended.complaints[0]
    assert "Characters 18 to 20 of the query" in ended.complaints[0]


def test_two_forms_of_output_are_wrong_usage(local: Program) -> None:
    assert local.run("search", "--json", "--csv", "x").status == 2
