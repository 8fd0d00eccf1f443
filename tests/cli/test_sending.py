"""How files become submissions: which files, which calls, and how a bad file affects the other files."""

import os
from pathlib import Path
from typing import Any

import pytest

from kit.bank import V2, Bank, Sample
from kit.relay import Relay
from samplebank.cli.client import Client
from samplebank.cli.connection import Connection
from samplebank.cli.sending import ASK_FIRST, Outcome, files_below, send, send_all
from samplebank.errors import Unauthenticated, Unavailable

FILE = "POST /samplebank/v1/sample"


@pytest.fixture
def small() -> Sample:
    return Sample(100)


@pytest.fixture
def large() -> Sample:
    return Sample(ASK_FIRST)


def written(sample: Sample, path: Path) -> Path:
    path.write_bytes(sample.data)
    return path


def sent(client: Client, sample: Sample, path: Path) -> Outcome:
    return send(client, written(sample, path), fields={"tlp": "green"}, advance=lambda _: None)


def stored(bank: Bank, outcome: Outcome) -> dict[str, Any]:
    submission: dict[str, Any] = bank.data(
        bank.get(f"{V2}/sample/{outcome.sha256}/submission/{outcome.submission}")
    )
    return submission


def test_folders_are_searched_in_order_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "b" / "deep").mkdir(parents=True)
    (tmp_path / "b" / "deep" / "2").touch()
    (tmp_path / "b" / "1").touch()
    (tmp_path / "b" / "link").symlink_to("1")
    (tmp_path / "a").touch()

    found = files_below([tmp_path / "b", tmp_path / "a", tmp_path / "a"])

    assert [str(path.relative_to(tmp_path)) for path in found.files] == ["b/1", "b/deep/2", "a"]
    assert found.passed_over == [tmp_path / "b" / "link"]


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    written(Sample(100), tmp_path / "readable")
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):  # until the path of the innermost folder is too long for the kernel
        os.mkdir("n" * 250, dir_fd=here)
        here, outer = os.open("n" * 250, os.O_RDONLY, dir_fd=here), here
        os.close(outer)
    os.close(here)

    found = files_below([tmp_path])

    assert found.files == [tmp_path / "readable"]
    (folder,) = found.unreadable
    assert (folder.status, folder.error) == ("failed", "The folder cannot be read: File name too long.")


def test_a_small_file_takes_one_call(client: Client, relay: Relay, small: Sample, tmp_path: Path) -> None:
    outcome = sent(client, small, tmp_path / "small")

    assert [request.partition("?")[0] for request in relay.requests] == [FILE]
    assert (outcome.status, outcome.sha256, outcome.customer) == ("submitted", small.sha256, "mill")


def test_a_submission_says_what_the_user_and_the_file_say(
    client: Client, bank: Bank, small: Sample, tmp_path: Path
) -> None:
    outcome = sent(client, small, tmp_path / "invoice.pdf")

    said = stored(bank, outcome)
    assert (said["fileName"], said["mimeType"], said["tlp"]) == ("invoice.pdf", "application/pdf", "green")
    assert said["userAgent"]["name"] == "samplebank-cli"


def test_a_large_file_that_the_service_has_does_not_travel(
    client: Client, relay: Relay, bank: Bank, large: Sample, tmp_path: Path
) -> None:
    bank.submit(large)

    outcome = sent(client, large, tmp_path / "large")

    assert (outcome.status, outcome.sha256) == ("submitted", large.sha256)
    assert relay.bytes_sent < 10_000


def test_a_large_file_that_the_service_lacks_is_sent(
    client: Client, bank: Bank, large: Sample, tmp_path: Path
) -> None:
    sent(client, large, tmp_path / "large")

    assert bank.get(f"{large.path}/raw").content == large.data


