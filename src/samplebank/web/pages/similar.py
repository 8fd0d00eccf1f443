"""The samples that are like a sample. A page of its own; with scripts a part of the relations of the sample."""

from typing import ClassVar

import msgspec
from litestar import Response, get

from samplebank.accounts.model import Permission
from samplebank.http.operation import operation
from samplebank.http.shapes import NoQuery
from samplebank.samples.tlsh import USUAL
from samplebank.search.glance import Glance, Glances
from samplebank.search.similar import Shared, Similar, similar_to
from samplebank.web.copying import Copied, of_view
from samplebank.web.querying import narrowed
from samplebank.web.rendering import Page
from samplebank.web.sample_head import Head, read_head
from samplebank.web.visit import Visit

#: near samples on the page
MOST = 25


class Like(msgspec.Struct, frozen=True):
    """A sample that is like the sample of the page, with its distance by TLSH where that is the likeness."""

    sha256: str
    name: str | None
    word: str
    score: int | None
    type: str | None
    size: int
    distance: int = 0


class InCommon(msgspec.Struct, frozen=True):
    """A value, and the query for all samples with the value."""

    kind: str
    value: str
    number: int
    is_more: bool
    is_common: bool
    newest: list[Like]
    query: str


class SimilarPage(Page, frozen=True):
    template: ClassVar[str] = "similar.html"
    section: ClassVar[str] = "samples"

    head: Head
    copied: Copied
    has_tlsh: bool
    furthest: int
    near: list[Like]
    is_more: bool
    shared: list[InCommon]


@get("/sample/{sha256:str}/similar", opt=operation("showSimilar", Permission.VIEW_SAMPLES))
async def show_similar(request: Visit) -> Response[bytes]:
    """Show near samples and values in common, as far as the visitor may see the samples."""
    request.read_query(NoQuery)

    async def look() -> tuple[Head, Similar[Glance]]:
        caller, shown = request.caller, Glances(request.caller)
        async with request.reading() as db:
            sample, head, _ = await read_head(request, db)
            return head, await similar_to(db, caller, sample, shown, furthest=USUAL, most=MOST)

    head, found = await request.dearly(look)
    malicious_score = request.bank.settings.malicious_score
    shown = {digest: _like(seen, malicious_score) for digest, seen in found.samples.items()}
    near = [
        msgspec.structs.replace(shown[one.sha256], distance=one.distance)
        for one in found.near
        if one.sha256 in shown
    ]
    return request.page(
        SimilarPage(
            copied=of_view(request.address, "similar", head.sha256),
            head=head,
            has_tlsh=found.tlsh is not None,
            furthest=USUAL,
            near=near,
            is_more=found.is_more,
            shared=[_in_common(one, shown) for one in found.shared],
        )
    )


def _like(seen: Glance, malicious_score: int) -> Like:
    return Like(
        sha256=seen.sha256,
        name=seen.name,
        word=seen.word(malicious_score),
        score=seen.score,
        type=seen.type,
        size=seen.size,
    )


def _in_common(one: Shared, shown: dict[bytes, Like]) -> InCommon:
    fact = one.fact

    return InCommon(
        kind=fact.kind,
        value=fact.value,
        number=one.number,
        is_more=one.is_more,
        is_common=one.is_common,
        newest=[shown[digest] for digest in one.newest if digest in shown],
        query=narrowed("", f"fact.{fact.kind}", fact.value),
    )


ROUTES = [show_similar]
