"""`samplebank hunt` and `samplebank hunts`: rules over stored samples from the command line."""

import json
import time
from pathlib import Path

from cli.program import Program
from hunts.hunting import HUNT, begun, claimed, end, mark, marked, rules_for
from kit.bank import CHIEF, Bank, later
from worker.working import NoAnalysers, working


def file_of(folder: Path, rules: str) -> str:
    path = folder / "rules.yar"
    path.write_text(rules)
    return str(path)


def test_hits_are_shown_as_they_are_found(local: Program, bank: Bank, tmp_path: Path) -> None:
    wanted = mark()
    since = str(later(time.time_ns() // 1_000_000))
    sample = marked(bank, wanted)

    with working(bank.url, bank.keys[CHIEF], NoAnalysers(), hunts=True, parallel=1):
        done = local.run("hunt", file_of(tmp_path, rules_for(wanted)), "--since", since, "--wait")

    first, last = done.out.splitlines()
    assert first == f"{sample.sha256}  found 60"
    assert "is done: 1 of 1 samples looked at" in last
    assert "1 hits" in last


def test_lines_of_the_compiler_are_shown_as_they_are(local: Program, tmp_path: Path) -> None:
    refused = local.run("hunt", file_of(tmp_path, "rule a { condition: nonsense }"))

    assert refused.status == 1
    assert refused.complaints[0] == "Line 1: error[E009]: unknown identifier `nonsense`"
    assert any("^^^^^^^^" in line for line in refused.complaints)


def test_a_hunt_is_listed_shown_and_cancelled(local: Program, bank: Bank, tmp_path: Path) -> None:
    since = later(time.time_ns() // 1_000_000)
    sample = marked(bank, mark())
    for _ in range(51):
        marked(bank, "any")
    path = file_of(tmp_path, rules_for("any"))
    hunt = json.loads(local.run("hunt", path, "--since", str(since), "--json").out)
    while (batch := claimed(bank, hunt))["number"] != 2:
        pass
    end(bank, batch, sample.sha256)

    listed = local.run("hunts").out
    shown = local.run("hunts", hunt["id"]).out
    cancelled = local.run("hunt", "--cancel", hunt["id"]).out

    whole = json.loads(local.run("hunts", hunt["id"], "--json").out)
    assert hunt["id"] in listed
    assert sample.sha256 in shown
    assert "is cancelled: 2 of 52 samples looked at" in cancelled
    assert (whole["hunt"]["state"], [hit["sha256"] for hit in whole["hits"]]) == (
        "cancelled",
        [sample.sha256],
    )


def test_a_hunt_needs_rules_or_an_id(local: Program, tmp_path: Path) -> None:
    for words in ((), (file_of(tmp_path, ""), "--cancel", "1"), ("/nowhere/rules.yar",), ("--cancel", " ")):
        assert local.run("hunt", *words).status == 2


def test_a_hunt_that_the_key_may_not_see_is_not_found(local: Program, bank: Bank) -> None:
    (complaint,) = local.run("hunts", "00000000-0000-0000-0000-000000000000").complaints
    assert "no hunt" in complaint
    assert begun(bank, rules_for("any"), until=1)["state"] == "done"
    assert bank.get(HUNT).status_code == 200
