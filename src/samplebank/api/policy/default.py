"""The default policy: which workers run, with which options, where no rule says otherwise."""

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

from litestar import get, put
from msgspec import Meta

from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.api.people import UserInfo
from samplebank.api.policy.workers import LANGUAGE, find_user
from samplebank.database import Connection
from samplebank.errors import Violations
from samplebank.http.operation import V2, operation
from samplebank.http.shapes import Body, NoQuery, Several, Shown, Unique
from samplebank.policy import rules, workers
from samplebank.policy.model import Option, Policy, Worker

Key = Annotated[str, Meta(min_length=1, max_length=200)]
Value = Annotated[str, Meta(max_length=10_000)]


class AnalysisWorkerOptionRequest(Body):
    key: Key
    value: Value


class AnalysisPolicyUpdateRequest(Body):
    workers: Several[str] | None = None
    options: Several[AnalysisWorkerOptionRequest] | None = None


class AnalysisWorkerInfo(Shown):
    id: UUID
    short_name: str
    localized_name: str

    @classmethod
    def of(cls, worker: Worker) -> "AnalysisWorkerInfo":
        return cls(worker.id, worker.short_name, worker.names.get(LANGUAGE, worker.short_name))


class AnalysisWorkerOptionResponse(Shown):
    key: str
    value: str


OptionResponse = AnalysisWorkerOptionResponse


class AnalysisPolicyResponse(Shown):
    workers: Unique[AnalysisWorkerInfo]
    options: Unique[AnalysisWorkerOptionResponse]
    last_updated_by_user: UserInfo | None = None
    last_updated_timestamp: int | None = None


def show_options(options: Iterable[Option]) -> list[AnalysisWorkerOptionResponse]:
    return [AnalysisWorkerOptionResponse(option.key, option.value) for option in options]


def read_options(
    violations: Violations,
    field: str,
    given: list[AnalysisWorkerOptionRequest] | None,
) -> tuple[Option, ...]:
    """Read the options of a request. A repeated key is a violation of `field`."""
    options: dict[str, Option] = {}
    for position, option in enumerate(given or ()):
        if option.key in options:
            violations.add(f"{field}[{position}].key", f"The option {option.key!r} is given more than once.")
        options[option.key] = Option(option.key, option.value)
    return tuple(options.values())


@get(
    f"{V2}/policy/default",
    opt=operation("getAnalysisPolicy", Permission.VIEW_POLICY, query=NoQuery, answers=AnalysisPolicyResponse),
)
async def get_policy(request: Call) -> Answer:
    request.read_query(NoQuery)
    async with request.bank.database.connection() as db:
        row = await _with_workers(db, await rules.get_policy(db))
    return await request.show(row, _show)


@put(
    f"{V2}/policy/default",
    opt=operation(
        "updateAnalysisPolicy",
        Permission.UPDATE_POLICY,
        query=NoQuery,
        body=AnalysisPolicyUpdateRequest,
        answers=AnalysisPolicyResponse,
        installation_wide=True,
    ),
)
async def update_policy(request: Call) -> Answer:
    """Replace the workers, the options or both. A list that is not given stays."""
    document = await request.document(AnalysisPolicyUpdateRequest)
    request.read_query(NoQuery)
    data = document.read(request.now)
    violations = Violations()
    async with request.bank.database.transaction() as db:
        before = await rules.lock_policy(db)
        chosen, options = before.workers, before.options
        if data.workers is not None:
            chosen = await workers.resolve(db, "workers", data.workers, violations)
            if not data.workers:
                violations.add("workers", "The default policy keeps at least one worker.")
        if data.options is not None:
            options = read_options(violations, "options", data.options)
        violations.raise_if_any()
        after = await rules.put_policy(db, chosen, options, user_id=request.caller.user.id, now=request.now)
        await request.record(db)
        row = await _with_workers(db, after)
    return await request.show(row, _show)


async def _with_workers(db: Connection, policy: Policy) -> tuple[Policy, list[Worker]]:
    known = await workers.workers_by_id(db, policy.workers)
    return policy, [known[id_] for id_ in policy.workers]


def _show(row: tuple[Policy, list[Worker]], directory: Directory) -> AnalysisPolicyResponse:
    policy, chosen = row
    return AnalysisPolicyResponse(
        workers=[AnalysisWorkerInfo.of(worker) for worker in chosen],
        options=show_options(policy.options),
        last_updated_by_user=find_user(policy.updated_by, directory),
        last_updated_timestamp=policy.updated_time,
    )


ROUTES = [get_policy, update_policy]
