"""What tests ask of a broker's server, whichever broker: all sinks for brokers keep the same promises."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, ClassVar

from kit.bank import PATIENCE, Sample
from samplebank.events.sinks import Sink
from samplebank.maintenance.relays import open_relays
from samplebank.settings import load

#: what a server adds to an event: the id and the place of the message that brought the event
ID, PLACE = "idOfMessage", "placeOfMessage"


class BrokerServer(ABC):
    """A server of a test's own, that can be away for a while."""

    #: of the sink
    name: ClassVar[str]
    url: str

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def kill(self) -> None: ...

    @abstractmethod
    async def stored(self, sample: Sample) -> list[dict[str, Any]]:
        """The events of a sample that the server has, each with `ID` and `PLACE`."""

    @contextmanager
    def away(self) -> Iterator[None]:
        """No server while the block lasts, and the server as before behind the block."""
        self.kill()
        yield
        self.start()

    async def arrived(self, sample: Sample, count: int) -> list[dict[str, Any]]:
        """The events of a sample, once there are so many."""
        async with asyncio.timeout(PATIENCE):
            while len(found := await self.stored(sample)) < count:  # noqa: ASYNC110 the server is another process
                await asyncio.sleep(0.1)
        return found


def variable(name: str) -> str:
    """The setting with the address of a broker."""
    return f"SAMPLEBANK_EVENTS_{name.upper()}"


@asynccontextmanager
async def opened(name: str, url: str) -> AsyncIterator[Sink]:
    """The sink for a broker, connected."""
    (relay,) = open_relays(load({variable(name): url}))
    await relay.sink.prepare()
    try:
        yield relay.sink
    finally:
        await relay.sink.close()
