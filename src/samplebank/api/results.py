"""Results of tasks: an analysis and the end of its task in one request."""

from collections.abc import Iterator
from functools import partial
from uuid import UUID

import msgspec
from litestar import post

from samplebank.accounts.model import Permission
from samplebank.api.analyses import AnalysisAddRequest, read_analysis, read_facts
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.api.job_tasks import JobTaskResponse, show_task
from samplebank.api.repeated_requests import repeatable
from samplebank.database.signals import Signal
from samplebank.endings import updates
from samplebank.endings.results import TaskResult, end_with_result
from samplebank.errors import Invalid, Refusal, Violation
from samplebank.http.operation import EXTENSIONS, operation
from samplebank.http.shapes import Body, NoQuery
from samplebank.http.validation import Document


class TaskResultRequest(Body):
    lease_token: UUID
    analysis: AnalysisAddRequest


@post(
    f"{EXTENSIONS}/job/{{job_id:str}}/task/{{task_id:str}}/result",
    opt=operation(
        "addTaskResult",
        Permission.UPDATE_JOB,
        query=NoQuery,
        body=TaskResultRequest,
        answers=JobTaskResponse,
        by_claims=True,
        keyed=True,
    ),
)
@repeatable
async def add_result(request: Call) -> Answer:
    """Store the analysis of a claimed task and end the task with success. Safe to repeat: nothing is stored twice."""
    document = await request.document(TaskResultRequest, extra=request.bank.settings.max_result_size)
    bank = request.bank
    try:
        result = await _read_result(request, document)
    except Refusal:
        # an unknown task is told before the mistakes of the result
        async with bank.database.connection() as db:
            await updates.look(db, request.caller, request.path("job_id"), request.path("task_id"))
        raise
    ending = partial(
        end_with_result, caller=request.caller, result=result, rules=bank.job_rules, now=request.now
    )
    task, ended = await bank.database.optimistically(ending)
    if ended:
        bank.signals.send(Signal.VERDICTS)
    return await request.show(task, show_task)


async def _read_result(request: Call, document: Document[TaskResultRequest]) -> TaskResult:
    request.read_query(NoQuery)
    data = document.read(request.now)
    try:
        new = await read_analysis(request, data.analysis)
    except Invalid as error:
        raise Invalid(*_within_analysis(error)) from None
    facts = read_facts(data.analysis)
    return TaskResult(request.path("job_id"), request.path("task_id"), data.lease_token, new, facts)


def _within_analysis(error: Invalid) -> Iterator[Violation]:
    for violation in error.violations:
        field = f"analysis.{violation.field}" if violation.field else "analysis"
        yield msgspec.structs.replace(violation, field=field)


ROUTES = [add_result]