def test_progress_ends_at_the_size_of_the_file_however_often_it_was_sent(
    client: Client, relay: Relay, large: Sample, tmp_path: Path
) -> None:
    path = written(large, tmp_path / "large")
    relay.cut(FILE, after=ASK_FIRST // 2)
    steps: list[int] = []

    send(client, path, fields={}, advance=steps.append)

    assert sum(steps) == ASK_FIRST
    assert min(steps) < 0


def test_a_file_whose_answer_is_lost_is_sent_again_and_stored_once(
    client: Client, relay: Relay, bank: Bank, small: Sample, tmp_path: Path
) -> None:
    relay.lose_answer()

    outcome = sent(client, small, tmp_path / "small")

    stored_ones = bank.data(bank.get(f"{small.path}/submission", limit=0))
    assert len(relay.found(FILE)) == 2
    assert (outcome.status, [one["id"] for one in stored_ones]) == ("submitted", [outcome.submission])


def test_the_job_of_a_file_is_told_at_once(client: Client, bank: Bank, small: Sample, tmp_path: Path) -> None:
    plan = bank.plan(*bank.workers(1))

    outcome = send(client, written(small, tmp_path / "a"), fields={"metaData": plan}, advance=lambda _: None)

    assert [job["id"] for job in bank.jobs_of(small)] == [outcome.job]


def test_metadata_too_long_for_an_address_travel_in_a_body(
    client: Client, relay: Relay, bank: Bank, small: Sample, tmp_path: Path
) -> None:
    fields = {"metaData": {"mail": "x" * 10_000}}

    outcome = send(client, written(small, tmp_path / "a"), fields=fields, advance=lambda _: None)

    assert stored(bank, outcome)["metaData"] == fields["metaData"]
    assert relay.requests == [f"POST {V2}/sample", f"POST {small.path}/submission"]


def test_a_similar_submission_is_told_as_such(client: Client, small: Sample, tmp_path: Path) -> None:
    sent(client, small, tmp_path / "same")

    outcome = sent(client, small, tmp_path / "same")

    assert (outcome.status, outcome.submission, outcome.sha256) == ("similar", None, small.sha256)


def test_files_sent_at_once_are_told_in_their_order(client: Client, tmp_path: Path) -> None:
    samples = [Sample(size) for size in range(100, 112)]
    paths = [written(sample, tmp_path / sample.sha256) for sample in samples]

    outcomes, _ = send_all(client, paths, {}, parallel=4, advance=lambda _: None)

    assert [outcome.sha256 for outcome in outcomes] == [sample.sha256 for sample in samples]
    assert {outcome.status for outcome in outcomes} == {"submitted"}


def test_a_refused_file_does_not_stop_the_others(client: Client, small: Sample, tmp_path: Path) -> None:
    paths = [written(Sample(data=b""), tmp_path / "empty"), written(small, tmp_path / "small")]

    outcomes, _ = send_all(client, paths, {}, parallel=1, advance=lambda _: None)

    assert [outcome.status for outcome in outcomes] == ["failed", "submitted"]
    assert "empty" in str(outcomes[0].error)


def test_a_file_that_went_away_fails_alone(client: Client, tmp_path: Path) -> None:
    outcome = send(client, tmp_path / "gone", fields={}, advance=lambda _: None)

    assert outcome.status == "failed"
    assert outcome.error == "The file cannot be read: No such file or directory."


def test_a_file_that_becomes_shorter_meanwhile_fails_alone(client: Client, tmp_path: Path) -> None:
    path = written(Sample(3000), tmp_path / "log")

    outcome = send(client, path, fields={}, advance=lambda _: os.truncate(path, 100))

    assert outcome.error == "The file cannot be read: it became shorter while it was sent."


def test_what_is_no_file_is_refused_unread(client: Client, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    outcome = send(client, tmp_path / "pipe", fields={}, advance=lambda _: None)

    assert outcome.error == "The file cannot be read: it is not a regular file."


def test_a_name_that_is_no_utf8_is_sent_readable(
    client: Client, bank: Bank, small: Sample, tmp_path: Path
) -> None:
    outcome = sent(client, small, tmp_path / os.fsdecode(b"caf\xe9"))

    assert stored(bank, outcome)["fileName"] == "caf\N{REPLACEMENT CHARACTER}"


def test_a_bad_key_ends_the_run(relay: Relay, small: Sample, tmp_path: Path) -> None:
    with Client(Connection(relay.url, "wrong")) as client, pytest.raises(Unauthenticated):
        sent(client, small, tmp_path / "small")


def test_a_lost_service_ends_the_run(client: Client, relay: Relay, small: Sample, tmp_path: Path) -> None:
    relay.cut(FILE, times=3)

    with pytest.raises(Unavailable):
        sent(client, small, tmp_path / "small")
