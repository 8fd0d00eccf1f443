"""RabbitMQ: each event is a persistent message to an exchange, under the event's id, confirmed by all queues that take the event."""

import asyncio
import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from samplebank.errors import Invalid
from samplebank.events.addresses import CA, Address, client
from samplebank.events.brokers import CONTENT_TYPE, PATIENCE, Broker
from samplebank.events.sinks import Message, Undelivered

if TYPE_CHECKING:
    from aiormq.abc import AbstractChannel, AbstractConnection

PORTS: Final[Mapping[str, int]] = {"amqp": 5672, "amqps": 5671}
OPTIONS: Final = frozenset({"exchange", "types", CA})
#: the exchange for topics that each virtual host has
EXCHANGE: Final = "amq.topic"
#: names of exchanges that the client can send
NAME: Final = re.compile(r"[A-Za-z0-9_.:@#,/><-]{1,127}")
#: seconds between signs of life, of both sides
HEARTBEAT: Final = 10
#: seconds for a farewell to a server, which may have gone
FAREWELL: Final = 1.0
PERSISTENT: Final = 2
UNCONFIRMED: Final = "The server does not confirm the event: it may lack memory or disk."
#: the answer that the client misses where the server refuses the virtual host. The client passes over the server's reason
OPENED: Final = "Connection.OpenOk"
NO_HOST: Final = (
    "the server refuses the virtual host {!r}, and its log says why: make the virtual host, let the user in by "
    "`rabbitmqctl set_permissions`, or raise the limit of connections."
)


class RabbitMq(Broker):
    """Publishes with the type of the event as routing key, and awaits the word of the queues."""

    def __init__(self, address: Address, variable: str) -> None:
        super().__init__()
        self._library = client("aiormq", variable, "rabbitmq")
        # The client would tell each error in the log, and the relay tells one a minute.
        logging.getLogger("aiormq").setLevel(logging.CRITICAL)
        self._exchange = address.options.get("exchange", EXCHANGE)
        if NAME.fullmatch(self._exchange) is None:
            raise Invalid(
                f"{variable} has the exchange {self._exchange!r}, but up to 127 letters, digits and signs are needed."
            )
        self._urls = [_url(address, host) for host in address.hosts]
        self._host = _virtual_host(address)
        self._trust = address.trust()
        self._connection: AbstractConnection | None = None
        self._channels: list[AbstractChannel] = []

    @property
    def is_connected(self) -> bool:
        return self._connection is not None and self._connection.is_opened

    async def connect(self) -> None:
        failure: Exception | None = None
        for url in self._urls:
            try:
                async with asyncio.timeout(PATIENCE / (len(self._urls) + 1)):
                    self._connection = await self._library.connect(url, context=self._trust)
            except (OSError, self._library.AMQPError) as error:
                is_refused = OPENED in str(error)
                failure = ConnectionError(NO_HOST.format(self._host)) if is_refused else error
            else:
                return
        if failure is not None:
            raise failure

    async def send(self, message: Message) -> None:
        # The server refuses a message by closing the channel. So each message under way has a channel of its own.
        channel = self._channels.pop() if self._channels else await self._channel()
        try:
            await self._publish(channel, message)
        except self._library.PublishError as error:
            self._keep(channel)
            why = f"No queue takes the routing key {message.kind}: bind a queue to the exchange {self._exchange}."
            raise Undelivered(why, answered=False, others_pass=True) from error
        except self._library.DeliveryError as error:
            self._keep(channel)
            raise Undelivered(
                "A queue did not take the event: the queue may be full.", answered=False, others_pass=True
            ) from error
        except self._library.ChannelPreconditionFailed as error:
            raise Undelivered(f"The server refused the event: {error}.", answered=True) from error
        except TimeoutError as error:
            # The message may be on the way still, and must not come after newer events of the sample.
            await self.close()
            raise Undelivered(UNCONFIRMED, answered=False) from error
        self._keep(channel)

    async def _channel(self) -> "AbstractChannel":
        if self._connection is None:
            raise Undelivered("The connection was given up.", answered=False)
        try:
            return await self._connection.channel(on_return_raises=True, timeout=PATIENCE)
        except TimeoutError as error:
            raise Undelivered(UNCONFIRMED, answered=False) from error

    def _keep(self, channel: "AbstractChannel") -> None:
        if channel.connection is self._connection:
            self._channels.append(channel)

    async def _publish(self, channel: "AbstractChannel", message: Message) -> None:
        properties = self._library.spec.Basic.Properties(
            content_type=CONTENT_TYPE,
            delivery_mode=PERSISTENT,
            message_id=message.id,
            message_type=message.kind,
            app_id="samplebank",
        )
        await channel.basic_publish(
            message.body,
            exchange=self._exchange,
            routing_key=message.kind,
            properties=properties,
            mandatory=True,
            timeout=PATIENCE,
        )

    async def close(self) -> None:
        was, self._connection = self._connection, None
        self._channels = []
        if was is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL):
                    await was.close(self._library.ConnectionClosed(0, "given up"))


def _url(address: Address, host: str) -> str:
    """The address of one server for the client: the path is the virtual host, `/` where there is none."""
    login = "" if address.user is None else quote(address.user, safe="")
    if address.password is not None:
        login += ":" + quote(address.password, safe="")
    place = quote(_virtual_host(address), safe="")
    return f"{address.scheme}://{login}{'@' if login else ''}{host}/{place}?name=samplebank&heartbeat={HEARTBEAT}"


def _virtual_host(address: Address) -> str:
    return address.path.removeprefix("/") or "/"
