"""`samplebank worker`: which workers run, which workers should run, and how to try an analyser before it runs."""

import json
import os
import re
import shlex
from pathlib import Path

import pytest

from cli.program import Program
from kit.bank import ROBOT, V2, Bank, eventually, name_of
from samplebank.worker.analysers import BUILT_IN

MINE = """
import sys
from samplebank.worker.contract import Analyser, Result

class Mine(Analyser):
    short_name = "{name}"
    version = "1"
    names = {{"english": "Mine"}}
    descriptions = {{"english": "Looks."}}
    schema = {{"properties": {{"size": {{"maximum": 3}}}}}}
    known_settings = frozenset({{"depth"}})

    def analyse(self, sample):
        print("looking at", sample.size)
        if sample.size == 2:
            raise ValueError("two bytes")
        return Result(score=20, result={{"size": sample.size, "mode": sample.options.get("mode")}})
"""


class Analyser:
    """A new analyser in a separate folder, and files to try the analyser on."""

    def __init__(self, folder: Path) -> None:
        self.name = name_of("mine")
        self.folder = folder
        (folder / "mine.py").write_text(MINE.format(name=self.name))
        self.words = ("mine:Mine", "--import-from", str(folder))

    def change(self, old: str, new: str) -> None:
        code = self.folder / "mine.py"
        code.write_text(code.read_text().replace(old, new))

    def file(self, size: int) -> Path:
        path = self.folder / f"of_{size}"
        path.write_bytes(b"x" * size)
        return path


@pytest.fixture
def mine(tmp_path: Path) -> Analyser:
    return Analyser(tmp_path)


def test_the_list_names_a_worker_that_nobody_runs(local: Program, bank: Bank) -> None:
    (worker,) = bank.workers(1)
    bank.planned(worker)

    listed = local.run("worker", "list")

    (row,) = [line.split() for line in listed.out.splitlines() if line.startswith(f"{worker} ")]
    assert row[:3] == [worker, "never", "1"]
    assert f"Nobody has ever asked for work of {worker}" in listed.out


def test_the_list_tells_machines_when_a_worker_was_seen(local: Program, bank: Bank) -> None:
    (worker,) = bank.workers(1)
    bank.claim(worker)

    def seen() -> int | None:
        listed = json.loads(local.run("worker", "list", "--json").out)["workers"]
        (found,) = [one for one in listed if one["shortName"] == worker]
        last: int | None = found["lastSeenTimestamp"]
        return last

    assert eventually(seen)


def test_times_of_the_list_stay_in_one_piece_on_a_narrow_terminal(local: Program, bank: Bank) -> None:
    (worker,) = bank.workers(1)
    bank.claim(worker)

    def seen() -> bool:
        lines = local.run("worker", "list", COLUMNS="80").out.splitlines()
        rows = [line.split() for line in lines if line.startswith(f"{worker} ")]
        return any(re.fullmatch(r"[\d-]{10}T[\d:]{8}\.\d{3}Z", row[1]) for row in rows)

    assert eventually(seen)


def test_the_list_tells_what_processes_remark(local: Program, bank: Bank) -> None:
    (worker,) = bank.workers(1)
    for process in ("one", "two"):
        headers = {
            "User-Agent": f"{worker}/1.0",
            "Samplebank-Process": process,
            "Samplebank-Remark": "rules flag 2",
        }
        bank.call(
            "POST", f"/samplebank/v1/worker/{worker}/claim", ROBOT, json={"waitSeconds": 0}, headers=headers
        )

    def told() -> list[str | None]:
        listed = json.loads(local.run("worker", "list", "--json").out)["workers"]
        (found,) = [one for one in listed if one["shortName"] == worker]
        return [process["remark"] for process in found["processes"]]

    assert eventually(lambda: told() == ["rules flag 2"] * 2)
    assert f"{worker}: rules flag 2 (2 processes)" in local.run("worker", "list").out


