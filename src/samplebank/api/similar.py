"""Samples that are like a sample."""

from typing import Annotated, Literal

from litestar import get
from msgspec import Meta

from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.api.people import UserAgent
from samplebank.api.samples import SampleMetaData, show_sample
from samplebank.http.operation import EXTENSIONS, operation
from samplebank.http.shapes import Body, Shown, Unique
from samplebank.samples.tlsh import FURTHEST, USUAL
from samplebank.search.overview import SeenOverview, SeenOverviews
from samplebank.search.similar import Shared, Similar, similar_to

#: samples that are told as near
MOST, FEW = 100, 25


class SimilarQuery(Body):
    distance: Annotated[int, Meta(ge=0, le=FURTHEST)] = USUAL
    limit: Annotated[int, Meta(ge=1, le=MOST)] = FEW


class NearSample(Shown):
    """A sample with the distance of its TLSH. The distance of equal digests is 0."""

    distance: int
    sample: SampleMetaData
    file_name: str | None = None


class NamedSample(Shown):
    sample: SampleMetaData
    file_name: str | None = None


class SharedFact(Shown):
    """A value of the sample with the other samples that have the value: their number, and the newest of them.

    `more`: there may be more samples than the number tells. `common`: very many samples have the value, which says little then.
    """

    kind: str
    value: str
    number: int
    flags: Unique[Literal["more", "common"]]
    newest: list[NamedSample]
    user_agent: UserAgent


class SimilarResponse(Shown):
    """Near samples, the nearest first, and what the sample shares with others. `isMore`: more samples are as near.

    A sample without facts was not analysed since workers tell facts.
    """

    distance: int
    samples: list[NearSample]
    facts: list[SharedFact]
    tlsh: str | None = None
    is_more: bool = False


@get(
    f"{EXTENSIONS}/sample/{{sha256:str}}/similar",
    opt=operation("getSimilar", Permission.VIEW_SAMPLES, query=SimilarQuery, answers=SimilarResponse),
)
async def get_similar(request: Call) -> Answer:
    """Show the samples that are like the sample, among those that the caller may see."""
    sample = await request.visible_sample(Permission.VIEW_SAMPLES)
    query = request.read_query(SimilarQuery)

    async def found() -> Similar[SeenOverview]:
        caller, shown = request.caller, SeenOverviews(request.caller)
        async with request.bank.database.transaction(read_only=True) as db:
            return await similar_to(db, caller, sample, shown, furthest=query.distance, most=query.limit)

    return await request.show(
        await request.dearly(found), lambda similar, directory: _show(similar, query.distance, directory)
    )


def _show(similar: Similar[SeenOverview], furthest: int, directory: Directory) -> SimilarResponse:
    shown = {digest: _show_named(seen, directory) for digest, seen in similar.samples.items()}
    near = [(one.distance, shown[one.sha256]) for one in similar.near if one.sha256 in shown]
    return SimilarResponse(
        distance=furthest,
        samples=[NearSample(distance, one.sample, one.file_name) for distance, one in near],
        facts=[_show_shared(one, shown) for one in similar.shared],
        tlsh=similar.tlsh,
        is_more=similar.is_more,
    )


def _show_named(seen: SeenOverview, directory: Directory) -> NamedSample:
    return NamedSample(show_sample(seen, directory), None if seen.newest is None else seen.newest.file_name)


def _show_shared(one: Shared, shown: dict[bytes, NamedSample]) -> SharedFact:
    flags: list[Literal["more", "common"]] = []
    if one.is_more:
        flags.append("more")
    if one.is_common:
        flags.append("common")
    return SharedFact(
        kind=one.fact.kind,
        value=one.fact.value,
        number=one.number,
        flags=flags,
        newest=[shown[digest] for digest in one.newest if digest in shown],
        user_agent=UserAgent(one.fact.agent_name, one.fact.agent_version),
    )


ROUTES = [get_similar]
