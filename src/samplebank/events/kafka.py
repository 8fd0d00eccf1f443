"""Kafka: each event is a record of a topic, with the sample as its key, under the event's id, confirmed by all replicas."""

import asyncio
import re
import threading
from collections.abc import Mapping
from contextlib import suppress
from types import ModuleType
from typing import TYPE_CHECKING, Final

from samplebank.errors import Invalid
from samplebank.events.addresses import CA, Address, client
from samplebank.events.brokers import CONTENT_TYPE, PATIENCE, Broker
from samplebank.events.sinks import Message, Undelivered

if TYPE_CHECKING:
    from confluent_kafka import KafkaError
    from confluent_kafka import Message as Record

PORTS: Final[Mapping[str, int]] = {"kafka": 9092, "kafkas": 9093}
OPTIONS: Final = frozenset({"topic", "mechanism", "types", CA})
TOPIC: Final = "samplebank"
#: names of topics that a cluster takes
NAME: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}")
MECHANISMS: Final = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")
#: bytes of a record. A cluster takes a million by default, and says so; this bound only keeps the client from the same say
MOST: Final = 16 * 1024 * 1024
#: seconds between two looks of the thread whether the client was given up
HEARING: Final = 0.2
#: how often a cluster that cannot be reached is looked for, and seconds of a look: a refused login ends the search
LOOKS: Final = 5
LOOK: Final = 1.0
#: errors for which the record itself is to blame, as the library names them
BLAMED: Final = ("MSG_SIZE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "INVALID_RECORD")
#: what to do where the cluster does not tell of the topic, by the error as the library names the error
REMEDIES: Final[Mapping[str, str]] = {
    "UNKNOWN_TOPIC_OR_PART": ": make the topic {}",
    "TOPIC_AUTHORIZATION_FAILED": ": give the user the rights Describe and Write on the topic {}",
}
COMMON: Final[Mapping[str, object]] = {
    "client.id": "samplebank",
    "acks": "all",
    # A refusal meets a whole batch, and has to count against one event.
    "batch.num.messages": 1,
    "linger.ms": 0,
    # After this time the client never sends the record again: the relay does.
    "delivery.timeout.ms": int(1000 * PATIENCE),
    "message.max.bytes": MOST,
    # as clients in Java choose the partition of a key
    "partitioner": "murmur2",
    "reconnect.backoff.ms": 500,
    # The client would tell each error in the log, and the relay tells one a minute.
    "log_level": 0,
}


class Kafka(Broker):
    """Sends to one topic. The key is the SHA-256, so the events of a sample lie in one partition, in order."""

    def __init__(self, address: Address, variable: str) -> None:
        super().__init__()
        self._library = client("confluent_kafka", variable, "kafka")
        self._topic = address.options.get("topic", TOPIC)
        if NAME.fullmatch(self._topic) is None:
            raise Invalid(
                f"{variable} has the topic {self._topic!r}, but up to 249 letters, digits, dots, dashes and underscores are needed."
            )
        login = _login(address, variable)
        trust = {} if address.authorities is None else {"ssl.ca.location": address.authorities}
        self._options = {**COMMON, "bootstrap.servers": ",".join(address.hosts), **login, **trust}
        self._line: Line | None = None

    @property
    def is_connected(self) -> bool:
        return self._line is not None and not self._line.is_lost

    async def connect(self) -> None:
        line = Line(self._library, self._options)
        try:
            await line.check(self._topic)
        except BaseException:
            await line.close()
            raise
        self._line = line

    async def send(self, message: Message) -> None:
        assert self._line is not None  # noqa: S101 for the type checker: the relay has prepared the sink
        headers = {"content-type": CONTENT_TYPE, "ce_id": message.id, "ce_type": message.kind}
        error = await self._line.send(self._topic, message.sha256, message.body, headers)
        if error is None:
            return
        if error.name() in BLAMED:
            raise Undelivered(f"The cluster refused the event: {error.str()}.", answered=True)
        # The client may still have the event, and must not send it after newer events of the sample.
        self._line.is_lost = True
        raise Undelivered(
            f"The cluster did not take the event: {self._line.why or error.str()}.", answered=False
        )

    async def close(self) -> None:
        was, self._line = self._line, None
        if was is not None:
            await was.close()


class Line:
    """A client of the library, and the thread in which the library tells what became of records."""

    def __init__(self, library: ModuleType, options: Mapping[str, object]) -> None:
        self._library = library
        self._producer = library.Producer({**options, "error_cb": self._notice})
        #: no server is reached, or a record was not confirmed
        self.is_lost = False
        #: what the library said of a refused login, which the errors of requests do not tell
        self.why: str | None = None
        self._is_over = False
        self._thread = threading.Thread(target=self._hear, name="kafka", daemon=True)
        self._thread.start()

    def _hear(self) -> None:
        while not self._is_over:
            self._producer.poll(HEARING)
        self._producer.poll(0)

    def _notice(self, error: "KafkaError") -> None:
        if error.name() == "_AUTHENTICATION":
            self.why = error.str()
        if error.name() in {"_ALL_BROKERS_DOWN", "_AUTHENTICATION"}:
            self.is_lost = True

    async def check(self, topic: str) -> None:
        """Reach the cluster. Raises `Undelivered` where the topic is not there, and `ConnectionError`."""
        for _ in range(LOOKS):
            error = await asyncio.to_thread(self._look, topic)
            if error is None or self.why is not None:
                break
        if error is not None:
            raise ConnectionError(self.why or error.str())
        self.is_lost = False

    def _look(self, topic: str) -> "KafkaError | None":
        """Ask for the topic, for a moment. Answers the error, if any. Raises `Undelivered` where the topic is not there."""
        try:
            found = self._producer.list_topics(topic, LOOK)
        except self._library.KafkaException as failure:
            error: KafkaError = failure.args[0]
            return error
        if (error := found.topics[topic].error) is not None:
            raise Undelivered(no_topic(error, topic), answered=False)
        return None

    async def send(
        self, topic: str, key: str, body: bytes, headers: Mapping[str, str]
    ) -> "KafkaError | None":
        """Send a record, and wait for the word of the cluster. Answers the error, if any."""
        loop = asyncio.get_running_loop()
        heard: asyncio.Future[KafkaError | None] = loop.create_future()

        def settle(error: "KafkaError | None") -> None:
            if not heard.done():
                heard.set_result(error)

        def tell(error: "KafkaError | None", _: "Record") -> None:
            with suppress(RuntimeError):  # the loop has been closed
                loop.call_soon_threadsafe(settle, error)

        try:
            self._producer.produce(topic, body, key=key, headers=dict(headers), on_delivery=tell)
        except self._library.KafkaException as refusal:
            error: KafkaError = refusal.args[0]
            return error
        return await heard

    async def close(self) -> None:
        """Give the client up, with all records that are not confirmed: each is told as not delivered."""
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        self._producer.purge()
        self._is_over = True
        self._thread.join()


def no_topic(error: "KafkaError", topic: str) -> str:
    """Why no event can be sent to the topic, and what to do."""
    return f"{error.str()}{REMEDIES.get(error.name(), ' ({})').format(topic)}."


def _login(address: Address, variable: str) -> dict[str, str]:
    """How the client shows who it is. Raises `Invalid`."""
    mechanism = address.options.get("mechanism", MECHANISMS[0])
    if mechanism not in MECHANISMS:
        raise Invalid(
            f"{variable} has the mechanism {mechanism!r}, but mechanisms are: {', '.join(MECHANISMS)}."
        )
    if address.user is None:
        return {"security.protocol": "SSL" if address.is_secret else "PLAINTEXT"}
    if address.password is None:
        raise Invalid(f"{variable} has the user {address.user!r} without a password.")
    return {
        "security.protocol": "SASL_SSL" if address.is_secret else "SASL_PLAINTEXT",
        "sasl.mechanism": mechanism,
        "sasl.username": address.user,
        "sasl.password": address.password,
    }
