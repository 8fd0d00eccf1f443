"""Service tasks that forms open, each with a page that tells how far the task is."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import msgspec
from litestar import Response

from samplebank.api import envelope
from samplebank.api.envelope import Answer
from samplebank.api.repeated_requests import once
from samplebank.api.service_tasks import SampleServiceTaskResponse
from samplebank.web.visit import Visit


async def to_task(
    request: Visit, key: str, content: str, begin: Callable[[], Awaitable[UUID]]
) -> Response[bytes]:
    """Open a task, and lead to the page of the task. A form that is sent twice leads to the task of the first time."""

    async def open_task() -> Answer:
        return envelope.single(SampleServiceTaskResponse(await begin()))

    answer = await once(request, key, content.encode(), open_task)
    told = msgspec.json.decode(answer.content)
    return request.to(f"failures/retry/{told['data']['correlationID']}")
