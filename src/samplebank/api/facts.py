"""Static facts: list facts, and add a fact."""

from functools import partial
from typing import Annotated, Literal
from uuid import UUID

from litestar import Response, get, post
from msgspec import Meta

from samplebank.accounts.caller import Caller
from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.api.people import UserAgent, UserAgentRequest, UserInfo, known_user
from samplebank.api.repeated_requests import repeatable
from samplebank.http.operation import V2, operation
from samplebank.http.shapes import Body, NoQuery, PageQuery, Shown, Unique, unless_given
from samplebank.http.streaming import Streamed
from samplebank.samples import facts
from samplebank.samples.facts import NewFact
from samplebank.samples.model import StaticFact

Sort = Literal["key", "createdTimestamp", "-key", "-createdTimestamp"]
Key = Annotated[str, Meta(min_length=1, max_length=255)]
Value = Annotated[str, Meta(max_length=10_000)]


class StaticFactAddRequest(Body):
    key: Key
    value: Value
    user_agent: UserAgentRequest


class StaticFactResponse(Shown):
    id: UUID
    sample_sha256: str
    key: str
    value: str
    user_agent: UserAgent
    created_timestamp: int
    created_by_user: UserInfo | None = None


class StaticFactQuery(PageQuery):
    sort_by: Annotated[list[Sort] | None, unless_given(["key"])] = None
    key: Unique[str] | None = None


def show_fact(caller: Caller, row: StaticFact, directory: Directory) -> StaticFactResponse:
    """Show a fact, with its author only where the caller may know the author.

    All who have the sample see the fact. The author would tell them who else has the sample.
    """
    return StaticFactResponse(
        id=row.id,
        sample_sha256=row.sha256.hex(),
        key=row.key,
        value=row.value,
        user_agent=UserAgent(row.agent_name, row.agent_version),
        created_timestamp=row.created_time,
        created_by_user=known_user(row.user_id, caller, directory, Permission.VIEW_SAMPLES),
    )


@get(
    f"{V2}/sample/{{sha256:str}}/fact",
    opt=operation(
        "listStaticFact", Permission.VIEW_SAMPLES, query=StaticFactQuery, answers=list[StaticFactResponse]
    ),
)
async def list_facts(request: Call) -> Response[bytes] | Streamed:
    """List the facts of the sample, by key unless sorted otherwise."""
    sample = await request.visible_sample(Permission.VIEW_SAMPLES)
    query = request.read_query(StaticFactQuery)
    listing = facts.facts_of(sample, query.key or None, query.sort_by or ["key"])
    return await request.show_list(listing, query.page(), partial(show_fact, request.caller))


@post(
    f"{V2}/sample/{{sha256:str}}/fact",
    opt=operation(
        "addStaticFact",
        Permission.ADD_FACT,
        query=NoQuery,
        body=StaticFactAddRequest,
        answers=StaticFactResponse,
        status=201,
        also={200: StaticFactResponse},
        keyed=True,
    ),
)
@repeatable
async def add_fact(request: Call) -> Answer:
    """Add a fact. A fact that the sample already has, with the same value, answers 200."""
    document = await request.document(StaticFactAddRequest)
    sample = await request.visible_sample(Permission.ADD_FACT)
    request.read_query(NoQuery)
    data = document.read(request.now)
    new = NewFact(
        key=data.key, value=data.value, agent_name=data.user_agent.name, agent_version=data.user_agent.version
    )
    async with request.bank.database.transaction() as db:
        fact, is_new = await facts.add(
            db, sample.sha256, new, user_id=request.caller.user.id, now=request.now
        )
        await request.record(db, sha256=sample.sha256, details={"fact": fact.key})
    return await request.show(fact, partial(show_fact, request.caller), 201 if is_new else 200)


ROUTES = [list_facts, add_fact]
