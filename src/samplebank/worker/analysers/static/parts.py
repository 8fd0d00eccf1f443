"""Reads the parts of a file, any of which may be damaged. A damaged part loses its own facts, and no other facts."""

import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
#: errors of reading a damaged part: libraries give up in many ways, and names need not be UTF-8
DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


class Parts:
    """Reads parts, and remembers the names of unreadable parts."""

    def __init__(self) -> None:
        self.damaged: list[str] = []

    def read(self, name: str, part: Callable[[], T]) -> T | None:
        """Read a part; None where the part is damaged."""
        try:
            return part()
        except DAMAGE:
            if name not in self.damaged:
                self.damaged.append(name)
            return None

    def some(self, name: str, part: Callable[[], Sequence[T]]) -> Sequence[T]:
        """Read a part that is a list; empty where the part is damaged."""
        return self.read(name, part) or ()
