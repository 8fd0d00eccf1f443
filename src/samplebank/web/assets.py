"""Style, scripts and pictures of the pages, read once. Their paths hold the digest of their content."""

import gzip
import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final, NamedTuple

MEDIA_TYPES: Final = {
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}


class Asset(NamedTuple):
    media_type: str
    content: bytes
    packed: bytes


def _read(folder: Traversable) -> dict[str, Asset]:
    found = {}
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        media_type = MEDIA_TYPES.get(entry.name.rpartition(".")[2])
        if media_type is not None:
            content = entry.read_bytes()
            found[entry.name] = Asset(media_type, content, gzip.compress(content, 9, mtime=0))
    return found


ASSETS: Final = _read(files("samplebank.web") / "static")
#: the digest of all files: a module of JavaScript names its neighbours by their plain names
DIGEST: Final = hashlib.sha256(
    b"".join(name.encode() + b"\0" + asset.content for name, asset in ASSETS.items())
).hexdigest()[:16]


def path_of(name: str) -> str:
    """The path of a file, relative to the first page. Raises `KeyError` for a file that is not there."""
    ASSETS[name]
    return f"-/{DIGEST}/{name}"
