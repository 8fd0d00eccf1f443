"""The registry of analysis workers."""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post, put
from msgspec import Meta

from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api.call import Call
from samplebank.api.envelope import JSON, Answer
from samplebank.api.people import UserInfo
from samplebank.api.repeated_requests import repeatable
from samplebank.database.identifiers import find_id
from samplebank.errors import Violations
from samplebank.http.operation import V2, operation
from samplebank.http.shapes import Body, NoQuery, PageQuery, Shown, Unique, Word, unless_given
from samplebank.policy import workers
from samplebank.policy.model import Worker, WorkerContent

Sort = Literal[
    "shortName",
    "createdTimestamp",
    "lastUpdatedTimestamp",
    "deletedTimestamp",
    "-shortName",
    "-createdTimestamp",
    "-lastUpdatedTimestamp",
    "-deletedTimestamp",
]
LANGUAGE = "english"
#: texts by language; every list of workers holds all texts
Localized = dict[str, Annotated[str, Meta(max_length=10_000)]]


class WorkerListQuery(PageQuery):
    sort_by: Annotated[list[Sort] | None, unless_given(["shortName"])] = None
    include_deleted: bool = False


class AnalysisWorkerAddRequest(Body):
    short_name: Word
    localized_names: Localized
    localized_descriptions: Localized
    schema: Any = None


class AnalysisWorkerUpdateRequest(Body):
    short_name: Word | None = None
    localized_names: Localized | None = None
    localized_descriptions: Localized | None = None
    schema: Any = None


class AnalysisWorkerResponse(Shown):
    id: UUID
    short_name: str
    localized_name: str
    localized_description: str
    localized_names: dict[str, str]
    localized_descriptions: dict[str, str]
    flags: Unique[Literal["deleted"]]
    created_by_user: UserInfo
    created_timestamp: int
    last_updated_by_user: UserInfo | None = None
    last_updated_timestamp: int | None = None
    deleted_by_user: UserInfo | None = None
    deleted_timestamp: int | None = None


def find_user(id_: int | None, directory: Directory) -> UserInfo | None:
    return None if id_ is None else UserInfo.of(directory.subject(id_))


def show_worker(row: Worker, directory: Directory) -> AnalysisWorkerResponse:
    return AnalysisWorkerResponse(
        id=row.id,
        short_name=row.short_name,
        localized_name=row.names.get(LANGUAGE, row.short_name),
        localized_description=row.descriptions.get(LANGUAGE, ""),
        localized_names=row.names,
        localized_descriptions=row.descriptions,
        flags=[] if row.deleted_time is None else ["deleted"],
        created_by_user=UserInfo.of(directory.subject(row.created_by)),
        created_timestamp=row.created_time,
        last_updated_by_user=find_user(row.updated_by, directory),
        last_updated_timestamp=row.updated_time,
        deleted_by_user=find_user(row.deleted_by, directory),
        deleted_timestamp=row.deleted_time,
    )


@get(
    f"{V2}/worker",
    opt=operation(
        "listAnalysisWorkers",
        Permission.VIEW_WORKER,
        query=WorkerListQuery,
        answers=list[AnalysisWorkerResponse],
    ),
)
async def list_workers(request: Call) -> Answer:
    query = request.read_query(WorkerListQuery)
    page = query.page(query.sort_by)
    async with request.bank.database.connection() as db:
        rows, total = await workers.list_workers(db, page, include_deleted=query.include_deleted)
    return await request.show_page(rows, page, total, show_worker)


@post(
    f"{V2}/worker",
    opt=operation(
        "addAnalysisWorker",
        Permission.ADD_WORKER,
        query=NoQuery,
        body=AnalysisWorkerAddRequest,
        answers=AnalysisWorkerResponse,
        status=201,
        installation_wide=True,
        keyed=True,
    ),
)
@repeatable
async def add_worker(request: Call) -> Answer:
    """Register a worker. A repeated request answers the worker that the first request made."""
    document = await request.document(AnalysisWorkerAddRequest)
    request.read_query(NoQuery)
    data = document.read(request.now)
    check_content(data)
    async with request.bank.database.transaction() as db:
        row, is_new = await workers.add_worker(
            db,
            _content(data),
            user_id=request.caller.user.id,
            now=request.now,
        )
        await request.record(db, target=row.short_name)
    return await request.show(row, show_worker, 201 if is_new else 200)


