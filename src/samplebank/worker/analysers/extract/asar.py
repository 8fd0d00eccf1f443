"""Archives of Electron (asar), which hold the scripts of a program: the lengths of a tree in JSON, the tree, the bytes of all files."""

import json
import struct
from collections.abc import Iterator
from typing import Any

from samplebank.worker.analysers.extract.haul import Haul
from samplebank.worker.analysers.extract.kinds import kind_by_name

#: the length of the tree with its own length stands at 4, the length of the tree at 12
TREE_LENGTHS, TREE = struct.Struct("<4xI4xI"), 16
LIBRARIES = "node_modules/"
MOST_ENTRIES, MOST_DEEP = 100_000, 64


def open_asar(data: bytes, haul: Haul) -> None:
    """Take the files. The files of the program itself come before the libraries of others. Raises ValueError for a tree that is none."""
    behind, length = TREE_LENGTHS.unpack_from(data)
    try:
        tree = json.loads(data[TREE : TREE + length])
    except RecursionError:
        raise ValueError("the tree of the archive is too deep") from None
    files = [entry for entry in _files(tree, "", 0) if isinstance(entry[1].get("size"), int)]
    files.sort(key=lambda entry: (LIBRARIES in entry[0], kind_by_name(entry[0]), entry[0]))
    for path, entry in files[:MOST_ENTRIES]:
        size = max(entry["size"], 0)
        if not haul.begin(path, size, size):
            continue
        try:
            start = 8 + behind + int(entry["offset"])
        except (KeyError, TypeError, ValueError):
            haul.pass_over(path, size, "stands in a file of its own")
            continue
        haul.take(path, data[start : start + size] if start >= TREE else b"", "asar")


def _files(entry: Any, path: str, depth: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each file with its path. Other values than those of a tree are passed over."""
    if not isinstance(entry, dict) or depth > MOST_DEEP:
        return
    inside = entry.get("files")
    if isinstance(inside, dict):
        for name, one in inside.items():
            yield from _files(one, f"{path}/{name}".lstrip("/"), depth + 1)
    elif path:
        yield path, entry
