"""Events reach a webhook signed, at least once, in order per sample. Undelivered events are kept."""

import json
import re
import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from kit.bank import Bank, Sample, eventually
from kit.broken_tls import breaking
from kit.certificates import make_certificates
from kit.pages import text_of
from kit.receiver import SECRET, Receiver, receiving
from kit.service import Service, running
from samplebank.errors import Invalid
from samplebank.events import webhook
from samplebank.events.sinks import Message, Undelivered
from samplebank.maintenance.relays import open_relays
from samplebank.settings import load

BODY = b"{}"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def hooked(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Service]:
    folder: Path = tmp_path_factory.mktemp("hooked")
    url = f"http://127.0.0.1:{receiver.server_port}/events"
    settings = {
        "SAMPLEBANK_WEBHOOK_URL": url,
        "SAMPLEBANK_WEBHOOK_SECRET": SECRET,
        "SAMPLEBANK_WEBHOOK_ATTEMPTS": "2",
        "SAMPLEBANK_PROCESSES": "1",
    }
    with running(folder, settings) as service:
        yield service


@pytest.fixture
def hooked_bank(hooked: Service) -> Bank:
    return Bank(hooked.url, hooked.keys)


def test_a_job_its_end_its_verdict_and_the_alert_come_in_order(hooked_bank: Bank, receiver: Receiver) -> None:
    (worker,) = hooked_bank.workers(1)
    sample, job, tasks = hooked_bank.planned(worker)
    analysis = hooked_bank.analyse(sample, worker, 95)

    hooked_bank.update(job, tasks[worker], "success", analyses=[analysis])

    assert eventually(lambda: receiver.kinds(sample) == ["job", "jobEnded", "verdict", "alert"]), (
        receiver.kinds(sample)
    )
    assert receiver.unsigned == []


def test_the_message_of_a_job_says_what_a_scheduler_needs(hooked_bank: Bank, receiver: Receiver) -> None:
    (worker,) = hooked_bank.workers(1)
    sample = Sample()
    plan = hooked_bank.plan(worker, options=[{"key": "depth", "value": "3"}])
    submission = hooked_bank.submit(sample, metaData=plan)

    message = eventually(lambda: receiver.about(sample))[0]["data"]

    assert message["submission"]["id"] == submission["id"]
    assert message["workers"] == [worker]
    assert message["options"] == [{"key": "depth", "value": "3"}]


def documented(kind: str) -> set[str]:
    """The fields of `data` that docs/api.md names for a kind."""
    rows = (line.split("|") for line in text_of("docs/api.md").splitlines() if line.lstrip().startswith("|"))
    (fields,) = (row[2] for row in rows if f"`{kind}`" in row[1])
    return set(re.findall(r"`(\w+)`", fields.split(";")[0]))


def test_messages_hold_what_the_page_says(hooked_bank: Bank, receiver: Receiver) -> None:
    (worker,) = hooked_bank.workers(1)
    sample, job, tasks = hooked_bank.planned(worker)
    hooked_bank.update(job, tasks[worker], "success", analyses=[hooked_bank.analyse(sample, worker, 95)])

    messages = eventually(lambda: found if len(found := receiver.about(sample)) == 4 else [])

    assert {message["kind"]: set(message["data"]) for message in messages} == {
        kind: documented(kind) for kind in ("job", "jobEnded", "verdict", "alert")
    }


def test_what_is_refused_is_delivered_later_and_nothing_overtakes_it(
    hooked_bank: Bank, receiver: Receiver
) -> None:
    receiver.answers = [500]
    (worker,) = hooked_bank.workers(1)
    sample, job, tasks = hooked_bank.planned(worker)
    hooked_bank.update(job, tasks[worker], "success")

    arrived = eventually(lambda: len(receiver.about(sample)) == 3)

    assert arrived
    assert receiver.kinds(sample) == ["job", "jobEnded", "verdict"]


def test_what_is_refused_for_too_long_is_a_dead_letter_until_somebody_retries(
    hooked: Service, hooked_bank: Bank, receiver: Receiver
) -> None:
    receiver.answers = [503, 503]
    sample, _, _ = hooked_bank.planned(*hooked_bank.workers(1))
    dead = eventually(lambda: dead_letters(hooked))

    hooked.run("events", "retry")

    assert [letter["lastError"] for letter in dead] == ["The receiver answered 503."]
    assert eventually(lambda: receiver.kinds(sample) == ["job"])


def dead_letters(service: Service) -> list[dict[str, Any]]:
    letters: list[dict[str, Any]] = json.loads(service.run("events", "dead", "--json").stdout)["events"]
    return letters


def test_an_address_with_the_end_of_a_line_is_told_at_the_start() -> None:
    address = {"SAMPLEBANK_WEBHOOK_URL": "https://example.org/hook\n", "SAMPLEBANK_WEBHOOK_SECRET": SECRET}

    with pytest.raises(Invalid, match="SAMPLEBANK_WEBHOOK_URL cannot be read: Invalid non-printable"):
        open_relays(load(address))


