"""`samplebank audit`: the ledger as a table, JSON, CSV, and line by line."""

import csv
import io
import json

import pytest

from cli.program import Program
from kit.bank import Bank, Sample
from kit.processes import interrupted


def fetched(bank: Bank) -> Sample:
    sample = bank.submitted("mia")
    assert bank.get(f"{sample.path}/raw", "mia").ok
    return sample


def test_a_download_is_a_line_of_the_table(local: Program, bank: Bank) -> None:
    sample = fetched(bank)

    out = local.run("audit", "--sample", sample.sha256, "--kind", "download").out

    heading, line = out.splitlines()
    assert heading.split()[:4] == ["TIME", "KIND", "ACTION", "BY"]
    assert line.split()[1:] == [
        "download", "downloadRawSample", "mia", "127.0.0.1", sample.sha256, "1", "done",
    ]  # fmt: skip


def test_json_has_the_entries_as_the_service_tells_them(local: Program, bank: Bank) -> None:
    sample = fetched(bank)

    document = json.loads(local.run("audit", "--sample", sample.sha256, "--kind", "download", "--json").out)

    (entry,) = document["entries"]
    told = bank.data(bank.get("/samplebank/v1/audit", sample=sample.sha256, kind="download"))
    assert entry["actor"]["keyID"] == told[0]["actor"]["keyID"]
    assert entry["details"] == told[0]["details"]


def test_csv_is_for_spreadsheets(local: Program, bank: Bank) -> None:
    sample = fetched(bank)

    out = local.run("audit", "--sample", sample.sha256, "--action", "downloadRawSample", "--csv").out

    (row,) = csv.DictReader(io.StringIO(out))
    assert (row["by"], row["sample_or_target"], row["times"]) == ("mia", sample.sha256, "1")


def test_following_tells_acts_in_lines_until_it_is_interrupted(local: Program, bank: Bank) -> None:
    sample = fetched(bank)
    filters = ("--sample", sample.sha256, "--kind", "download", "--since", "1 hour")
    follower = local.start("audit", "--follow", "--json", *filters)
    assert follower.stdout is not None

    first = json.loads(follower.stdout.readline())
    bank.get(f"{sample.path}/safe", "mia")
    second = json.loads(follower.stdout.readline())
    interrupted(follower)

    assert [first["action"], second["action"]] == ["downloadRawSample", "downloadSafeSample"]
    assert follower.returncode == 0


@pytest.mark.parametrize("options", [("--json", "--csv"), ("--follow", "--csv")])
def test_there_is_one_form_of_output(local: Program, options: tuple[str, str]) -> None:
    ended = local.run("audit", *options)

    assert ended.status == 2
    assert "one form of output" in " ".join(ended.complaints)


def test_a_limit_is_kept(local: Program, bank: Bank) -> None:
    for _ in range(3):
        fetched(bank)

    document = json.loads(local.run("audit", "--kind", "download", "--limit", "2", "--json").out)

    assert len(document["entries"]) == 2
