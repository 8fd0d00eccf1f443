"""The tree of a sample in text: what came out of the sample, one line for each file."""

from collections.abc import Iterator
from typing import Final

import msgspec
from rich.console import RenderableType
from rich.text import Text

from samplebank.cli import printing
from samplebank.cli.answers import Tree, TreeNode
from samplebank.cli.following import assessment

#: lines of the tree; --json has all
MOST: Final = 200


def parts(told: msgspec.Raw | None) -> Iterator[RenderableType]:
    """The section with the tree; nothing for a sample that nothing came out of."""
    tree = None if told is None else msgspec.json.decode(told, type=Tree)
    if tree is None or len(tree.nodes) < 2:  # noqa: PLR2004 the sample itself is the first node
        return
    yield ""
    yield printing.table(("TREE", "VERDICT", "TYPE", "SHA-256"), map(_row, tree.nodes[: MOST + 1]))
    if tree.is_more or len(tree.nodes) > MOST + 1:
        yield "The tree is larger; the API tells all of it."


def _row(node: TreeNode) -> tuple[object, ...]:
    name = printing.printable(node.file_name or "a file without a name")
    indent = "│ " * (node.depth - 1) + "├ " if node.depth else ""
    repeated = " (as above)" if "repeated" in node.flags else ""
    verdict, kind = node.sample.latest_verdict, node.sample.latest_classification
    word = "unknown" if verdict is None else f"{assessment(verdict)} {verdict.score}"
    return Text(f"{indent}{name}{repeated}"), word, kind.type if kind else "", node.sample.sha256
