"""Writes the strings of a file as evidence: a line for each, with offset and kind."""

from samplebank.worker.analysers.strings.runs import ASCII, WIDE, Runs

#: bytes of the evidence
MOST_BYTES = 8 * 1024 * 1024
LONGEST = 4096
LETTERS = {ASCII: b"a", WIDE: b"u"}
HEAD = b"# offset in hex, a for ASCII or u for UTF-16, string\n"


class Listing:
    """The lines so far. Strings behind the bound are counted only."""

    def __init__(self) -> None:
        self.counts = {ASCII: 0, WIDE: 0}
        self.is_cut = False
        self._lines = [HEAD]
        self._size = len(HEAD)

    def add(self, runs: Runs) -> None:
        self.counts[runs.kind] += len(runs)
        if self.is_cut or not len(runs):
            return
        letter = LETTERS[runs.kind]
        strings = runs.text.split(b"\n")
        lines = [
            b"%08x %b %b\n" % (offset, letter, string[:LONGEST])
            for offset, string in zip(runs.offsets.tolist(), strings, strict=False)
        ]
        self._size += sum(map(len, lines))
        if self._size > MOST_BYTES:
            self.is_cut = True
            lines = lines[: len(lines) // 2]
        self._lines += lines

    @property
    def content(self) -> bytes:
        return b"".join(self._lines)[:MOST_BYTES]
