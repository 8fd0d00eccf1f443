"""The resources of a Windows program: what it carries, what it says of itself, and the icon that people see."""

import hashlib
import struct
from collections.abc import Iterator
from functools import partial
from itertools import islice, pairwise

import lief
import numpy as np

from samplebank.worker.analysers.static.measures import Budget, entropy
from samplebank.worker.analysers.static.parts import Parts
from samplebank.worker.analysers.static.programs import plain, text_of
from samplebank.worker.contract import JSON

MOST_RESOURCES, MOST_NODES, MOST_ICONS, MOST_STRINGS = 100, 5000, 100, 50
#: levels of the tree of resources: kind, name, language
LEVELS = 3
KINDS = {
    1: "cursor", 2: "bitmap", 3: "icon", 4: "menu", 5: "dialog", 6: "string", 7: "fontdir", 8: "font", 9: "accelerator",
    10: "rcdata", 11: "messagetable", 12: "group_cursor", 14: "group_icon", 16: "version", 17: "dlginclude", 19: "plugplay",
    20: "vxd", 21: "anicursor", 22: "aniicon", 23: "html", 24: "manifest",
}  # fmt: skip
#: the header of a bitmap: its size, width, twice the height, planes, bits of a pixel
BITMAP = struct.Struct("<IiiHH")
BITMAP_HEADER, TRUE_COLOURS = 40, {24: 3, 32: 4}
LARGEST_ICON = 256
#: weights of blue, green and red in the brightness of a pixel, in thousandths
BRIGHTNESS = np.array([114, 587, 299])
#: pixels of the shrunken picture: each row gives eight comparisons of neighbours
DHASH_WIDTH, DHASH_HEIGHT = 9, 8


def resource_facts(binary: lief.PE.Binary, parts: Parts, budget: Budget) -> dict[str, JSON]:
    root = binary.resources
    manager = parts.read("resources", lambda: binary.resources_manager)
    if root is None or not isinstance(manager, lief.PE.ResourcesManager):
        return {"resources": [], "version": None, "icon": None}
    found = parts.some("resources", lambda: list(islice(_leaves(root), MOST_RESOURCES)))
    described = [parts.read("resources", partial(_described, *one, budget)) for one in found]
    return {
        "resources": [one for one in described if one is not None],
        "version": parts.read("version", lambda: version_facts(manager)),
        "icon": parts.read("icon", lambda: icon_facts(manager)),
    }


def _leaves(root: lief.PE.ResourceNode) -> Iterator[tuple[tuple[str, ...], lief.PE.ResourceData]]:
    """The leaves of the tree, each with the names above. The looks at nodes have a bound."""
    waiting: list[tuple[tuple[str, ...], lief.PE.ResourceNode]] = [((), root)]
    for _ in range(MOST_NODES):
        if not waiting:
            return
        path, node = waiting.pop(0)
        if isinstance(node, lief.PE.ResourceData):
            yield path, node
        elif len(path) < LEVELS:
            waiting += [
                ((*path, _name(child, len(path))), child) for child in islice(node.childs, MOST_NODES)
            ]


def _name(node: lief.PE.ResourceNode, level: int) -> str:
    if node.has_name:
        return text_of(lambda: node.name)
    return KINDS.get(node.id, str(node.id)) if level == 0 else str(node.id)


def _described(path: tuple[str, ...], leaf: lief.PE.ResourceData, budget: Budget) -> dict[str, JSON]:
    content = leaf.content
    kind, name, language = (*path, "", "", "")[:LEVELS]
    facts: dict[str, JSON] = {"kind": kind, "name": name, "language": language, "size": len(content)}
    if budget.takes(len(content)):
        facts |= {"entropy": entropy(content), "sha256": hashlib.sha256(content).hexdigest()}
    return facts


def version_facts(manager: lief.PE.ResourcesManager) -> dict[str, JSON] | None:
    """What the program says of itself. Nothing of it is proven."""
    if not manager.has_version:
        return None
    version = manager.version[0]
    info = version.file_info
    told: dict[str, JSON] = {}
    for table in islice(version.string_file_info.children if version.string_file_info else (), MOST_STRINGS):
        for entry in islice(table.entries, MOST_STRINGS):
            told.setdefault(plain(entry.key), plain(entry.value))
    return {
        "fileVersion": _dotted(info.file_version_ms, info.file_version_ls),
        "productVersion": _dotted(info.product_version_ms, info.product_version_ls),
        "strings": dict(islice(told.items(), MOST_STRINGS)),
    }


def _dotted(high: int, low: int) -> str:
    return f"{high >> 16}.{high & 0xFFFF}.{low >> 16}.{low & 0xFFFF}"


def icon_facts(manager: lief.PE.ResourcesManager) -> dict[str, JSON] | None:
    """The largest icon: its digest, and a perceptual hash that stays the same where few pixels change."""
    icons = list(islice(manager.icons, MOST_ICONS)) if manager.has_icons else []
    if not icons:
        return None
    best = max(icons, key=lambda icon: (icon.width or LARGEST_ICON, icon.bit_count))
    pictures = (found for icon in icons if (found := _pixels(bytes(icon.pixels))) is not None)
    largest = max(pictures, key=lambda picture: picture.shape[0], default=None)
    return {
        "sha256": hashlib.sha256(best.pixels).hexdigest(),
        "width": best.width or LARGEST_ICON,
        "height": best.height or LARGEST_ICON,
        "dhash": None if largest is None else _dhash(largest),
    }


def _pixels(content: bytes) -> "np.ndarray[tuple[int, int], np.dtype[np.int64]] | None":
    """The brightness of each pixel of a bitmap in true colours; None for any other picture."""
    if len(content) < BITMAP_HEADER:
        return None
    size, width, doubled, _, bits = BITMAP.unpack_from(content)
    height, wide = doubled // 2, TRUE_COLOURS.get(bits)
    if (
        size != BITMAP_HEADER
        or wide is None
        or not 0 < width <= LARGEST_ICON
        or not 0 < height <= LARGEST_ICON
    ):
        return None
    row = (width * wide + 3) // 4 * 4
    if len(content) < BITMAP_HEADER + row * height:
        return None
    rows = np.frombuffer(content, np.uint8, row * height, BITMAP_HEADER).reshape(height, row)
    colours = rows[::-1, : width * wide].reshape(height, width, wide).astype(np.int64)
    seen: np.ndarray[tuple[int, int], np.dtype[np.int64]] = colours[:, :, :3] @ BRIGHTNESS
    return seen * colours[:, :, 3] // 255 if wide == TRUE_COLOURS[32] else seen


def _dhash(picture: "np.ndarray[tuple[int, int], np.dtype[np.int64]]") -> str:
    """64 bits in hex: whether each of 8 times 8 pixels of the shrunken picture is darker than its right neighbour."""
    rows = np.linspace(0, picture.shape[0], DHASH_HEIGHT + 1).astype(int)
    columns = np.linspace(0, picture.shape[1], DHASH_WIDTH + 1).astype(int)
    small = np.array(
        [
            [
                picture[top : max(below, top + 1), left : max(right, left + 1)].mean()
                for left, right in pairwise(columns)
            ]
            for top, below in pairwise(rows)
        ]
    )
    bits = (small[:, :-1] < small[:, 1:]).flatten()
    return f"{int(''.join('1' if bit else '0' for bit in bits), 2):016x}"
