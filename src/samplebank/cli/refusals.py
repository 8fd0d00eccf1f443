"""Refusals of the service, and of what stands in front of the service, as families of refusal."""

from collections.abc import Mapping
from typing import Final

import httpx
import msgspec

from samplebank.cli import answers
from samplebank.errors import (
    Forbidden,
    Invalid,
    NotFound,
    Refusal,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Violation,
)


class Away(Unavailable):
    """The service cannot be reached, or has no time to answer, as in a restart."""


class NothingBehind(Invalid):
    """A proxy found no service. The proxy also says so where the service has refused a file before the end of the file."""


#: refusals that end with the restart of a service
AWAY: Final = (Away, NothingBehind)
#: answers after which the same request may be served a moment later
RETRIED: Final = frozenset({500, 503, 504})
FAMILIES: Final[Mapping[int, type[Refusal]]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    413: TooLarge,
    429: Unavailable,
    500: Unavailable,
    502: NothingBehind,
    503: Away,
    504: Away,
}


def refusal_of(response: httpx.Response) -> Refusal:
    family = FAMILIES.get(response.status_code, Invalid)
    try:
        messages = msgspec.json.decode(response.content, type=answers.Refused).messages
    except (msgspec.DecodeError, UnicodeDecodeError):
        messages = []
    if not messages:
        return family(_not_in_our_words(response))
    told = [Violation(f"{m.field}: {m.message}" if m.field else m.message, m.field) for m in messages]
    if family is Unauthenticated:
        told.append(Violation("Give a valid key with --key or SAMPLEBANK_KEY."))
    return family(*told)


def _not_in_our_words(response: httpx.Response) -> str:
    """Tell what to do about an answer that the service itself would not give."""
    said = f"{response.request.url} answered {response.status_code} {response.reason_phrase}"
    if response.has_redirect_location:
        return f"{said} and points to {response.headers['Location'][:200]}: give the address that it stands for with --url."
    if response.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
        return f"{said}: something in front of the service, such as a proxy, takes no bodies of this size. See docs/proxies.md of the source."
    return f"{said}: something in front of the service, such as a proxy, refused. See docs/proxies.md of the source."


def away(url: str, error: httpx.RequestError) -> Away:
    return Away(f"The service at {url} cannot be reached: {reason_of(error)}.")


def reason_of(error: httpx.RequestError) -> str:
    return str(error).rstrip(".") or type(error).__name__
