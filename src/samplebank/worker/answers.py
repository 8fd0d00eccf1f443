"""What an answer of the service means for a worker: data, a reason to try again, or a refusal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from samplebank.worker.connection import Answer
from samplebank.worker.errors import KeyRefused, LeaseLost, ServiceRefused, ServiceUnavailable

SUCCESS = range(200, 300)
SERVER_ERRORS = range(500, 600)
TOO_MANY_REQUESTS, NOT_FOUND, PRECONDITION_FAILED, UNAUTHORIZED = 429, 404, 412, 401


@contextmanager
def losing_leases(*, unless_field: bool = False) -> Iterator[None]:
    """Take the refusals of a call for the loss of the lease, but for those of a field where the call has others."""
    try:
        yield
    except ServiceRefused as refusal:
        is_spared = unless_field and refusal.names_field
        if refusal.status in {PRECONDITION_FAILED, NOT_FOUND} and not is_spared:
            raise LeaseLost(str(refusal)) from None
        raise


def checked(answer: Answer, request: str, *, enveloped: bool = True) -> Any:
    """Return the data of the envelope. Raises `ServiceUnavailable`, `KeyRefused` or `ServiceRefused`."""
    try:
        envelope = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        envelope = None
    status = answer.status
    if status in SUCCESS and isinstance(envelope, dict):
        return envelope.get("data") if enveloped else envelope
    sentence = f"The service answered {status} to {request}: {_messages(envelope)}"
    if status in SERVER_ERRORS or status == TOO_MANY_REQUESTS or status in SUCCESS:
        raise ServiceUnavailable(sentence)
    if status == UNAUTHORIZED:
        raise KeyRefused(sentence)
    raise ServiceRefused(status, sentence, names_field=any(one.get("field") for one in _told(envelope)))


def _told(envelope: Any) -> list[dict[str, Any]]:
    messages = envelope.get("messages") if isinstance(envelope, dict) else None
    return [one for one in messages or [] if isinstance(one, dict)]


def _messages(envelope: Any) -> str:
    return " ".join(map(_said, _told(envelope))) or "no reason given."


def _said(message: dict[str, Any]) -> str:
    field, text = message.get("field"), str(message.get("message"))
    return f"{field}: {text}" if field else text