@get(
    f"{V2}/worker/{{worker:str}}",
    opt=operation("getAnalysisWorker", Permission.VIEW_WORKER, query=NoQuery, answers=AnalysisWorkerResponse),
)
async def get_worker(request: Call) -> Answer:
    async with request.bank.database.connection() as db:
        row = await workers.get_worker(db, request.path("worker"))
    request.read_query(NoQuery)
    return await request.show(row, show_worker)


@get(
    f"{V2}/worker/{{worker:str}}/schema",
    opt=operation("fetchAnalysisWorkerSchema", Permission.VIEW_WORKER, query=NoQuery),
)
async def get_schema(request: Call) -> Answer:
    """Get the JSON Schema of the worker's results as registered, without an envelope."""
    async with request.bank.database.connection() as db:
        schema = await workers.get_schema(db, request.path("worker"))
    request.read_query(NoQuery)
    return Response(content=msgspec.json.encode(schema), media_type=JSON)


@put(
    f"{V2}/worker/{{worker:str}}",
    opt=operation(
        "updateAnalysisWorker",
        Permission.UPDATE_WORKER,
        query=NoQuery,
        body=AnalysisWorkerUpdateRequest,
        answers=AnalysisWorkerResponse,
        installation_wide=True,
    ),
)
async def update_worker(request: Call) -> Answer:
    document = await request.document(AnalysisWorkerUpdateRequest)
    reference = request.path("worker")
    async with request.bank.database.transaction() as db:
        await workers.get_worker(db, reference)
        request.read_query(NoQuery)
        data = document.read(request.now)
        check_content(data)
        row = await workers.update_worker(
            db,
            reference,
            _content(data),
            user_id=request.caller.user.id,
            now=request.now,
        )
        await request.record(db, target=row.short_name)
    return await request.show(row, show_worker)


@delete(
    f"{V2}/worker/{{worker:str}}",
    opt=operation(
        "deleteAnalysisWorker",
        Permission.DELETE_WORKER,
        query=NoQuery,
        answers=AnalysisWorkerResponse,
        installation_wide=True,
    ),
    status_code=200,
)
async def delete_worker(request: Call) -> Answer:
    """Take the worker out of the policy. The worker stays readable, and the worker's open tasks stay."""
    async with request.bank.database.transaction() as db:
        row = await workers.delete_worker(
            db,
            request.path("worker"),
            user_id=request.caller.user.id,
            now=request.now,
        )
        # a refusal undoes the deletion; what is not there is told first
        request.read_query(NoQuery)
        await request.record(db, target=row.short_name)
    return await request.show(row, show_worker)


def check_content(data: AnalysisWorkerAddRequest | AnalysisWorkerUpdateRequest) -> None:
    """Raise `Invalid` with all that is wrong with name, texts and schema."""
    violations = Violations()
    if data.short_name is not None and not data.short_name:
        violations.add("shortName", "A worker needs a name.")
    if data.short_name is not None and find_id(data.short_name) is not None:
        said = "A short name cannot look like an id: nobody could tell the worker from the id."
        violations.add("shortName", said)
    names, descriptions = data.localized_names, data.localized_descriptions
    for field, texts in (("localizedNames", names), ("localizedDescriptions", descriptions)):
        if texts is not None:
            workers.check_texts(field, texts, violations)
    if data.schema is not None:
        workers.check_schema(data.schema, violations)
    violations.raise_if_any()


def _content(data: AnalysisWorkerAddRequest | AnalysisWorkerUpdateRequest) -> WorkerContent:
    return WorkerContent(
        short_name=data.short_name,
        names=data.localized_names,
        descriptions=data.localized_descriptions,
        schema=None if data.schema is None else msgspec.json.encode(data.schema),
    )


ROUTES = [list_workers, add_worker, get_worker, get_schema, update_worker, delete_worker]
