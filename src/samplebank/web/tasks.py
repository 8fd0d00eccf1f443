"""Service tasks that forms open, each with a page that tells how far the task is."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import Response
from msgspec import Meta

from samplebank.api import envelope
from samplebank.api.envelope import Answer
from samplebank.api.repeated_requests import once
from samplebank.api.service_tasks import SampleServiceTaskResponse
from samplebank.errors import invalid
from samplebank.query.parsing import LONGEST
from samplebank.web.visit import Visit

RELOAD: Final = "The form is not complete: load the page again, and send the form again."
EVERYTHING: Final = "Without a query everything would be analysed again: search first."

Key = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]


class QueryForm(msgspec.Struct, frozen=True):
    """The query whose matches are analysed again. `key` tells a form that is sent twice."""

    q: Annotated[str, Meta(max_length=LONGEST)]
    key: Key


async def read_query_form(request: Visit) -> QueryForm:
    """Read the form for everything that a query finds. Raises `Invalid`, also for an empty query."""
    form = {name: values[0] for name, values in (await request.read_form()).items()}
    try:
        wanted = msgspec.convert({"q": form.get("q", ""), "key": form.get("key", "")}, QueryForm)
    except msgspec.ValidationError as error:
        raise invalid("q", RELOAD) from error
    if not wanted.q.strip():
        raise invalid("q", EVERYTHING)
    return wanted


async def to_task(
    request: Visit, key: str, content: str, begin: Callable[[], Awaitable[UUID]]
) -> Response[bytes]:
    """Open a task, and lead to the page of the task. A form that is sent twice leads to the task of the first time."""

    async def open_task() -> Answer:
        return envelope.single(SampleServiceTaskResponse(await begin()))

    answer = await once(request, key, content.encode(), open_task)
    told = msgspec.json.decode(answer.content)
    return request.to(f"failures/retry/{told['data']['correlationID']}")
