"""What the sinks for brokers have in common: the connection, and the rest while a broker is away."""

import asyncio
import math
import time
from abc import ABC, abstractmethod
from typing import Final

from samplebank.events.sinks import Message, Undelivered
from samplebank.timespec import Millis

#: seconds until an absent broker is tried again; each further pause is twice as long, up to the longest pause
FIRST_REST: Final = 0.5
LONGEST_REST: Final = 5.0
#: seconds for a broker to take a connection, and to confirm an event
PATIENCE: Final = 8.0
BROKE: Final = "the connection broke"
CONTENT_TYPE: Final = "application/cloudevents+json"


class Broker(ABC):
    """A sink that keeps a connection. While the broker is away, the sink rests, and takes no events."""

    def __init__(self) -> None:
        self._rest = FIRST_REST
        self._rests_until = 0.0
        self._why = ""
        #: when the broker last took an event
        self._took = -math.inf

    async def prepare(self) -> None:
        """Connect, if needed. Raises `Undelivered` while the broker is away."""
        if time.monotonic() < self._rests_until:
            raise Undelivered(self._why, answered=False)
        if self.is_connected:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await self.close()
                await self.connect()
        # A client may raise any error, and must not end the housework.
        except (Exception, asyncio.CancelledError) as error:
            _leave_if_cancelled(error)
            raise self._away(f"The broker cannot be reached: {_told(error)}") from error

    async def deliver(self, message: Message, *, now: Millis) -> None:  # noqa: ARG002 for sinks that sign
        """Send, and wait until the broker has stored the message."""
        try:
            await self.send(message)
        except Undelivered as error:
            if not error.answered and not (error.others_pass and self._takes_others()):
                self._away(str(error))
            raise
        except (Exception, asyncio.CancelledError) as error:  # as in `prepare`
            _leave_if_cancelled(error)
            raise self._away(f"The broker did not take the event: {_told(error)}") from error
        self._rest, self._took = FIRST_REST, time.monotonic()

    def _takes_others(self) -> bool:
        """Whether the broker took an event lately. A rest for the sake of some events would hold all events up."""
        return time.monotonic() - self._took < LONGEST_REST

    def _away(self, why: str) -> Undelivered:
        if time.monotonic() >= self._rests_until:
            self._rests_until = time.monotonic() + self._rest
            self._rest = min(2 * self._rest, LONGEST_REST)
        self._why = why
        return Undelivered(why, answered=False)

    @property
    @abstractmethod
    def is_connected(self) -> bool: ...

    @abstractmethod
    async def connect(self) -> None: ...

    @abstractmethod
    async def send(self, message: Message) -> None:
        """Send, and await the confirmation. Raises `Undelivered` with `answered` where the message itself is refused."""

    @abstractmethod
    async def close(self) -> None: ...


def _leave_if_cancelled(error: BaseException) -> None:
    """Raise the error where the task is to end.

    A client also cancels what waits for a connection that has broken. The relay would end in silence, and goes on instead.
    """
    task = asyncio.current_task()
    if isinstance(error, asyncio.CancelledError) and (task is None or task.cancelling()):
        raise error


def _told(error: BaseException) -> str:
    return BROKE if isinstance(error, asyncio.CancelledError) else str(error) or type(error).__name__
