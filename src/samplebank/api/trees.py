"""The tree of a sample: what came out of the sample."""

from typing import Literal

from litestar import get

from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.api.samples import SampleMetaData, show_sample
from samplebank.http.operation import EXTENSIONS, operation
from samplebank.http.shapes import NoQuery, Shown, Unique
from samplebank.search.overview import SeenOverview
from samplebank.search.tree import Node, Tree, tree_of


class TreeNode(Shown):
    """A sample in its place. `repeated`: the sample stands elsewhere in the tree, with everything below."""

    depth: int
    flags: Unique[Literal["repeated"]]
    sample: SampleMetaData
    file_name: str | None = None
    parent_sha256: str | None = None
    relation: str | None = None


class TreeResponse(Shown):
    """The nodes in the order of reading: each parent before its children. `isMore` where the tree was cut."""

    nodes: list[TreeNode]
    is_more: bool = False


@get(
    f"{EXTENSIONS}/sample/{{sha256:str}}/tree",
    opt=operation("getTree", Permission.VIEW_ANALYSIS, query=NoQuery, answers=TreeResponse),
)
async def get_tree(request: Call) -> Answer:
    """Show what came out of the sample, as far as the caller may see links and samples."""
    sample = await request.visible_sample(Permission.VIEW_ANALYSIS)
    request.read_query(NoQuery)

    async def found() -> Tree[SeenOverview]:
        async with request.bank.database.connection() as db:
            return await tree_of(db, request.caller, sample.sha256)

    return await request.show(await request.dearly(found), _show)


def _show(tree: Tree[SeenOverview], directory: Directory) -> TreeResponse:
    return TreeResponse([_show_node(node, directory) for node in tree.nodes], is_more=not tree.is_whole)


def _show_node(node: Node[SeenOverview], directory: Directory) -> TreeNode:
    return TreeNode(
        depth=node.depth,
        flags=["repeated"] if node.is_repeated else [],
        sample=show_sample(node.sample, directory),
        file_name=node.name,
        parent_sha256=None if node.parent is None else node.parent.sha256.hex(),
        relation=node.relation,
    )


ROUTES = [get_tree]
