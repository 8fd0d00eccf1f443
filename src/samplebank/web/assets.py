"""Style, scripts and pictures of the pages, read once. Their paths hold the digest of their content.

The files of `static/app` are one module, `app.js`: every page loads the module, and each file more would be a request more.
"""

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
    for entry in sorted(folder.iterdir(), key=_name):
        if entry.is_dir():
            name, content = f"{entry.name}.js", _whole(entry)
        else:
            name, content = entry.name, entry.read_bytes()
        media_type = MEDIA_TYPES.get(name.rpartition(".")[2])
        if media_type is not None:
            found[name] = Asset(media_type, content, gzip.compress(content, 9, mtime=0))
    return found


def _whole(folder: Traversable) -> bytes:
    """The parts of a module of JavaScript, one after the other: what a part needs while loading is in a function."""
    return b"\n".join(part.read_bytes() for part in sorted(folder.iterdir(), key=_name))


def _name(entry: Traversable) -> str:
    return entry.name


ASSETS: Final = _read(files("samplebank.web") / "static")
#: the digest of all files: a module of JavaScript names its neighbours by their plain names
DIGEST: Final = hashlib.sha256(
    b"".join(name.encode() + b"\0" + asset.content for name, asset in ASSETS.items())
).hexdigest()[:16]


def path_of(name: str) -> str:
    """The path of a file, relative to the first page. Raises `KeyError` for a file that is not there."""
    ASSETS[name]
    return f"-/{DIGEST}/{name}"
