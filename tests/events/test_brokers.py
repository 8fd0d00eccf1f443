"""Events reach each broker as in the feed, in order per sample. An absent broker costs nothing."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from confluent_kafka import KafkaError

from kit.bank import Bank, Sample, eventually
from kit.brokers import ID, PLACE, BrokerServer, opened, variable
from kit.feed import PATH
from kit.nats import NatsServer
from kit.rabbitmq import MOST, RabbitServer
from kit.receiver import SECRET, Receiver, receiving
from kit.service import Service, running
from kit.tansu import KafkaServer
from samplebank.errors import Invalid
from samplebank.events.brokers import Broker
from samplebank.events.kafka import MOST as MOST_OF_KAFKA
from samplebank.events.kafka import no_topic
from samplebank.events.sinks import Message, Undelivered
from samplebank.maintenance.relays import open_relays
from samplebank.settings import load

BROKERS = ("nats", "rabbitmq", "kafka")
TYPE = "samplebank.verdict.settled"


@pytest.fixture(scope="module")
async def nats(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path_factory.mktemp("nats"))
    server.start()
    await server.set_stream()
    yield server
    server.kill()


@pytest.fixture(scope="module")
async def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RabbitServer]:
    server = RabbitServer(tmp_path_factory.mktemp("rabbitmq"))
    server.start()
    await server.set_queue()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    server = KafkaServer(tmp_path_factory.mktemp("kafka"))
    server.start()
    server.set_topic()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def servers(nats: NatsServer, rabbitmq: RabbitServer, kafka: KafkaServer) -> dict[str, BrokerServer]:
    return {server.name: server for server in (nats, rabbitmq, kafka)}


@pytest.fixture(params=BROKERS)
def server(request: pytest.FixtureRequest, servers: dict[str, BrokerServer]) -> BrokerServer:
    return servers[request.param]


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def sending(
    tmp_path_factory: pytest.TempPathFactory, servers: dict[str, BrokerServer], receiver: Receiver
) -> Iterator[Service]:
    """A service that sends events to all brokers, and to a webhook besides."""
    settings = {
        **{variable(name): server.url for name, server in servers.items()},
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


async def test_all_events_of_a_sample_come_in_order_as_the_feed_has_them(
    own_bank: Bank, server: BrokerServer
) -> None:
    (worker,) = own_bank.workers(1)
    sample, job, tasks = own_bank.planned(worker)
    own_bank.update(job, tasks[worker], "success", analyses=[own_bank.analyse(sample, worker, 95)])

    arrived = await server.arrived(sample, 5)

    feed = [event for event in told(own_bank) if event["subject"] == sample.sha256]
    assert [named(event) for event in arrived] == [named(event) for event in feed]
    assert arrived[-1]["data"] == feed[-1]["data"]
    assert [event[ID] for event in arrived] == [event["id"] for event in feed]
    assert [event[PLACE] for event in arrived] == [event["type"] for event in feed]


def told(bank: Bank) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = bank.data(bank.get(PATH, limit=1000))
    return events


def named(event: dict[str, Any]) -> dict[str, Any]:
    """An event without the data. The data tell what was stored at the time of the read."""
    return {name: event[name] for name in ("specversion", "id", "source", "type", "subject", "time")}


async def test_nats_has_an_event_once_that_is_sent_again(own_bank: Bank, nats: NatsServer) -> None:
    sample = Sample()
    own_bank.submit(sample)
    events = await nats.arrived(sample, 2)
    body = json.dumps({"subject": sample.sha256}).encode()

    async with opened(nats.name, nats.url) as sink:
        await sink.deliver(Message(events[0]["id"], events[0]["type"], sample.sha256, body), now=1)

    assert await nats.stored(sample) == events


async def test_while_a_broker_is_away_nothing_is_lost_and_others_get_their_events(
    sending: Service,
    own_bank: Bank,
    servers: dict[str, BrokerServer],
    server: BrokerServer,
    receiver: Receiver,
) -> None:
    with server.away():
        sample, _, _ = own_bank.planned(*own_bank.workers(1))

        assert eventually(lambda: receiver.kinds(sample) == ["job"])
        for other in servers.values():
            assert other is server or len(await other.arrived(sample, 2)) == 2
        assert eventually(lambda: complaints(sending, server))
        assert own_bank.get("/readyz", None).status_code == 200
        assert eventually(lambda: figure(sending, server, "lag_seconds") > 0)

    arrived = await server.arrived(sample, 2)
    assert [event["type"].rpartition(".")[2] for event in arrived] == ["stored", "opened"]
    assert len(complaints(sending, server)) == 1
    assert eventually(lambda: figure(sending, server, "lag_seconds") == 0)
    assert "Traceback" not in sending.log.read_text(errors="replace")


def complaints(service: Service, server: BrokerServer) -> list[str]:
    lines = service.log.read_text(errors="replace").splitlines()
    return [line for line in lines if "event.undelivered" in line and f"sink={server.name}" in line]


def figure(service: Service, server: BrokerServer, name: str) -> float:
    text = requests.get(f"{service.url}/metrics", timeout=10).text
    wanted = f'samplebank_sink_{name}{{sink="{server.name}"}} '
    (line,) = [line for line in text.splitlines() if line.startswith(wanted)]
    return float(line.split()[1])


async def test_what_the_stream_refuses_is_a_dead_letter_until_somebody_retries(
    sending: Service, own_bank: Bank, nats: NatsServer
) -> None:
    await nats.set_stream(max_msg_size=10)
    sample = Sample()
    own_bank.submit(sample)

    assert eventually(lambda: figure(sending, nats, "dead") == 2)
    dead = json.loads(sending.run("events", "dead", "--json").stdout)["events"]
    await nats.set_stream(max_msg_size=-1)
    sending.run("events", "retry", "--sink", "nats")

    assert [(letter["sink"], letter["kind"]) for letter in dead] == [("nats", "submission"), ("nats", "job")]
    assert "message size exceeds maximum allowed" in dead[0]["lastError"]
    assert len(await nats.arrived(sample, 2)) == 2


async def test_what_rabbitmq_refuses_does_not_count_against_what_is_under_way_beside(
    rabbitmq: RabbitServer,
) -> None:
    sample = Sample()
    small = Message("small", TYPE, sample.sha256, json.dumps({"subject": sample.sha256}).encode())
    large = Message("large", TYPE, sample.sha256, bytes(MOST + 1))

    async with opened(rabbitmq.name, rabbitmq.url) as sink:
        refused, taken = await asyncio.gather(
            sink.deliver(large, now=1), sink.deliver(small, now=1), return_exceptions=True
        )

    assert isinstance(refused, Undelivered)
    assert refused.answered
    assert f"larger than configured max size {MOST}" in str(refused)
    assert taken is None
    assert [event[ID] for event in await rabbitmq.stored(sample)] == ["small"]


class Cancelling(Broker):
    """A sink whose client cancels what waits, as that of RabbitMQ does when a connection breaks."""

    is_connected = False

    async def connect(self) -> None:
        raise asyncio.CancelledError

    async def send(self, _: Message) -> None:
        raise asyncio.CancelledError

    async def close(self) -> None:
        """Has nothing to close."""


async def test_a_client_that_cancels_what_waits_does_not_end_the_relay() -> None:
    connecting, sending = Cancelling(), Cancelling()

    with pytest.raises(Undelivered, match="the connection broke"):
        await connecting.prepare()
    with pytest.raises(Undelivered, match="the connection broke"):
        await sending.deliver(Message("1", TYPE, "", b""), now=1)


async def test_an_event_that_no_queue_takes_holds_up_no_events_of_other_kinds(rabbitmq: RabbitServer) -> None:
    sample = Sample()
    body = json.dumps({"subject": sample.sha256}).encode()

    async with opened(rabbitmq.name, rabbitmq.url) as sink:
        await sink.deliver(Message("1", TYPE, sample.sha256, body), now=1)
        with pytest.raises(Undelivered, match="No queue takes the routing key elsewhere"):
            await sink.deliver(Message("2", "elsewhere", sample.sha256, body), now=1)

        await sink.prepare()


async def test_a_virtual_host_that_rabbitmq_refuses_is_told(rabbitmq: RabbitServer) -> None:
    with pytest.raises(
        Undelivered, match="the server refuses the virtual host 'else/where', and its log says why"
    ):
        async with opened("rabbitmq", f"{rabbitmq.url}/else%2Fwhere"):
            pass


async def test_rabbitmq_takes_an_event_by_tls_with_a_certificate_of_an_own_authority(
    rabbitmq: RabbitServer,
) -> None:
    sample = Sample()
    body = json.dumps({"subject": sample.sha256}).encode()

    async with opened("rabbitmq", f"{rabbitmq.secret_url}?ca={rabbitmq.certificates.authority}") as sink:
        await sink.deliver(Message("1", TYPE, sample.sha256, body), now=1)

    assert len(await rabbitmq.stored(sample)) == 1


async def test_rabbitmq_with_a_certificate_of_an_unknown_authority_gets_nothing(
    rabbitmq: RabbitServer,
) -> None:
    with pytest.raises(Undelivered, match="certificate verify failed"):
        async with opened("rabbitmq", rabbitmq.secret_url):
            pass


async def test_what_kafka_refuses_does_not_count_against_what_is_under_way_beside(kafka: KafkaServer) -> None:
    sample = Sample()
    small = Message("small", TYPE, sample.sha256, json.dumps({"subject": sample.sha256}).encode())
    large = Message("large", TYPE, sample.sha256, bytes(MOST_OF_KAFKA + 1))

    async with opened(kafka.name, kafka.url) as sink:
        refused, taken = await asyncio.gather(
            sink.deliver(large, now=1), sink.deliver(small, now=1), return_exceptions=True
        )

    assert isinstance(refused, Undelivered)
    assert refused.answered
    assert "Message size too large" in str(refused)
    assert taken is None
    assert [event[ID] for event in await kafka.arrived(sample, 1)] == ["small"]


async def test_a_client_that_is_given_up_sends_nothing_of_what_was_not_confirmed(kafka: KafkaServer) -> None:
    sample = Sample()
    body = json.dumps({"subject": sample.sha256}).encode()

    async with opened(kafka.name, kafka.url) as sink:
        with kafka.away():
            waiting = asyncio.create_task(sink.deliver(Message("old", TYPE, sample.sha256, body), now=1))
            await asyncio.sleep(0)  # the record is in the client's queue
            await sink.close()
            with pytest.raises(Undelivered) as given_up:
                await waiting
    async with opened(kafka.name, kafka.url) as sink:
        await sink.deliver(Message("new", TYPE, sample.sha256, body), now=1)

    assert not given_up.value.answered
    assert [event[ID] for event in await kafka.arrived(sample, 1)] == ["new"]


async def test_a_refused_login_is_told_in_words(tmp_path: Path) -> None:
    server = KafkaServer(tmp_path, "--authentication")
    server.start()
    url = server.url.replace("//", "//bank:secret@")
    try:
        with pytest.raises(Undelivered) as refused:
            async with opened(server.name, url):
                pass
    finally:
        server.kill()

    assert "SASL SCRAM authentication failed" in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (KafkaError.UNKNOWN_TOPIC_OR_PART, ": make the topic events."),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, ": give the user the rights Describe and Write on the topic events."),
        (KafkaError.LEADER_NOT_AVAILABLE, "Leader not available (events)."),
    ],
)  # fmt: skip
def test_a_topic_that_kafka_does_not_tell_of_is_told_with_what_to_do(code: int, why: str) -> None:
    assert no_topic(KafkaError(code), "events").endswith(why)


@pytest.mark.parametrize(
    ("name", "option", "why"),
    [
        ("nats", "?subject=elsewhere", "add `elsewhere.>` to a stream."),
        ("rabbitmq", "?exchange=amq.fanout", "bind a queue to the exchange amq.fanout."),
        ("rabbitmq", "?exchange=elsewhere", "no exchange 'elsewhere'"),
    ],
)
async def test_an_event_waits_for_a_place_that_keeps_the_event(
    servers: dict[str, BrokerServer], name: str, option: str, why: str
) -> None:
    async with opened(name, f"{servers[name].url}{option}") as sink:
        with pytest.raises(Undelivered) as refused:
            await sink.deliver(Message("1", TYPE, "", b""), now=1)

    assert why in str(refused.value)
    assert not refused.value.answered


@pytest.mark.parametrize(
    ("name", "url", "refusal"),
    [
        ("nats", "nats://broker?stream=EVENTS", "the option 'stream', but may have only: ca, subject, types."),
        ("nats", "nats://broker?subject=", "the option 'subject' without a value."),
        ("nats", "nats://broker?subject=a..b", "the subject 'a..b', but words with dots between are needed."),
        ("nats", "nats://broker?types=all", "the type 'all', but types are: samplebank.alert.raised"),
        ("rabbitmq", "amqp://broker?queue=events", "the option 'queue', but may have only: ca, exchange, types."),
        ("rabbitmq", "amqp://broker?exchange=a%20b", "the exchange 'a b', but up to 127 letters, digits and signs"),
        ("kafka", "kafka://broker?acks=1", "the option 'acks', but may have only: ca, mechanism, topic, types."),
        ("kafka", "kafka://broker?topic=a%20b", "the topic 'a b', but up to 249 letters, digits, dots"),
        ("kafka", "kafka://broker?mechanism=GSSAPI", "the mechanism 'GSSAPI', but mechanisms are: SCRAM-SHA-512,"),
        ("kafka", "kafka://bank@broker", "the user 'bank' without a password."),
    ],
)  # fmt: skip
def test_wrong_options_of_the_address_are_refused(name: str, url: str, refusal: str) -> None:
    with pytest.raises(Invalid) as refused:
        open_relays(load({variable(name): url}))

    assert str(refused.value).startswith(f"{variable(name)} has {refusal}")


def test_only_the_types_that_are_asked_for_are_sent() -> None:
    address = "nats://broker?types=samplebank.verdict.settled,samplebank.alert.raised"

    (relay,) = open_relays(load({variable("nats"): address}))

    assert relay.reader.kinds == {"verdict", "alert"}


@pytest.mark.parametrize(
    ("name", "url", "client"),
    [
        ("nats", "nats://broker", "nats"),
        ("rabbitmq", "amqp://broker", "aiormq"),
        ("kafka", "kafka://broker", "confluent_kafka"),
    ],
)
def test_a_start_without_the_client_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, name: str, url: str, client: str
) -> None:
    monkeypatch.setitem(sys.modules, client, None)

    with pytest.raises(Invalid) as refused:
        open_relays(load({variable(name): url}))

    assert str(refused.value) == (
        f"{variable(name)} needs a client that is not installed: pip install 'samplebank[{name}]'."
    )