async def test_a_receiver_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "PATIENCE", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sink = webhook.Webhook(f"http://127.0.0.1:{silent.getsockname()[1]}", SECRET)

        with pytest.raises(Undelivered, match="The receiver took too long") as undelivered:
            await sink.deliver(Message("1", "job", "a" * 64, b"{}"), now=1)

    assert not undelivered.value.answered


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """The address of a server that reads a request and sends `answer`. Without an answer, the server breaks the connection off."""

    def serve(listening: socket.socket) -> None:
        taken, _ = listening.accept()
        with taken:
            request = b""
            while not request.endswith(BODY):
                request += taken.recv(65536)
            taken.sendall(answer)
            if not answer:
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:
        pool.submit(serve, listening)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


async def test_a_connection_that_breaks_off_before_the_answer_is_told() -> None:
    with answering(b"") as url, pytest.raises(Undelivered) as undelivered:
        await webhook.Webhook(url, SECRET).deliver(Message("1", "job", "a" * 64, BODY), now=1)

    assert str(undelivered.value) == "The receiver cannot be reached: the connection ended without an answer"
    assert not undelivered.value.answered


async def test_tls_that_breaks_behind_the_handshake_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates = make_certificates(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))

    with breaking(certificates) as url, pytest.raises(Undelivered, match="bad record"):
        await webhook.Webhook(url, SECRET).deliver(Message("1", "job", "a" * 64, BODY), now=1)


async def test_a_redirect_to_an_address_that_is_none_is_a_refusal() -> None:
    redirect = b"HTTP/1.1 302 Found\r\nLocation: http://example.org:80:80/\r\nContent-Length: 0\r\n\r\n"

    with answering(redirect) as url:
        sink = webhook.Webhook(url, SECRET)
        with pytest.raises(Undelivered, match="answered 302") as undelivered:
            await sink.deliver(Message("1", "job", "a" * 64, BODY), now=1)
        await sink.close()

    assert undelivered.value.answered


NOW = 1_700_000_000_000
IN_AN_HOUR = formatdate(NOW / 1000 + 3600, usegmt=True)
AN_HOUR_AGO = formatdate(NOW / 1000 - 3600, usegmt=True)


async def refused(status: str, after: str) -> webhook.Webhook:
    """A sink whose receiver has answered `status` with `Retry-After`."""
    refusal = f"HTTP/1.1 {status}\r\nRetry-After: {after}\r\nContent-Length: 0\r\n\r\n"
    with answering(refusal.encode()) as url:
        sink = webhook.Webhook(url, SECRET)
        with pytest.raises(Undelivered, match=f"answered {status[:3]}"):
            await sink.deliver(Message("1", "job", "a" * 64, BODY), now=NOW)
        await sink.close()
    return sink


@pytest.mark.parametrize("after", ["60", " 60 ", IN_AN_HOUR, "9" * 400])
@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
async def test_a_busy_receiver_gets_no_event_in_the_rest_that_the_receiver_asks_for(
    status: str, after: str
) -> None:
    sink = await refused(status, after)

    with pytest.raises(Undelivered, match="asked for a rest"):
        await sink.prepare()


@pytest.mark.parametrize(
    ("status", "after"),
    [
        ("503 Service Unavailable", AN_HOUR_AGO),
        ("503 Service Unavailable", "soon"),
        ("503 Service Unavailable", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"),
        ("500 Internal Server Error", "60"),
    ],
)
async def test_a_receiver_that_asks_for_no_rest_gets_the_next_event(status: str, after: str) -> None:
    sink = await refused(status, after)

    await sink.prepare()


@pytest.fixture
def far_from_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The service runs in the earliest time zone, 14 hours ahead."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "<+14>-14")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("far_from_greenwich")
async def test_a_date_without_a_time_zone_ends_the_rest_by_greenwich() -> None:
    sink = await refused("503 Service Unavailable", time.asctime(time.gmtime(NOW / 1000 + 3600)))

    with pytest.raises(Undelivered, match="asked for a rest"):
        await sink.prepare()


async def test_the_rest_of_a_receiver_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "LONGEST_REST", 0.0)

    sink = await refused("503 Service Unavailable", "99999999")

    await sink.prepare()


def test_an_answer_that_breaks_off_behind_its_status_is_taken_as_delivered(
    hooked_bank: Bank, receiver: Receiver
) -> None:
    (worker,) = hooked_bank.workers(1)
    sample = Sample()
    receiver.cut.add(sample.sha256)
    hooked_bank.submit(sample, metaData=hooked_bank.plan(worker))
    job = hooked_bank.jobs_of(sample)[0]["id"]

    hooked_bank.update(job, hooked_bank.tasks_of(job)[worker], "failed")

    assert eventually(lambda: receiver.kinds(sample)[:2] == ["job", "jobEnded"]), receiver.kinds(sample)


def test_a_slow_answer_holds_up_only_the_events_of_its_sample(hooked_bank: Bank, receiver: Receiver) -> None:
    (worker,) = hooked_bank.workers(1)
    slow = Sample()
    receiver.hold(slow)
    hooked_bank.submit(slow, metaData=hooked_bank.plan(worker))
    assert eventually(receiver.holding.is_set)

    others = [hooked_bank.planned(worker)[0] for _ in range(3)]
    arrived = eventually(lambda: all(receiver.kinds(other) for other in others))
    receiver.let_go.set()

    assert arrived
    assert eventually(lambda: receiver.kinds(slow) == ["job"])
