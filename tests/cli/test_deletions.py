"""`samplebank delete` and `samplebank receipts`: what would go, what has gone, and the proof."""

import json
import re
import signal
from pathlib import Path

from cli.program import Program
from kit.bank import CHIEF, Bank
from kit.relay import Relay


def test_a_dry_run_says_what_would_go_and_deletes_nothing(local: Program, bank: Bank) -> None:
    sample = bank.submitted()

    ended = local.run("delete", sample.sha256, "--dry-run")

    assert ended.out.startswith(f"Would delete {sample.sha256} of {len(sample.data)} bytes; submissions 1")
    assert bank.get(sample.path).status_code == 200


def test_a_deleted_sample_leaves_a_receipt_that_can_be_checked_without_the_service(
    local: Program, bank: Bank, tmp_path: Path
) -> None:
    sample, receipt, keys = bank.submitted(), tmp_path / "gone.json", tmp_path / "keys.json"

    deleted = local.run("delete", sample.sha256, "--receipt", receipt)
    keys.write_text(local.run("receipts", "key", "--json").out)
    checked = local.run("receipts", "verify", receipt, "--keys", keys, "--url", "http://127.0.0.1:9")

    assert deleted.out.startswith(f"Deleted {sample.sha256}")
    assert checked.out == (
        f"{receipt}: signed with {json.loads(receipt.read_text())['keyID']}. {sample.sha256}: nothingLeft.\n"
    )


def test_a_changed_receipt_is_refused_in_one_line(local: Program, bank: Bank, tmp_path: Path) -> None:
    sample, receipt = bank.submitted(), tmp_path / "gone.json"
    local.run("delete", sample.sha256, "--receipt", receipt)
    receipt.write_text(receipt.read_text().replace(sample.sha256, "0" * 64))

    ended = local.run("receipts", "verify", receipt)

    assert ended.status == 1
    (complaint,) = ended.complaints
    assert "The signature does not belong to the statement" in complaint


def test_a_receipt_is_found_by_its_sample(local: Program, bank: Bank) -> None:
    sample = bank.submitted()
    local.run("delete", sample.sha256)

    (found,) = json.loads(local.run("receipts", "list", "--sample", sample.sha256, "--json").out)["receipts"]

    assert found["statement"]["sha256"] == sample.sha256


def test_a_receipt_does_not_replace_a_file(local: Program, bank: Bank, tmp_path: Path) -> None:
    sample, file = bank.submitted(), tmp_path / "gone.json"
    file.write_text("mine")

    ended = local.run("delete", sample.sha256, "--receipt", file)

    assert (ended.status, file.read_text()) == (1, "mine")
    assert bank.get(sample.path).status_code == 200


def test_a_receipt_that_cannot_be_written_is_told_before_the_deletion(
    local: Program, bank: Bank, tmp_path: Path
) -> None:
    sample, file = bank.submitted(), tmp_path / "none" / "gone.json"

    ended = local.run("delete", sample.sha256, "--receipt", file)

    said = f"The receipt cannot be written to {file}: No such file or directory. Nothing was deleted."
    assert (ended.status, ended.complaints) == (1, [f"samplebank: {said}"])
    assert bank.get(sample.path).status_code == 200


def test_whoever_stops_waiting_for_a_deletion_reads_that_the_deletion_goes_on(
    program: Program, bank: Bank, relay: Relay
) -> None:
    sample = bank.submitted()
    relay.hold("/servicetask/search")
    deleting = program.start("delete", sample.sha256, "--url", relay.url, "--key", bank.keys[CHIEF])
    relay.wait_for("/servicetask/search")

    deleting.send_signal(signal.SIGINT)
    _, complaints = deleting.communicate(timeout=60)

    (complaint,) = complaints.splitlines()
    assert deleting.returncode == 130
    found = re.fullmatch(
        r"samplebank: Interrupted\. The service goes on with the deletion: `samplebank (.+)` shows the receipt\.",
        complaint,
    )
    assert found is not None
    assert program.run(*found[1].split(), "--url", bank.url, "--key", bank.keys[CHIEF]).status == 0
