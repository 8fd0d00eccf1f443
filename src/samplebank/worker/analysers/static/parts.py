"""Parts of a file, each of which may be damaged: what is wrong with one costs its own facts, and no others."""

import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
#: what reading a damaged part raises: libraries give up in many ways, and names need not be UTF-8
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
    """Reads parts, and remembers the names of those that could not be read."""

    def __init__(self) -> None:
        self.damaged: list[str] = []

    def read(self, name: str, part: Callable[[], T]) -> T | None:
        """What is read of the part; None where it is damaged."""
        try:
            return part()
        except DAMAGE:
            if name not in self.damaged:
                self.damaged.append(name)
            return None

    def some(self, name: str, part: Callable[[], Sequence[T]]) -> Sequence[T]:
        """As `read`, of a part that is a list; none where it is damaged."""
        return self.read(name, part) or ()
