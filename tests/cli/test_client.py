"""The client of the commands: which requests the client repeats, and how the client reads answers."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kit.bank import Bank, Sample
from kit.relay import Relay
from kit.service import Service
from samplebank.cli.client import Client, Content
from samplebank.cli.connection import Connection
from samplebank.errors import Forbidden, Invalid, NotFound, TooLarge, Unauthenticated, Unavailable

TERABYTE = 10**12


class OtherSite(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def other_site(tmp_path: Path) -> Iterator[str]:
    """The address of a web server that is no Samplebank: the server shows the files in `tmp_path`."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(OtherSite, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def content(sample: Sample) -> Content:
    """The sample in two pieces."""
    half = len(sample.data) // 2
    return Content(lambda: iter([sample.data[:half], sample.data[half:]]), len(sample.data))


def test_a_call_whose_connection_breaks_is_tried_again(client: Client, relay: Relay) -> None:
    relay.cut("/job/search$", times=2)

    client.jobs(limit=1)

    assert relay.requests == ["POST /sampledb/v2/job/search"] * 3


def test_an_upload_that_is_tried_again_is_sent_in_full(client: Client, relay: Relay) -> None:
    sample = Sample(500_000)
    relay.cut("/sample$", after=300_000)

    upload = client.upload(content(sample))

    assert (upload.sample.id, upload.sample.size) == (sample.sha256, 500_000)
    assert len(relay.requests) == 2


def test_a_connection_that_keeps_breaking_is_told_after_three_tries(client: Client, relay: Relay) -> None:
    relay.cut("/job/search$", times=4)

    with pytest.raises(Unavailable, match=f"The service at {relay.url} cannot be reached"):
        client.jobs()
    assert len(relay.requests) == 3


def test_what_the_service_cannot_do_now_is_told_after_three_tries(
    client: Client, relay: Relay, bank: Bank, service: Service
) -> None:
    sample = bank.submitted()
    blob = service.blobs / "sample" / sample.sha256[:2] / sample.sha256
    blob.rename(blob.with_suffix(".away"))
    blob.mkdir()

    with pytest.raises(Unavailable, match="try again in a moment"):
        client.challenge(sample.sha256)

    blob.rmdir()
    blob.with_suffix(".away").rename(blob)
    assert len(relay.requests) == 3


@pytest.mark.parametrize(
    ("user", "call", "family"),
    [
        ("nobody", lambda client: client.jobs(), Forbidden),
        ("mia", lambda client: client.verdicts("0" * 64), NotFound),
        ("mia", lambda client: client.jobs(limit=-1), Invalid),
    ],
    ids=["forbidden", "unknown", "invalid"],
)
def test_a_refusal_is_not_tried_again(
    relay: Relay, bank: Bank, user: str, call: Callable[[Client], object], family: type[Exception]
) -> None:
    with Client(Connection(relay.url, bank.keys[user])) as client, pytest.raises(family):
        call(client)
    assert len(relay.requests) == 1


def test_a_refusal_names_the_field(client: Client) -> None:
    with pytest.raises(Invalid, match=r"^limit: "):
        client.jobs(limit=-1)


def test_what_is_too_large_is_refused_before_it_travels(client: Client, relay: Relay) -> None:
    endless = Content(lambda: iter(partial(bytes, 65_536), b""), TERABYTE)

    with pytest.raises(TooLarge):
        client.upload(endless)
    assert relay.bytes_sent < 100_000_000


def test_a_bad_key_says_how_to_give_another(relay: Relay) -> None:
    with (
        Client(Connection(relay.url, "wrong")) as client,
        pytest.raises(Unauthenticated, match="Give a valid key with --key or SAMPLEBANK_KEY"),
    ):
        client.jobs()


@pytest.mark.parametrize(
    "answer", [b"<html>It works!</html>", b"\xff", b'{"data": {"unexpected": 1}}', b"{}"]
)
def test_an_answer_of_something_else_is_told_as_such(other_site: str, tmp_path: Path, answer: bytes) -> None:
    (tmp_path / "samplebank/v1").mkdir(parents=True)
    (tmp_path / "samplebank/v1/worker").write_bytes(answer)

    with (
        Client(Connection(other_site, "key")) as client,
        pytest.raises(Unavailable, match="does not answer like SampleDB v2"),
    ):
        client.workers()


def test_a_refusal_without_words_is_told_by_its_status(other_site: str) -> None:
    with (
        Client(Connection(other_site, "key")) as client,
        pytest.raises(
            Invalid, match=r"/sampledb/v2/job/search answered 501 .*: something in front of the service"
        ),
    ):
        client.jobs()


def test_where_another_site_points_elsewhere_the_user_is_told_to_go_there(
    other_site: str, tmp_path: Path
) -> None:
    (tmp_path / "sampledb/v2/job/1").mkdir(parents=True)

    with (
        Client(Connection(other_site, "key")) as client,
        pytest.raises(Invalid, match=r"answered 301 Moved Permanently and points to .*job/1/.* with --url"),
    ):
        client.job("1")


def test_without_the_sample_there_is_no_challenge(client: Client) -> None:
    assert client.challenge(Sample().sha256) is None


def test_a_small_sample_has_no_challenge(client: Client, bank: Bank) -> None:
    sample = Sample(100)
    bank.submit(sample)

    assert client.challenge(sample.sha256) is None


def test_a_similar_submission_is_none(client: Client) -> None:
    sample = Sample()
    first, second = client.upload(content(sample)), client.upload(content(sample))
    client.submit(sample.sha256, first.challenge, {"fileName": "a"})

    again = client.submit(sample.sha256, second.challenge, {"fileName": "a"})

    assert again is None