def test_why_a_job_waits_names_the_worker_that_nobody_runs(local: Program, bank: Bank) -> None:
    (worker,) = bank.workers(1)
    _, job, _ = bank.planned(worker)

    explained = local.run("jobs", "--why", job)

    assert f"No live worker for {worker} so far: nobody has asked for tasks of the customer." in explained.out
    assert f"Start the worker: samplebank worker run {worker}" in explained.out


def test_a_worker_that_is_not_registered_is_told_the_command(
    local: Program, bank: Bank, mine: Analyser
) -> None:
    refused = local.run("worker", "run", *mine.words, "--url", bank.url, "--key", bank.keys["toiler"])

    (complaint,) = refused.complaints
    command = shlex.split(complaint.partition("samplebank worker register ")[2])
    registered = local.run("worker", "register", *command)
    assert (refused.status, registered.out) == (1, f"The worker {mine.name} is registered.\n")
    assert bank.get(f"{V2}/worker/{mine.name}").ok


def test_a_key_that_may_not_register_is_told_whose_key_may(
    local: Program, bank: Bank, mine: Analyser
) -> None:
    refused = local.run("worker", "register", *mine.words, "--url", bank.url, "--key", bank.keys["toiler"])

    (complaint,) = refused.complaints
    assert refused.status == 1
    assert f"does not know the analysis worker {mine.name}, and this key may not register it" in complaint
    assert complaint.endswith("Use the key of an administrator.")


def test_a_schema_that_is_none_is_told_by_the_registration(local: Program, mine: Analyser) -> None:
    mine.change('"properties"', '"type": "objekt", "properties"')

    refused = local.run("worker", "register", *mine.words)

    (complaint,) = refused.complaints
    assert refused.status == 1
    assert (
        f"The service refuses what the analyser says of the worker {mine.name}. Correct the class."
        in complaint
    )
    assert "The schema is not a JSON Schema" in complaint


def test_a_change_that_the_service_refuses_is_no_success(local: Program, mine: Analyser) -> None:
    local.run("worker", "register", *mine.words)
    mine.change('"properties"', '"type": "objekt", "properties"')

    refused = local.run("worker", "register", *mine.words)

    assert refused.status == 1
    assert (
        refused.out
        == f"The worker {mine.name} keeps its old description, as the service refuses the new one.\n"
    )


@pytest.mark.parametrize("command", ["run", "register"])
def test_two_analysers_with_one_short_name_are_refused(local: Program, mine: Analyser, command: str) -> None:
    with (mine.folder / "mine.py").open("a") as code:
        code.write("\n\nclass Other(Mine):\n    version = '2'\n")

    refused = local.run("worker", command, "mine:Other", *mine.words)

    (complaint,) = refused.complaints
    assert refused.status == 1
    assert f"Two of the analysers have the short_name {mine.name}: run them one by one" in complaint


def test_registering_again_changes_nothing(local: Program, mine: Analyser) -> None:
    local.run("worker", "register", *mine.words)

    again = local.run("worker", "register", *mine.words)

    assert again.out == f"The worker {mine.name} was registered already.\n"


@pytest.mark.parametrize("command", ["run", "register", "test"])
def test_the_help_names_every_built_in_analyser(program: Program, command: str) -> None:
    told = program.run("worker", command, "--help").out

    assert [name for name in BUILT_IN if f"{name}," not in told] == []


def test_a_trial_shows_result_prints_and_traceback_without_a_service(
    program: Program, mine: Analyser
) -> None:
    tried = program.run("worker", "test", "mine:Mine", mine.file(1), mine.file(2), *mine.words[1:])

    assert tried.status == 1
    assert f"{mine.folder}/of_1: score 20" in tried.out
    assert f"{mine.folder}/of_2: failed: The analysis stopped with ValueError: two bytes" in tried.out
    assert '    raise ValueError("two bytes")' in tried.out
    assert [line for line in tried.out.splitlines() if "looking at" in line] == [
        "    looking at 1",
        "    looking at 2",
    ]


