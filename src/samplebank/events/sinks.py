"""Sinks for events. A sink delivers a message, or says why delivery failed; the relay does the rest."""

from typing import Protocol

import msgspec

from samplebank.timespec import Millis


class Message(msgspec.Struct, frozen=True):
    """A message about a sample. The id is the same in all attempts, so that receivers can tell repeats."""

    id: str
    kind: str
    sha256: str
    body: bytes


class Undelivered(Exception):
    """The sink did not take the message. The text says why; `answered` says whether a receiver refused the message.

    `others_pass`: the receiver is there, and may take messages of other kinds.
    """

    def __init__(self, why: str, *, answered: bool, others_pass: bool = False) -> None:
        super().__init__(why)
        self.answered = answered
        self.others_pass = others_pass


class Sink(Protocol):
    async def prepare(self) -> None:
        """Get ready for messages, or raise `Undelivered`: then no events are taken for the sink."""

    async def deliver(self, message: Message, *, now: Millis) -> None:
        """Deliver, or raise `Undelivered`. Delivering again is possible at any time."""

    async def close(self) -> None: ...
