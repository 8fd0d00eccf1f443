"""The result set around every JSON answer, and the shape that all errors share."""

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from typing import Any, TypeVar

import msgspec
from litestar import Response

from samplebank.database import Page
from samplebank.database.counting import Count
from samplebank.errors import Refusal, TooMany
from samplebank.http.streaming import Pieces, Streamed, opened
from samplebank.http.whole_answers import Whole

R = TypeVar("R")
FIELD_ERROR = "FIELD_ERROR"
ACTION_ERROR = "ACTION_ERROR"
JSON = "application/json"
#: the most characters of a message, and of the field in a message
LONGEST_TOLD = 1_000
#: by status. The service does not wait for the rest of a body that is too large, too slow or not read, so the
#: connection cannot be used again after 408, 413 and 415.
HEADERS = {
    408: {"Connection": "close"},
    413: {"Connection": "close"},
    415: {"Connection": "close"},
    503: {"Retry-After": "1"},
}
encode = msgspec.json.Encoder().encode


class ResultMessage(msgspec.Struct, rename="camel", omit_defaults=True):
    message: str
    type: str
    message_template: str | None = None
    field: str | None = None
    parameter: str | None = None


class Envelope(msgspec.Struct, rename="camel"):
    """`count` is the number of all matches, `size` the number of items in the answer. Both are 0 for a single object."""

    response_code: int
    limit: int = 0
    offset: int = 0
    count: int = 0
    size: int = 0
    meta_data: dict[str, Any] = {}
    messages: list[ResultMessage] = []
    data: Any = None


Answer = Response[bytes]


def single(data: Any, status: int = 200) -> Answer:
    """Answer a single object."""
    return _answer(Envelope(status, data=data), status)


def several(rows: list[Any], page: Page, count: Count, meta_data: dict[str, Any] | None = None) -> Answer:
    """Answer one page of a list. Where the number of all matches is not known, `countAtLeast` says what is known."""
    known = {} if count.is_exact else {"countAtLeast": count.at_least}
    return _answer(
        Envelope(
            response_code=200,
            limit=page.limit,
            offset=page.offset,
            count=count.number,
            size=len(rows),
            meta_data=known | (meta_data or {}),
            data=rows,
        ),
        200,
    )


async def all_of(
    pieces: AsyncGenerator[list[R], None], page: Page, count: int, show: Callable[[R], Any]
) -> Streamed:
    """Answer a list of any length, sent while the list is read.

    A fault that keeps the list from being read at all is raised before the answer begins.
    """
    written = await opened(_written(pieces, page, count, show))
    return Streamed(written, status=200, media_type=JSON, headers={})


async def _written(
    pieces: AsyncGenerator[list[R], None],
    page: Page,
    count: int,
    show: Callable[[R], Any],
) -> Pieces:
    size = 0
    head = b'{"responseCode":200,"limit":0,"offset":%d,"metaData":{},"messages":[],"data":[' % page.offset
    async with aclosing(pieces):
        async for rows in pieces:
            yield (b"," if size else head) + b",".join(encode(show(row)) for row in rows)
            size += len(rows)
    if not size:
        yield head
    yield b'],"count":%d,"size":%d}' % (count if count >= 0 else page.offset + size, size)


def refusal(error: Refusal) -> Answer:
    return failure(
        error.status,
        [message_of(error, violation) for violation in error.violations],
        {"Retry-After": str(error.wait)} if isinstance(error, TooMany) else HEADERS.get(error.status),
    )


def message_of(error: Refusal, violation: Any) -> ResultMessage:
    kind = FIELD_ERROR if violation.field and error.status == 412 else ACTION_ERROR  # noqa: PLR2004 an HTTP status
    said, field = _cut(violation.message), violation.field
    return ResultMessage(
        message=said, type=kind, message_template=violation.template or said, field=field and _cut(field)
    )


def _cut(text: str) -> str:
    """Shorten a text: a message may quote text of the request, however long."""
    return text if len(text) <= LONGEST_TOLD else f"{text[:LONGEST_TOLD]} …"


def failure(status: int, messages: Iterable[ResultMessage], headers: dict[str, str] | None = None) -> Answer:
    listed = list(messages) or [
        ResultMessage(message="The request was refused.", type=ACTION_ERROR, message_template="refused")
    ]
    return _answer(Envelope(status, messages=listed), status, headers)


def _answer(envelope: Envelope, status: int, headers: dict[str, str] | None = None) -> Answer:
    return Whole(encode(envelope), media_type=JSON, status_code=status, headers=headers)
