"""The relations of a sample: links to other samples, and links of others to this sample."""

from typing import ClassVar, Final

import msgspec
from litestar import Response, get

from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.database import Page as Part
from samplebank.database import Sql
from samplebank.http.operation import operation
from samplebank.samples import links
from samplebank.samples.links import Link, Naming
from samplebank.samples.model import read_sha256
from samplebank.search.glance import Glance, Glances
from samplebank.search.overview import get_sample_with
from samplebank.search.references import Reference, References
from samplebank.search.tree import Node, below, read_below
from samplebank.web.copying import Copied, of_view
from samplebank.web.rendering import Page
from samplebank.web.sample_head import MOST, Head, PartQuery, head_of
from samplebank.web.visit import Visit

#: links of the tree
MOST_OF_TREE: Final = 60
#: links of others to the sample that the page shows
MOST_NAMED: Final = 50
#: the tree of a page without a tree
NULL: Final = Sql("NULL")


class Relation(msgspec.Struct, frozen=True):
    """A link to a sample. `word` is None where the sample is not there, or not for the visitor."""

    link: Link
    sha256: str
    customer: str
    word: str | None
    score: int | None
    type: str | None
    size: int | None


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
    named_by: list[Naming]
    names_more: bool
    tree: list[Branch]
    is_more: bool
    offset: int
    next_offset: int | None


@get("/sample/{sha256:str}/relations", opt=operation("showRelations", Permission.VIEW_ANALYSIS))
async def show_relations(request: Visit) -> Response[bytes]:
    """Show the links that the visitor may see, newest first."""
    caller, directory = request.caller, request.bank.directory
    sha256, query = read_sha256(request.path("sha256")), request.read_query(PartQuery)
    # a page behind the first need not show the tree again
    tree_below = NULL if query.offset else below(caller, MOST_OF_TREE)
    around = (links.numbers_by_type(caller), links.links_to(caller, MOST_NAMED + 1), tree_below)
    async with request.reading() as db:
        sample, overview, (numbers, naming, grown) = await get_sample_with(db, caller, sha256, *around)
        listing = References(caller, links.links_of(caller, sample), Glances(caller))
        found = await listing.page(db, Part(MOST + 1, query.offset))
    counted = [(type_, number) for type_, number in numbers or []]
    named = [Naming(*one) for one in naming or []]
    tree = None if grown is None else read_below(caller, sample.id, Glance.of(overview), grown)
    head = head_of(request, overview)
    malicious_score = request.bank.settings.malicious_score
    rows = [_relation(one, directory, malicious_score) for one in found[:MOST]]
    return request.page(
        Relations(
            copied=of_view(request.address, "relations", head.sha256),
            head=head,
            counted=counted,
            total=sum(count for _, count in counted),
            rows=rows,
            named_by=named[:MOST_NAMED],
            names_more=len(named) > MOST_NAMED,
            tree=[] if tree is None else [_branch(node, malicious_score) for node in tree.nodes[1:]],
            is_more=tree is not None and not tree.is_whole,
            offset=query.offset,
            next_offset=query.offset + MOST if len(found) > MOST else None,
        )
    )


def _relation(one: Reference[Glance], directory: Directory, malicious_score: int) -> Relation:
    other = one.sample
    return Relation(
        link=one.link,
        sha256=one.link.reference.hex(),
        customer=directory.customer(one.link.customer_id).short_name,
        word=None if other is None else other.word(malicious_score),
        score=None if other is None else other.score,
        type=None if other is None else other.type,
        size=None if other is None else other.size,
    )


def _branch(node: Node[Glance], malicious_score: int) -> Branch:
    seen = node.sample
    return Branch(
        sha256=seen.sha256,
        name=node.name,
        depth=node.depth,
        relation=node.relation,
        is_repeated=node.is_repeated,
        word=seen.word(malicious_score),
        score=seen.score,
        type=seen.type,
        size=seen.size,
    )


ROUTES = [show_relations]
