"""Files as shipped by public packages: the files of the Python environment of the bench."""

import hashlib
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

SMALLEST, LARGEST = 300, 2 * 1024 * 1024
#: how the files begin whose magic number leaves no doubt
FIRM = (b"\x7fELF", b"\x89PNG", b"%PDF", b"PK\x03\x04", b"GIF8", b"MZ")


def of_packages() -> list[Path]:
    """The files under 2 MiB, in an order that says nothing of names, and the same in each run."""
    folder = Path(sysconfig.get_paths()["platlib"])
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    some = [path for path in found if SMALLEST < path.stat().st_size < LARGEST]
    return sorted(some, key=lambda path: hashlib.sha256(str(path.relative_to(folder)).encode()).digest())


def different(paths: list[Path], count: int, wanted: Callable[[bytes], bool]) -> list[Path]:
    """The first files of different contents for which `wanted` says yes."""
    return [path for path, _ in zip(_different(paths, wanted), range(count), strict=False)]


def _different(paths: list[Path], wanted: Callable[[bytes], bool]) -> Iterator[Path]:
    seen = set()
    for path in paths:
        content = path.read_bytes()
        digest = hashlib.sha256(content).digest()
        if digest not in seen and wanted(content):
            seen.add(digest)
            yield path


def is_firm(content: bytes) -> bool:
    return content.startswith(FIRM)


def is_text(content: bytes) -> bool:
    return not is_firm(content) and b"\0" not in content