def test_a_trial_tells_machines_the_same(program: Program, mine: Analyser) -> None:
    tried = program.run(
        "worker", "test", "mine:Mine", mine.file(3), "--option", "mode=fast", "--json", *mine.words[1:]
    )

    (file,) = json.loads(tried.out)["files"]
    assert (tried.status, file["score"], file["error"]) == (0, 20, None)
    assert (file["result"], file["printed"]) == ({"size": 3, "mode": "fast"}, "looking at 3\n")


def test_a_trial_notices_what_the_service_would_refuse(program: Program, mine: Analyser) -> None:
    tried = program.run("worker", "test", "mine:Mine", mine.file(4), *mine.words[1:])

    assert tried.status == 1
    assert "analysisResult.size: 4 is greater than the maximum of 3" in tried.out


@pytest.mark.parametrize(
    "command",
    [
        ("worker", "test", "mine:Mine", "/bin/ls"),
        ("worker", "register", "mine:Mine"),
        ("worker", "run", "mine:Mine"),
    ],
)
def test_a_setting_that_no_analyser_takes_is_wrong_usage(
    local: Program, mine: Analyser, command: tuple[str, ...]
) -> None:
    refused = local.run(*command, *mine.words[1:], "--setting", "dept=1")

    assert refused.status == 2
    (complaint,) = refused.complaints
    assert "Invalid value for --setting: These analysers know no setting dept: they take depth." in complaint


def test_a_trial_of_one_file_that_cannot_be_read_does_not_stop_the_others(
    program: Program, mine: Analyser, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")

    tried = program.run(
        *("worker", "test", "mine:Mine", tmp_path / "gone", tmp_path, tmp_path / "pipe", mine.file(1)),
        *("--json", *mine.words[1:]),
    )

    files = json.loads(tried.out)["files"]
    assert (tried.status, [file["score"] for file in files]) == (1, [None, None, None, 20])
    assert [file["error"] for file in files[:3]] == [
        "The file cannot be read: No such file or directory.",
        *["The file cannot be read: it is not a regular file."] * 2,
    ]


def test_a_trial_that_is_ended_from_outside_does_not_stop_the_others(
    program: Program, mine: Analyser
) -> None:
    mine.change('raise ValueError("two bytes")', "import signal; signal.raise_signal(signal.SIGKILL)")

    tried = program.run("worker", "test", "mine:Mine", mine.file(2), mine.file(1), *mine.words[1:])

    assert (tried.status, tried.complaints) == (1, [])
    assert f"{mine.folder}/of_2: failed: The analysis was ended from outside, by SIGKILL." in tried.out
    assert f"{mine.folder}/of_1: score 20" in tried.out


def test_a_folder_of_rules_may_be_named_from_where_one_is(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "any.yar").write_text("rule any_file { meta: score = 7 condition: true }")
    (tmp_path / "sample").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)

    tried = program.run("worker", "test", "yara", "sample", "--setting", "yara_rules=rules", "--json")

    assert json.loads(tried.out)["files"][0]["score"] == 7


def test_a_folder_of_rules_that_is_none_is_named(program: Program) -> None:
    refused = program.run("worker", "test", "yara", "/bin/ls", "--setting", "yara_rules=~nobody-here/x")

    assert refused.status == 2
    assert "yara_rules names ~nobody-here/x, which is not a folder" in refused.complaints[0]


def test_a_trial_says_what_is_wrong_with_the_rules(program: Program, tmp_path: Path) -> None:
    (tmp_path / "bad.yar").write_text("rule bad { condition: nothing }")

    tried = program.run("worker", "test", "yara", "/bin/true", "--setting", f"yara_rules={tmp_path}")

    (complaint,) = tried.complaints
    assert f"bad.yar in {tmp_path} is left out" in complaint
