"""What a check tells."""

from collections.abc import Awaitable
from enum import StrEnum
from typing import Protocol

import msgspec

from samplebank.assembly import Bank


class Level(StrEnum):
    """How much a finding matters. `ADVICE` is for what works, and may trouble somebody later."""

    GOOD = "good"
    ADVICE = "advice"
    FAULT = "fault"


class Finding(msgspec.Struct, frozen=True):
    """What one look at a part of the installation gave. `remedy` says what to do; None where nothing is to be done."""

    subject: str
    level: Level
    said: str
    remedy: str | None = None


class Check(Protocol):
    """Looks at parts of the installation. With `is_full` at everything, which may take hours."""

    def __call__(self, bank: Bank, *, is_full: bool) -> Awaitable[list[Finding]]: ...


def good(subject: str, said: str) -> Finding:
    return Finding(subject, Level.GOOD, said)


def advice(subject: str, said: str, remedy: str) -> Finding:
    return Finding(subject, Level.ADVICE, said, remedy)


def fault(subject: str, said: str, remedy: str) -> Finding:
    return Finding(subject, Level.FAULT, said, remedy)
