"""The commands and a real service: from files to verdicts."""

import json
import os
import secrets
import signal
from pathlib import Path
from typing import Any

import pytest

from cli.program import Ended, Program
from kit.bank import Bank, Sample
from kit.relay import Relay
from samplebank.cli.demo_files import EICAR
from samplebank.cli.sending import ASK_FIRST


@pytest.fixture
def suspects(tmp_path: Path) -> Path:
    folder = tmp_path / "suspects"
    (folder / "deep").mkdir(parents=True)
    (folder / "eicar.com").write_text("".join(EICAR))
    (folder / "deep" / "note.txt").write_text(f"nothing to see here, {secrets.token_hex()}\n")
    (folder / "deep" / "noise").write_bytes(os.urandom(100_000))
    return folder


@pytest.fixture
def watched(bank: Bank, analysts: list[str]) -> str:
    """The option that makes the workers of the tests analyse a sample."""
    static, yara, _ = analysts
    ((key, value),) = bank.plan(static, yara).items()
    return f"--meta={key}={value}"


def files_of(ended: Ended) -> dict[str, dict[str, Any]]:
    return {Path(file["path"]).name: file for file in json.loads(ended.out)["files"]}


def test_a_folder_is_submitted_and_followed_to_its_verdicts(
    local: Program, watched: str, suspects: Path
) -> None:
    ended = local.run("submit", suspects, "--wait", "--json", watched)

    files = files_of(ended)
    assert (ended.status, ended.complaints) == (0, [])
    assert {file["jobState"] for file in files.values()} == {"done"}
    assert files["eicar.com"]["verdict"] == "malicious"
    assert files["note.txt"]["verdict"] in {"benign", "unknown"}


def test_the_table_names_file_type_and_verdict(local: Program, watched: str, suspects: Path) -> None:
    ended = local.run("submit", suspects / "eicar.com", "--wait", watched)

    assert ended.out.splitlines()[0].split() == ["FILE", "TYPE", "VERDICT", "SCORE", "TAGS"]
    assert ended.out.splitlines()[1].split()[:3] == [str(suspects / "eicar.com"), "com", "malicious"]


def test_without_waiting_the_user_gets_the_submissions(local: Program, suspects: Path) -> None:
    ended = local.run("submit", suspects / "deep", "--tlp", "green", "--json")

    files = files_of(ended)
    assert {(file["status"], file["verdict"], file["size"] > 0) for file in files.values()} == {
        ("submitted", None, True)
    }
    assert all(file["submission"] for file in files.values())


def test_one_refused_file_fails_the_command_but_not_the_others(local: Program, suspects: Path) -> None:
    (suspects / "deep" / "empty").touch()

    ended = local.run("submit", suspects / "deep", "--json")

    files = files_of(ended)
    assert ended.status == 1
    assert {name: file["status"] for name, file in files.items()} == {
        "empty": "failed",
        "noise": "submitted",
        "note.txt": "submitted",
    }
    assert len(ended.complaints) == 1
    assert "empty: " in ended.complaints[0]


def test_a_path_that_leads_nowhere_does_not_stop_the_others(local: Program, suspects: Path) -> None:
    dangling = suspects / "dangling"
    dangling.symlink_to("nowhere")

    ended = local.run("submit", suspects / "deep" / "noise", dangling, suspects / "gone", "--json")

    assert ended.status == 1
    assert {name: file["status"] for name, file in files_of(ended).items()} == {
        "noise": "submitted",
        "dangling": "failed",
        "gone": "failed",
    }
    assert [line.split(": ")[1] for line in ended.complaints] == [str(dangling), str(suspects / "gone")]


def test_what_is_passed_over_in_a_folder_is_told(local: Program, suspects: Path) -> None:
    (suspects / "deep" / "link").symlink_to("noise")
    os.mkfifo(suspects / "deep" / "pipe")

    ended = local.run("submit", suspects / "deep")

    assert ended.status == 0
    assert ended.complaints == [
        f"samplebank: {suspects}/deep/link and 1 other like it: passed over, being a link or no regular file."
    ]


def test_when_the_service_is_lost_what_was_sent_is_told(
    local: Program, bank: Bank, relay: Relay, tmp_path: Path
) -> None:
    first, second = Sample(100), Sample(ASK_FIRST)
    for name, sample in (("1", first), ("2", second), ("3", Sample(100))):
        (tmp_path / name).write_bytes(sample.data)
    relay.cut(f"{second.sha256}/challenge", times=3)

    where = ["--url", relay.url, "--key", bank.keys["mia"]]
    files_in_order = [tmp_path / "1", tmp_path / "2", tmp_path / "3"]

    ended = local.run("submit", *files_in_order, "--json", "--parallel", "1", *where)

    files = files_of(ended)
    assert ended.status == 1
    assert [files[name]["status"] for name in ("1", "2", "3")] == ["submitted", "failed", "failed"]
    assert len(ended.complaints) == 1
    assert f"The service at {relay.url} cannot be reached" in ended.complaints[0]


def test_an_unknown_customer_is_told(local: Program, suspects: Path) -> None:
    ended = local.run("submit", suspects / "eicar.com", "--customer", "nowhere")

    assert ended.status == 1
    assert "customer" in ended.complaints[-1]


def test_a_bad_key_is_told_once(local: Program, suspects: Path) -> None:
    ended = local.run("submit", suspects, "--key", "wrong")

    assert (ended.status, ended.out, len(ended.complaints)) == (1, "", 1)
    assert "--key" in ended.complaints[0]


def test_the_workers_of_the_service_are_listed(local: Program) -> None:
    ended = local.run("worker", "list", "--json")

    assert {"static", "yara"} <= {worker["shortName"] for worker in json.loads(ended.out)["workers"]}


def test_an_empty_customer_is_not_ones_own(local: Program, suspects: Path) -> None:
    ended = local.run("submit", suspects / "eicar.com", "--customer", "")

    assert ended.status == 1
    assert "customer" in ended.complaints[-1]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_who_interrupts_sending_learns_what_was_sent(
    local: Program, bank: Bank, relay: Relay, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    for name in "123":
        (tmp_path / name).write_bytes(Sample(100).data)
    relay.hold_answer()
    where = ["--url", relay.url, "--key", bank.keys["mia"]]
    files_in_order = [tmp_path / name for name in "123"]

    sending = local.start("submit", *files_in_order, "--json", "--parallel", "1", *where)
    relay.wait_for_held_answer()
    sending.send_signal(number)
    assert sending.stderr is not None
    relay.go_on()
    out, complaints = sending.communicate(timeout=30)

    assert [file["status"] for file in json.loads(out)["files"]] == ["submitted", "failed", "failed"]
    assert (sending.returncode, complaints) == (
        code,
        "samplebank: Interrupted: 1 of 3 files was submitted. Their analyses go on; `samplebank jobs` shows them.\n",
    )


def test_who_stops_waiting_learns_the_jobs(local: Program, bank: Bank, relay: Relay, tmp_path: Path) -> None:
    bank.plan(*bank.workers(1))
    (tmp_path / "1").write_bytes(Sample(100).data)
    where = ["--url", relay.url, "--key", bank.keys["mia"]]

    waiting = local.start("submit", tmp_path / "1", "--wait", "--json", *where)
    relay.wait_for("/job/search", times=2)
    waiting.send_signal(signal.SIGINT)
    out, complaints = waiting.communicate(timeout=30)

    (file,) = json.loads(out)["files"]
    assert (file["status"], file["jobState"], waiting.returncode) == ("submitted", "enqueued", 130)
    assert "Interrupted: 1 of 1 files was submitted." in complaints
