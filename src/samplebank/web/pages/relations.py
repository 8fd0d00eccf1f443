"""The relations of a sample: links to other samples, and links of others to this sample."""

from typing import ClassVar, Final

import msgspec
from litestar import Response, get

from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.database import Page as Part
from samplebank.http.operation import operation
from samplebank.samples import links
from samplebank.samples.links import Link
from samplebank.search.references import Reference, page_with_numbers
from samplebank.search.tree import Node, tree_below
from samplebank.verdicts.model import word_for
from samplebank.web.copying import Copied, of_view
from samplebank.web.rendering import Page
from samplebank.web.sample_head import MOST, Head, PartQuery, read_head
from samplebank.web.visit import Visit

#: links of the tree
MOST_OF_TREE: Final = 60
#: links of others to the sample that the page shows
MOST_NAMED: Final = 50


class Relation(msgspec.Struct, frozen=True):
    """A link to a sample. `word` is None where the sample is not there, or not for the visitor."""

    link: Link
    sha256: str
    customer: str
    word: str | None
    score: int | None
    type: str | None
    size: int | None


class NamedBy(msgspec.Struct, frozen=True):
    """A link of another sample to this sample."""

    link: Link
    sha256: str


class Branch(msgspec.Struct, frozen=True):
    """A sample in the tree of this sample, `depth` steps below."""

    sha256: str
    name: str | None
    depth: int
    relation: str | None
    is_repeated: bool
    word: str
    score: int | None
    type: str | None
    size: int


class Relations(Page, frozen=True):
    """`counted` are the numbers of links by type, `total` is their sum. `names_more` is whether others have further links."""

    template: ClassVar[str] = "relations.html"
    section: ClassVar[str] = "samples"

    head: Head
    copied: Copied
    counted: list[tuple[str, int]]
    total: int
    rows: list[Relation]
    named_by: list[NamedBy]
    names_more: bool
    tree: list[Branch]
    is_more: bool
    offset: int
    next_offset: int | None


@get("/sample/{sha256:str}/relations", opt=operation("showRelations", Permission.VIEW_ANALYSIS))
async def show_relations(request: Visit) -> Response[bytes]:
    """Show the links that the visitor may see, newest first."""
    caller, directory = request.caller, request.bank.directory
    async with request.reading() as db:
        sample, head, overview = await read_head(request, db)
        query = request.read_query(PartQuery)
        part = Part(MOST + 1, query.offset)
        found, counted = await page_with_numbers(db, caller, sample, part)
        named = await links.links_to(caller, sample.sha256).page(db, Part(MOST_NAMED + 1))
        # a page behind the first need not show the tree again
        leads_down = any(type_ != "parent" for type_, _ in counted)
        tree = None
        if leads_down and not query.offset:
            tree = await tree_below(db, caller, sample.id, overview, MOST_OF_TREE)
    malicious_score = request.bank.settings.malicious_score
    rows = [_relation(one, directory, malicious_score) for one in found[:MOST]]
    return request.page(
        Relations(
            copied=of_view(request.address, "relations", head.sha256),
            head=head,
            counted=counted,
            total=sum(count for _, count in counted),
            rows=rows,
            named_by=[NamedBy(one, one.sha256.hex()) for one in named[:MOST_NAMED]],
            names_more=len(named) > MOST_NAMED,
            tree=[] if tree is None else [_branch(node, malicious_score) for node in tree.nodes[1:]],
            is_more=tree is not None and not tree.is_whole,
            offset=query.offset,
            next_offset=query.offset + MOST if len(found) > MOST else None,
        )
    )


def _relation(one: Reference, directory: Directory, malicious_score: int) -> Relation:
    other = one.sample
    verdict = None if other is None else other.verdict
    return Relation(
        link=one.link,
        sha256=one.link.reference.hex(),
        customer=directory.customer(one.link.customer_id).short_name,
        word=None if other is None else word_for(verdict, malicious_score),
        score=None if verdict is None else verdict.score,
        type=None if other is None else other.type,
        size=None if other is None else other.size,
    )


def _branch(node: Node, malicious_score: int) -> Branch:
    seen = node.overview
    return Branch(
        sha256=seen.sha256.hex(),
        name=node.name,
        depth=node.depth,
        relation=node.relation,
        is_repeated=node.is_repeated,
        word=word_for(seen.verdict, malicious_score),
        score=None if seen.verdict is None else seen.verdict.score,
        type=seen.type,
        size=seen.size,
    )


ROUTES = [show_relations]
