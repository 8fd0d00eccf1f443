"""The relays that the settings ask for: one for each sink, each with its own place in the feed."""

from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final, NamedTuple

from samplebank.database import Connection
from samplebank.errors import Invalid
from samplebank.events import kafka, nats, rabbitmq
from samplebank.events.addresses import Address, read_address
from samplebank.events.brokers import Broker
from samplebank.events.kafka import Kafka
from samplebank.events.nats import Nats
from samplebank.events.outbox import Event, Reader
from samplebank.events.rabbitmq import RabbitMq
from samplebank.events.sinks import Message, Sink
from samplebank.feed.kinds import KINDS
from samplebank.feed.messages import cloud_message_of, message_of
from samplebank.settings import Settings

if TYPE_CHECKING:
    from samplebank.events.webhook import Webhook

WEBHOOK: Final = "webhook"
#: loaded only with its setting, as the clients of the brokers are
WEBHOOK_SINK: Final = "samplebank.events.webhook"
#: the kinds of events that the webhook has messages for
WEBHOOK_KINDS: Final = frozenset({"job", "jobEnded", "verdict", "alert"})


class BrokerKind(NamedTuple):
    """What the address of a broker may have, and how the sink is opened."""

    options: frozenset[str]
    ports: Mapping[str, int]
    open: Callable[[Address, str], Broker]


#: by the name of the sink, which is also the end of the setting's name
BROKERS: Final[Mapping[str, BrokerKind]] = {
    "nats": BrokerKind(nats.OPTIONS, nats.PORTS, Nats),
    "rabbitmq": BrokerKind(rabbitmq.OPTIONS, rabbitmq.PORTS, RabbitMq),
    "kafka": BrokerKind(kafka.OPTIONS, kafka.PORTS, Kafka),
}


class Relay(NamedTuple):
    """A sink, what the sink reads, how its messages are made, and how often the sink may refuse an event."""

    reader: Reader
    sink: Sink
    message_of: Callable[[Connection, Event], Awaitable[Message | None]]
    attempts: int


def open_relays(settings: Settings) -> list[Relay]:
    """Open the sinks. None connects yet. Raises `Invalid` for a wrong setting, and for a client that is not installed."""
    relays: list[Relay] = []
    if settings.webhook_url is not None and settings.webhook_secret is not None:
        opened: type[Webhook] = import_module(WEBHOOK_SINK).Webhook
        webhook = opened(settings.webhook_url, settings.webhook_secret)
        relays.append(Relay(Reader(WEBHOOK, WEBHOOK_KINDS), webhook, message_of, settings.webhook_attempts))
    for name, url in settings.brokers.items():
        kind, variable = BROKERS[name], f"SAMPLEBANK_EVENTS_{name.upper()}"
        address = read_address(variable, url, options=kind.options, ports=kind.ports)
        reader = Reader(name, _kinds(address, variable))
        relays.append(Relay(reader, kind.open(address, variable), cloud_message_of, settings.events_attempts))
    return relays


def _kinds(address: Address, variable: str) -> frozenset[str]:
    """The kinds of the types that the address asks for; all kinds where it asks for none."""
    if "types" not in address.options:
        return frozenset(KINDS)
    by_type = {kind.type: name for name, kind in KINDS.items()}
    wanted = address.options["types"].split(",")
    for name in wanted:
        if name not in by_type:
            raise Invalid(f"{variable} has the type {name!r}, but types are: {', '.join(sorted(by_type))}.")
    return frozenset(by_type[name] for name in wanted)
