"""NATS JetStream: each event is a message of the stream that takes the subjects, under the event's id."""

from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from samplebank.errors import Invalid
from samplebank.events.addresses import CA, Address, client
from samplebank.events.brokers import CONTENT_TYPE, PATIENCE, Broker
from samplebank.events.sinks import Message, Undelivered

if TYPE_CHECKING:
    from nats.aio.client import Client

PORTS: Final[Mapping[str, int]] = {"nats": 4222, "tls": 4222}
OPTIONS: Final = frozenset({"subject", "types", CA})
#: the errors for which the message itself is to blame: it is larger than the stream takes, or its headers are.
#: The status 400 alone says less: an account without room and a sealed stream answer so, too
BLAMED: Final = frozenset({10054, 10097})
#: JetStream leaves out a message whose id it has seen within the window of duplicates
ID: Final = "Nats-Msg-Id"
IN_THE_CLEAR: Final = "the server does not ask for TLS, and the address says tls://: give the server a certificate, or use nats://"


class Nats(Broker):
    """Publishes to `<subject>.verdict.settled` and so on, and awaits the word of the stream."""

    def __init__(self, address: Address, variable: str) -> None:
        super().__init__()
        self._library = client("nats", variable, "nats")
        self._errors = client("nats.js.errors", variable, "nats")
        self._servers = [f"{address.scheme}://{host}" for host in address.hosts]
        self._trust = address.trust()
        self._user, self._password = address.user, address.password
        self._prefix = address.options.get("subject", "samplebank")
        if not all(
            part and part.replace("-", "").replace("_", "").isalnum() for part in self._prefix.split(".")
        ):
            raise Invalid(
                f"{variable} has the subject {self._prefix!r}, but words with dots between are needed."
            )
        self._client: Client | None = None
        #: an event was not confirmed
        self._is_lost = False
        #: what the server said last that is no answer to an event, such as that the user may not publish
        self._noticed: list[Exception] = []

    @property
    def is_connected(self) -> bool:
        return self._client is not None and self._client.is_connected and not self._is_lost

    async def connect(self) -> None:
        # The relay connects again by itself. A client that did so would keep events of the past.
        self._noticed.clear()
        new = self._library.NATS() if self._trust is None else _insisting(self._library)
        try:
            await new.connect(
                self._servers,
                name="samplebank",
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                connect_timeout=int(PATIENCE / 2),
                error_cb=self._notice,
                tls=self._trust,
                user=self._user,
                password=self._password,
            )
        except self._library.errors.NoServersError as error:
            raise self._noticed[0] if self._noticed else error from error
        except self._library.errors.Error:
            await new.close()  # the client leaves the line of a refused server open
            raise
        self._client, self._is_lost = new, False

    async def _notice(self, error: Exception) -> None:
        """Keep quiet: the client would tell each error in the log, and the relay tells one a minute."""
        self._noticed[:] = [error]

    async def send(self, message: Message) -> None:
        used = self._client
        if used is None:
            raise Undelivered("The connection was given up.", answered=False)
        subject = f"{self._prefix}.{message.kind.partition('.')[2]}"
        headers = {ID: message.id, "Content-Type": CONTENT_TYPE}
        # The client looks at the body alone. The server counts the headers, too, and breaks the connection off.
        if len(message.body) + _size(headers) > used.max_payload:
            raise Undelivered("The event is larger than the server takes.", answered=True)
        stream = used.jetstream(timeout=PATIENCE)
        try:
            await stream.publish(subject, message.body, headers=headers)
        except self._library.errors.TimeoutError as error:
            # The server answers nothing to an event for which the user lacks a right. The server says so beside.
            why = str(self._noticed[0]) if self._noticed else "it took too long"
            is_denied = f'publish to "{subject}"'.lower() in why.lower()
            if self._client is used and not is_denied:
                # A server that once took the right to hear answers sends none to this connection, also with the right back.
                self._is_lost = True
            why = f"The server did not confirm the event: {why}."
            raise Undelivered(why, answered=False, others_pass=is_denied) from error
        except self._errors.NoStreamResponseError as error:
            why = f"No stream of the server takes the subject {subject}: add `{self._prefix}.>` to a stream."
            raise Undelivered(why, answered=False, others_pass=True) from error
        except self._errors.APIError as error:
            why = f"The stream answered {error.code}: {error.description}."
            raise Undelivered(why, answered=error.err_code in BLAMED, others_pass=True) from error

    async def close(self) -> None:
        was, self._client = self._client, None
        if was is not None:
            await was.close()


def _size(headers: Mapping[str, str]) -> int:
    """The bytes of headers on the line."""
    return len("NATS/1.0\r\n\r\n") + sum(len(f"{name}: {value}\r\n") for name, value in headers.items())


def _insisting(library: ModuleType) -> "Client":
    """A client that gives a server neither login nor event without TLS.

    The client of the library encrypts where the first line of the server asks for TLS, whatever the address says. Whoever
    changes this line on the way would read all.
    """

    class Insisting(library.NATS):  # type: ignore[misc,name-defined]  # imported with the setting alone
        async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:  # noqa: FBT001, FBT002 as the library calls
            if initial_connection and not info.get("tls_required"):
                raise library.errors.Error(IN_THE_CLEAR)
            await super()._process_info(info, initial_connection)

    insisting: Client = Insisting()
    return insisting
