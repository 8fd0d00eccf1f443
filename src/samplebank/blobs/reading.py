"""Reading many small files in one thread."""

from collections.abc import Sequence
from pathlib import Path


def read_all(paths: Sequence[Path]) -> list[bytes | None]:
    """The contents of the files; None for a file that is not there."""
    found: list[bytes | None] = []
    for path in paths:
        try:
            found.append(path.read_bytes())
        except FileNotFoundError:
            found.append(None)
    return found
