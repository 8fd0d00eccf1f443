"""Reads the parts of a file, any of which may be damaged. A damaged part loses its own facts, and no other facts."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from samplebank.worker.analysers.damage import DAMAGE

T = TypeVar("T")


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
