"""Events reach a stream of NATS as the feed has them, once each, in order per sample. A server that is away costs nothing."""

import json
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import requests

from kit.bank import Bank, Sample, eventually
from kit.feed import PATH
from kit.nats import NatsServer
from kit.receiver import SECRET, Receiver, receiving
from kit.service import Service, running
from samplebank.errors import Invalid
from samplebank.events.sinks import Message, Sink, Undelivered
from samplebank.maintenance.relays import open_relays
from samplebank.settings import Settings


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path_factory.mktemp("nats"))
    server.start()
    await server.set_stream()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def sending(
    tmp_path_factory: pytest.TempPathFactory, server: NatsServer, receiver: Receiver
) -> Iterator[Service]:
    """A service that sends events to NATS, and to a webhook beside it."""
    settings = {
        "SAMPLEBANK_EVENTS_NATS": server.url,
        "SAMPLEBANK_EVENTS_ATTEMPTS": "1",
        "SAMPLEBANK_WEBHOOK_URL": f"http://127.0.0.1:{receiver.server_port}/events",
        "SAMPLEBANK_WEBHOOK_SECRET": SECRET,
        "SAMPLEBANK_PROCESSES": "1",
    }
    with running(tmp_path_factory.mktemp("sending"), settings) as service:
        yield service


@pytest.fixture
def own_bank(sending: Service) -> Bank:
    return Bank(sending.url, sending.keys)


@pytest.fixture
async def sink(server: NatsServer) -> AsyncIterator[Sink]:
    """A sink of a relay that went, and left its event to the next relay."""
    (relay,) = open_relays(Settings(events_nats=server.url))
    await relay.sink.prepare()
    yield relay.sink
    await relay.sink.close()


async def test_all_events_of_a_sample_come_in_order_as_the_feed_has_them(
    own_bank: Bank, server: NatsServer
) -> None:
    (worker,) = own_bank.workers(1)
    sample, job, tasks = own_bank.planned(worker)
    own_bank.update(job, tasks[worker], "success", analyses=[own_bank.analyse(sample, worker, 95)])

    arrived = await server.arrived(sample, 5)

    feed = [event for event in told(own_bank) if event["subject"] == sample.sha256]
    assert [named(event) for event in arrived] == [named(event) for event in feed]
    assert arrived[-1]["data"] == feed[-1]["data"]
    assert {event["subjectOfMessage"] for event in arrived} == {event["type"] for event in feed}


def told(bank: Bank) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = bank.data(bank.get(PATH, limit=1000))
    return events


def named(event: dict[str, Any]) -> dict[str, Any]:
    """What an event is, without the data, which tell what was stored when the event was read."""
    return {name: event[name] for name in ("specversion", "id", "source", "type", "subject", "time")}


async def test_an_event_that_is_sent_again_is_there_once(
    own_bank: Bank, server: NatsServer, sink: Sink
) -> None:
    sample = Sample()
    own_bank.submit(sample)
    events = await server.arrived(sample, 2)
    body = json.dumps({"subject": sample.sha256}).encode()

    await sink.deliver(Message(events[0]["id"], events[0]["type"], sample.sha256, body), now=1)

    assert [event["idOfMessage"] for event in events] == [event["id"] for event in events]
    assert await server.stored(sample) == events


async def test_while_the_server_is_away_nothing_is_lost_and_others_get_their_events(
    sending: Service, own_bank: Bank, server: NatsServer, receiver: Receiver
) -> None:
    server.kill()
    sample, _, _ = own_bank.planned(*own_bank.workers(1))

    assert eventually(lambda: receiver.kinds(sample) == ["job"])
    assert eventually(lambda: complaints(sending))
    assert own_bank.get("/readyz", None).status_code == 200
    assert eventually(lambda: figure(sending, "lag_seconds") > 0)

    server.start()

    arrived = await server.arrived(sample, 2)
    assert [event["type"].rpartition(".")[2] for event in arrived] == ["stored", "opened"]
    assert len(complaints(sending)) == 1
    assert eventually(lambda: figure(sending, "lag_seconds") == 0)


def complaints(service: Service) -> list[str]:
    lines = service.log.read_text(errors="replace").splitlines()
    return [line for line in lines if "event.undelivered" in line and "sink=nats" in line]


def figure(service: Service, name: str) -> float:
    text = requests.get(f"{service.url}/metrics", timeout=10).text
    wanted = f'samplebank_sink_{name}{{sink="nats"}} '
    (line,) = [line for line in text.splitlines() if line.startswith(wanted)]
    return float(line.split()[1])


async def test_what_the_stream_refuses_is_a_dead_letter_until_somebody_retries(
    sending: Service, own_bank: Bank, server: NatsServer
) -> None:
    await server.set_stream(max_msg_size=10)
    sample = Sample()
    own_bank.submit(sample)

    assert eventually(lambda: figure(sending, "dead") == 2)
    dead = json.loads(sending.run("events", "dead", "--json").stdout)["events"]
    await server.set_stream(max_msg_size=-1)
    sending.run("events", "retry", "--sink", "nats")

    assert [(letter["sink"], letter["kind"]) for letter in dead] == [("nats", "submission"), ("nats", "job")]
    assert "message size exceeds maximum allowed" in dead[0]["lastError"]
    assert len(await server.arrived(sample, 2)) == 2


async def test_an_event_waits_for_a_stream_that_takes_its_subject(server: NatsServer) -> None:
    (relay,) = open_relays(Settings(events_nats=f"{server.url}?subject=elsewhere"))
    await relay.sink.prepare()

    with pytest.raises(Undelivered, match=r"add `elsewhere\.>` to a stream") as refused:
        await relay.sink.deliver(Message("1", "samplebank.verdict.settled", "", b""), now=1)

    assert not refused.value.answered
    await relay.sink.close()


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        ("?stream=EVENTS", "SAMPLEBANK_EVENTS_NATS has the option 'stream', but may have only: subject, types."),
        ("?subject=", "SAMPLEBANK_EVENTS_NATS has the option 'subject' without a value."),
        ("?subject=a..b", "SAMPLEBANK_EVENTS_NATS has the subject 'a..b', but words with dots between are needed."),
        ("?types=all", "SAMPLEBANK_EVENTS_NATS has the type 'all', but types are: samplebank.alert.raised"),
    ],
)  # fmt: skip
def test_wrong_options_of_the_address_are_refused(options: str, refusal: str) -> None:
    with pytest.raises(Invalid) as refused:
        open_relays(Settings(events_nats=f"nats://broker{options}"))

    assert str(refused.value).startswith(refusal)


def test_only_the_types_that_are_asked_for_are_sent() -> None:
    address = "nats://broker?types=samplebank.verdict.settled,samplebank.alert.raised"

    (relay,) = open_relays(Settings(events_nats=address))

    assert relay.reader.kinds == {"verdict", "alert"}


def test_a_start_without_the_client_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nats", None)

    with pytest.raises(Invalid) as refused:
        open_relays(Settings(events_nats="nats://broker"))

    assert str(refused.value) == (
        "SAMPLEBANK_EVENTS_NATS needs a client that is not installed: pip install 'samplebank[nats]'."
    )
