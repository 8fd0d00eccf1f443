"""The families of refusal. Concepts raise refusals; doors translate refusals to statuses and exit codes.

Messages are whole sentences that the user can act on.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import ClassVar

import msgspec

#: the most violations that are told of a request
MOST_TOLD = 100
#: the most characters of a sentence that quotes the request
LONGEST_QUOTING = 300


class Violation(msgspec.Struct, frozen=True):
    """A mistake in a request. `field` is the path of the mistake as sent (`tags[1].type`), if the mistake has a path."""

    message: str
    field: str | None = None
    template: str | None = None


def path_of(parts: Iterable[str | int]) -> str:
    """`["tags", 1, "type"]` as `tags[1].type`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return text.removeprefix(".")


def shortened(sentence: str) -> str:
    """A sentence that quotes the request, without the middle of a long quotation: the reason stands at the end."""
    half = LONGEST_QUOTING // 2
    return sentence if len(sentence) <= LONGEST_QUOTING else f"{sentence[:half]} … {sentence[-half:]}"


class Refusal(Exception):
    """A request that the service declines, with the reasons."""

    status: ClassVar[int] = 500

    def __init__(self, *violations: Violation | str) -> None:
        self.violations = tuple(Violation(v) if isinstance(v, str) else v for v in violations)
        super().__init__(" ".join(v.message for v in self.violations))


class Invalid(Refusal):
    """The request is understood but breaks a rule; every violation is named."""

    status = 412


class Malformed(Invalid):
    """The body is not JSON."""

    status = 400


class TooLarge(Invalid):
    """More bytes than the service takes."""

    status = 413


class Unsupported(Invalid):
    """A body in a form that the service does not read."""

    status = 415


class TooSlow(Invalid):
    """The client takes too long to send the request."""

    status = 408


class Unchallengeable(Invalid):
    """The file is too small for a challenge. The submitter uploads the file again instead."""

    status = 422


class Unauthenticated(Refusal):
    status = 401


class Forbidden(Refusal):
    status = 403


class NotFound(Refusal):
    """Not there, or not visible to the caller. No answer tells which."""

    status = 404


class Gone(Refusal):
    """What the caller asks for was there, and is not kept any more."""

    status = 410


class Conflict(Refusal):
    """The state of things does not allow the request. SampleDB v2 answers 412 for conflicts, as for violations."""

    status = 412


class Unavailable(Refusal):
    """A part that the service needs is not there at the moment; trying again later may help."""

    status = 503


class Damaged(Unavailable):
    """Stored bytes do not match their name."""


class TooMany(Refusal):
    """The caller asks too often; `wait` seconds from now the same request may be served."""

    status = 429

    def __init__(self, message: str, *, wait: int = 1) -> None:
        super().__init__(message)
        self.wait = max(1, wait)


class Violations:
    """Collects violations, so that all violations are told at once."""

    def __init__(self) -> None:
        self._found: list[Violation] = []

    def add(self, field: str, message: str) -> None:
        self.extend((Violation(message, field),))

    def extend(self, violations: Iterable[Violation]) -> None:
        """Keep the first `MOST_TOLD` violations. Nobody reads more, and a body may have as many violations as bytes."""
        self._found.extend(islice(violations, MOST_TOLD - len(self._found)))

    def raise_if_any(self) -> None:
        if self._found:
            raise Invalid(*self._found)

    def __iter__(self) -> Iterator[Violation]:
        return iter(self._found)

    def __bool__(self) -> bool:
        return bool(self._found)


def invalid(field: str, message: str) -> Invalid:
    """An `Invalid` about one field."""
    return Invalid(Violation(message, field))
