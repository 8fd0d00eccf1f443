"""How files become submissions: which files, which calls, and what one bad file costs the others."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.staging import Said, Staged, envelope, refusal, sequence_of_paths
from samplebank.cli.client import Client
from samplebank.cli.connection import Connection
from samplebank.cli.sending import ASK_FIRST, Outcome, files_below, send, send_all
from samplebank.errors import Unauthenticated, Unavailable

SHA256 = "0" * 64
UPLOADED = Said(
    201,
    envelope({"sample": {"id": SHA256, "size": 5}, "challenge": {"id": "c", "sha256": "s"}, "exists": False}),
)
SUBMITTED = Said(201, envelope({"id": "submission-1", "customer": {"id": 1, "shortName": "acme"}}))


@pytest.fixture
def client(staged: Staged) -> Iterator[Client]:
    with Client(Connection(staged.url, "key"), pauses=(0, 0)) as client:
        yield client


def sent(client: Client, path: Path) -> Outcome:
    return send(client, path, fields={"tlp": "green"}, advance=lambda _: None)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "invoice.pdf"
    path.write_bytes(b"hello")
    return path


@pytest.fixture
def large_file(tmp_path: Path) -> Path:
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(range(256)) * (ASK_FIRST // 256))
    return path


def test_folders_are_searched_in_order_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "b" / "deep").mkdir(parents=True)
    (tmp_path / "b" / "deep" / "2").touch()
    (tmp_path / "b" / "1").touch()
    (tmp_path / "b" / "link").symlink_to("1")
    (tmp_path / "a").touch()

    found = files_below([tmp_path / "b", tmp_path / "a", tmp_path / "a"])

    assert [str(path.relative_to(tmp_path)) for path in found] == ["b/1", "b/deep/2", "a"]


def test_a_small_file_takes_two_calls(client: Client, staged: Staged, file: Path) -> None:
    staged.says(UPLOADED, SUBMITTED)

    outcome = sent(client, file)

    assert sequence_of_paths(staged.heard) == [
        "POST /sampledb/v2/sample",
        f"POST /sampledb/v2/sample/{SHA256}/submission",
    ]
    assert staged.heard[0].body == b"hello"
    assert (outcome.status, outcome.submission, outcome.customer) == ("submitted", "submission-1", "acme")


def test_a_submission_says_what_the_user_and_the_file_say(client: Client, staged: Staged, file: Path) -> None:
    staged.says(UPLOADED, SUBMITTED)

    sent(client, file)

    body = json.loads(staged.heard[1].body)
    assert body.pop("userAgent")["name"] == "samplebank-cli"
    assert body == {
        "challengeToken": {"id": "c", "sha256": "s"},
        "fileName": "invoice.pdf",
        "mimeType": "application/pdf",
        "tlp": "green",
    }


def test_a_large_file_that_the_service_has_does_not_travel(
    client: Client, staged: Staged, large_file: Path
) -> None:
    staged.says(Said(200, envelope({"id": "c", "offset": 100, "length": 600_000})), SUBMITTED)

    outcome = sent(client, large_file)

    content = large_file.read_bytes()
    solved = json.loads(staged.heard[1].body)["challengeToken"]
    assert outcome.sha256 == hashlib.sha256(content).hexdigest()
    assert solved == {"id": "c", "sha256": hashlib.sha256(content[100:600_100]).hexdigest()}
    assert max(len(request.body) for request in staged.heard) < 1000


def test_a_large_file_that_the_service_lacks_is_sent(
    client: Client, staged: Staged, large_file: Path
) -> None:
    staged.says(Said(404, refusal(("Not there.", None))), UPLOADED, SUBMITTED)

    sent(client, large_file)

    assert staged.heard[1].body == large_file.read_bytes()


def test_progress_ends_at_the_size_of_the_file_however_often_it_was_sent(
    client: Client, staged: Staged, large_file: Path
) -> None:
    staged.says(Said(404, refusal(("Not there.", None))), Said(503, {}), UPLOADED, SUBMITTED)
    steps: list[int] = []

    send(client, large_file, fields={}, advance=steps.append)

    assert sum(steps) == ASK_FIRST
    assert min(steps) == -ASK_FIRST


def test_a_similar_submission_is_told_as_such(client: Client, staged: Staged, file: Path) -> None:
    staged.says(UPLOADED, Said(220, envelope({"sampleSha256": SHA256})))

    outcome = sent(client, file)

    assert (outcome.status, outcome.submission, outcome.sha256) == ("similar", None, SHA256)


def test_a_refused_file_does_not_stop_the_others(
    client: Client, staged: Staged, file: Path, tmp_path: Path
) -> None:
    second = tmp_path / "second"
    second.touch()
    staged.says(Said(412, refusal(("The file is empty.", None))), UPLOADED, SUBMITTED)

    outcomes = list(send_all(client, [second, file], {}, parallel=1, advance=lambda _: None))

    assert [(o.status, o.error) for o in outcomes] == [("failed", "The file is empty."), ("submitted", None)]


def test_a_file_that_went_away_fails_alone(client: Client, tmp_path: Path) -> None:
    outcome = sent(client, tmp_path / "gone")

    assert (outcome.status, outcome.error) == (
        "failed",
        "The file cannot be read: No such file or directory.",
    )


def test_what_is_no_file_is_refused_unread(client: Client, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    outcome = sent(client, tmp_path / "pipe")

    assert outcome.error == "The file cannot be read: it is not a regular file."


def test_a_name_that_is_no_utf8_is_sent_readable(client: Client, staged: Staged, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9")
    path.write_bytes(b"hello")
    staged.says(UPLOADED, SUBMITTED)

    sent(client, path)

    assert json.loads(staged.heard[1].body)["fileName"] == "caf\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(("status", "family"), [(401, Unauthenticated), (503, Unavailable)])
def test_a_bad_key_or_a_lost_service_ends_the_run(
    client: Client, staged: Staged, file: Path, status: int, family: type[Exception]
) -> None:
    staged.says(Said(status, refusal(("No.", None))))

    with pytest.raises(family):
        sent(client, file)
