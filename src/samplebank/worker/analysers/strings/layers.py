"""Peels the layers of a script: what is encoded in a text, and what a text says once its expressions are resolved.

Each layer is peeled again, breadth first. Depth, number, bytes and time are bounded.
"""

import hashlib
from collections import deque
from collections.abc import Iterator

import msgspec

from samplebank.worker.analysers.allowance import Allowance
from samplebank.worker.analysers.strings.encodings import Encoded, encoded_in
from samplebank.worker.analysers.strings.indicators import Indicators
from samplebank.worker.analysers.strings.rewriting import rewritten
from samplebank.worker.analysers.strings.runs import is_text, whole_text, windows
from samplebank.worker.analysers.strings.words import revealed

MOST_DEPTH, MOST_LAYERS, MOST_BYTES = 8, 50, 16 * 1024 * 1024
SECONDS = 10.0
#: bytes of a text that are peeled
MOST_OF_TEXT = 4 * 1024 * 1024
MOST_WORDS = 20


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """What was peeled off. `number` counts from 1; `parent` 0 is the file itself, `where` the offset in the parent.

    `grave` and `slight` are the words that the parent does not show.
    """

    number: int
    parent: int
    depth: int
    where: int
    how: tuple[str, ...]
    content: bytes
    grave: tuple[str, ...]
    slight: tuple[str, ...]

    @property
    def is_text(self) -> bool:
        return is_text(self.content)

    @property
    def file_name(self) -> str:
        return f"layer{self.number}.{'txt' if self.is_text else 'bin'}"


class _Waiting(msgspec.Struct, frozen=True):
    """A text to peel. `shown` is the text of the nearest layer that is kept; a resolved text has no expressions left."""

    text: bytes
    parent: int
    depth: int
    how: tuple[str, ...]
    shown: bytes
    is_resolved: bool = False


class Peeling:
    """The layers found so far. `limits` has a sentence for each bound that was met."""

    def __init__(self, indicators: Indicators) -> None:
        self.layers: list[Layer] = []
        self.limits: dict[str, None] = {}
        self._indicators = indicators
        self._seen: set[bytes] = set()
        self._bytes = 0
        self._allowance = Allowance(SECONDS)

    def peel(self, text: bytes, *, only_encoded: bool = False) -> None:
        """Peel the file. With `only_encoded`, the text is gathered from a file of bytes, and has no expressions."""
        if len(text) > MOST_OF_TEXT:
            self.limits.setdefault(f"Only the first {MOST_OF_TEXT} bytes of text are peeled.")
        first = text[:MOST_OF_TEXT]
        self._is_new(first)
        waiting = deque([_Waiting(first, 0, 0, (), first)])
        while waiting and not self._is_over():
            current = waiting.popleft()
            if current.depth >= MOST_DEPTH:
                self.limits.setdefault(f"Layers deeper than {MOST_DEPTH} are not peeled.")
                continue
            waiting.extend(self._below(current, only_encoded=only_encoded and current.depth == 0))

    def _below(self, current: _Waiting, *, only_encoded: bool) -> Iterator[_Waiting]:
        for found in encoded_in(current.text):
            if self._is_over():
                return
            if len(found.content) <= MOST_BYTES - self._bytes and self._is_new(found.content):
                yield from self._encoded(current, found, is_script=not only_encoded)
        if not (only_encoded or current.is_resolved or self._is_over()):
            text, how = rewritten(current.text)
            if how and self._is_new(text):
                yield self._rewritten(current, text, how)

    def _encoded(self, current: _Waiting, found: Encoded, *, is_script: bool) -> Iterator[_Waiting]:
        grave, slight = revealed(found.content, b"")
        if is_script or grave:
            layer = self._kept(current, found, grave, slight)
            if layer.is_text:
                yield _Waiting(found.content, layer.number, layer.depth, (), found.content)

    def _rewritten(self, current: _Waiting, text: bytes, how: tuple[str, ...]) -> _Waiting:
        """Keep the text as a layer where the text shows a word or an address that no layer above shows."""
        grave, slight = revealed(text, current.shown)
        runs = whole_text(text)
        number = len(self.layers) + 1
        is_telling = bool(runs and self._indicators.collect(runs, number)) or bool(grave or slight)
        if not is_telling:
            return _Waiting(
                text, current.parent, current.depth + 1, (*current.how, *how), current.shown, is_resolved=True
            )
        layer = self._kept(current, Encoded(text, how, 0), grave, slight)
        return _Waiting(text, layer.number, layer.depth, (), text, is_resolved=True)

    def _kept(self, current: _Waiting, found: Encoded, grave: list[bytes], slight: list[bytes]) -> Layer:
        layer = Layer(
            number=len(self.layers) + 1,
            parent=current.parent,
            depth=current.depth + 1,
            where=found.at,
            how=(*current.how, *found.how),
            content=found.content,
            grave=tuple(word.decode() for word in grave[:MOST_WORDS]),
            slight=tuple(word.decode() for word in slight[:MOST_WORDS]),
        )
        self.layers.append(layer)
        self._bytes += len(found.content)
        runs = whole_text(found.content)
        for one in (runs,) if runs else windows(found.content):
            self._indicators.collect(one, layer.number)
        return layer

    def _is_new(self, content: bytes) -> bool:
        digest = hashlib.sha256(content).digest()
        is_new = digest not in self._seen
        self._seen.add(digest)
        return is_new

    def _is_over(self) -> bool:
        if len(self.layers) >= MOST_LAYERS:
            self.limits.setdefault(f"More than {MOST_LAYERS} layers are not kept.")
        elif self._bytes >= MOST_BYTES:
            self.limits.setdefault(f"Layers of more than {MOST_BYTES} bytes in all are not kept.")
        elif self._allowance.is_over:
            self.limits.setdefault(f"Peeling ended after {SECONDS:.0f} seconds.")
        else:
            return False
        return True
