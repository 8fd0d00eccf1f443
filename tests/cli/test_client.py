"""The client of the commands: what it tries again, and what it makes of answers."""

from collections.abc import Iterator

import pytest

from cli.staging import Said, Staged, envelope, refusal, sequence_of_paths
from samplebank.cli.answers import Token
from samplebank.cli.client import Client, Content
from samplebank.cli.connection import Connection
from samplebank.errors import Forbidden, Invalid, NotFound, TooLarge, Unauthenticated, Unavailable

SHA256 = "0" * 64
UPLOADED = Said(
    201,
    envelope({"sample": {"id": SHA256, "size": 6}, "challenge": {"id": "c", "sha256": "s"}, "exists": False}),
)


@pytest.fixture
def client(staged: Staged) -> Iterator[Client]:
    with Client(Connection(staged.url, "key"), pauses=(0, 0)) as client:
        yield client


def in_pieces() -> Iterator[bytes]:
    yield b"abc"
    yield b"def"


@pytest.mark.parametrize("status", [500, 503, 504, 0])
def test_what_a_restarting_service_refuses_is_tried_again(
    client: Client, staged: Staged, status: int
) -> None:
    staged.says(Said(status, {}), Said(status, {}), Said(200, envelope([])))

    assert client.jobs() == []
    assert sequence_of_paths(staged.heard) == ["POST /sampledb/v2/job/search"] * 3


def test_an_upload_that_is_tried_again_is_sent_in_full(client: Client, staged: Staged) -> None:
    staged.says(Said(503, {}), UPLOADED)

    upload = client.upload(Content(in_pieces, 6))

    assert [request.body for request in staged.heard] == [b"abcdef", b"abcdef"]
    assert upload.challenge == Token("c", "s")


def test_after_three_tries_the_last_refusal_is_told(client: Client, staged: Staged) -> None:
    staged.says(Said(503, refusal(("The database is being started.", None))))

    with pytest.raises(Unavailable, match="The database is being started"):
        client.jobs()
    assert len(staged.heard) == 3


def test_a_connection_that_keeps_breaking_is_told(client: Client, staged: Staged) -> None:
    staged.says(Said(0))

    with pytest.raises(Unavailable, match=f"The service at {staged.url} cannot be reached"):
        client.jobs()


@pytest.mark.parametrize(
    ("status", "family"),
    [(401, Unauthenticated), (403, Forbidden), (404, NotFound), (412, Invalid), (413, TooLarge)],
)
def test_a_refusal_is_not_tried_again(
    client: Client, staged: Staged, status: int, family: type[Exception]
) -> None:
    staged.says(Said(status, refusal(("No.", None), ("Never.", "tlp"))))

    with pytest.raises(family, match=r"No\. tlp: Never\."):
        client.sample(SHA256)
    assert len(staged.heard) == 1


def test_a_bad_key_says_how_to_give_another(client: Client, staged: Staged) -> None:
    staged.says(Said(401, refusal(("The key is unknown.", None))))

    with pytest.raises(Unauthenticated, match="Give a valid key with --key or SAMPLEBANK_KEY"):
        client.jobs()


@pytest.mark.parametrize("body", [b"<html>It works!</html>", b"\xff", {"data": {"unexpected": 1}}, {}])
def test_an_answer_of_something_else_is_told_as_such(client: Client, staged: Staged, body: object) -> None:
    staged.says(Said(200, body))

    with pytest.raises(Unavailable, match="does not answer like SampleDB v2"):
        client.jobs()


@pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", {"messages": []}])
def test_a_refusal_without_words_is_told_by_its_status(client: Client, staged: Staged, body: object) -> None:
    staged.says(Said(418, body))

    with pytest.raises(Invalid, match=r"/sampledb/v2/job/search answered 418"):
        client.jobs()


@pytest.mark.parametrize("status", [404, 422])
def test_without_a_challenge_the_bytes_have_to_be_sent(client: Client, staged: Staged, status: int) -> None:
    staged.says(Said(status, refusal(("No challenge.", None))))

    assert client.challenge(SHA256) is None


def test_a_similar_submission_is_none(client: Client, staged: Staged) -> None:
    staged.says(Said(220, envelope({"sampleSha256": SHA256})))

    assert client.submit(SHA256, Token("c", "s"), {"fileName": "a"}) is None
