"""Runs inside the sandbox: compiles the rules of a hunt, and scans the samples of a batch.

The rules are compiled in the sealed process of the call, like the samples are scanned there: both come from strangers.
"""

import mmap
import time
from collections.abc import Iterable, Iterator

import yara_x

from samplebank.worker.analysers import rule_matches
from samplebank.worker.analysers.rule_matches import Match
from samplebank.worker.analysers.rule_sets import VARIABLES
from samplebank.worker.analysers.rule_variables import file_type
from samplebank.worker.hunting.messages import (
    MOST_RULES,
    Compile,
    Compiled,
    Failure,
    Found,
    Mistake,
    Piece,
    Reply,
    Scan,
    Scanned,
    Unusable,
    decoded_question,
    encoded,
)
from samplebank.worker.wire import json_value, storable

MOST_MATCHES = 1000
#: rules told of one sample, and patterns of the rules with their texts
MOST_TOLD, MOST_PATTERNS = 20, 40
#: bytes of hits with their patterns in one answer, then of hits without patterns; later hits are told by one rule only
MOST_DETAIL, MOST_PLAIN = 512 * 1024, 2 * 1024 * 1024
#: the most mistakes in an answer, and characters of each
MOST_MISTAKES, LONGEST_MISTAKE = 20, 1000


class Hunter:
    """The answerer of the sandbox. `rules` is the text of the rules."""

    def __init__(self, rules: str) -> None:
        self._text = rules

    def __call__(self, message: bytes) -> bytes:
        match decoded_question(message):
            case Compile():
                return encoded(self._checked())
            case Scan() as scan:
                return encoded(self._scanned(scan))

    def _checked(self) -> Reply:
        try:
            count = sum(1 for _ in self._compiled())
        except yara_x.CompileError as error:
            return Unusable(self._mistakes or [Mistake(_cut(str(error)))])
        if not count:
            return Unusable([Mistake("There is no rule.")])
        if count > MOST_RULES:
            return Unusable([Mistake(f"There are {count} rules, more than the {MOST_RULES} of a hunt.")])
        return Compiled(count)

    def _compiled(self) -> yara_x.Rules:
        compiler = yara_x.Compiler(relaxed_re_syntax=True, includes_enabled=False)
        for name in VARIABLES:
            compiler.define_global(name, "")
        try:
            compiler.add_source(self._text)
        finally:
            errors = compiler.errors()[:MOST_MISTAKES]
            self._mistakes = [Mistake(_cut(error["text"]), int(error.get("line") or 0)) for error in errors]
        return compiler.build()

    def _scanned(self, scan: Scan) -> Scanned:
        scanner = yara_x.Scanner(self._compiled())
        if scan.sample_seconds:
            scanner.set_timeout(scan.sample_seconds)
        scanner.max_matches_per_pattern(MOST_MATCHES)
        found: list[Found] = []
        failures: list[Failure] = []
        left, end = MOST_DETAIL, time.monotonic() + scan.pause_seconds
        for number, (piece, content) in enumerate(_contents(str(scan.path), scan.pieces)):
            if number and time.monotonic() > end:
                return Scanned(number, found, failures)
            scanner.set_global("filetype", file_type(piece.type))
            try:
                matches = _told(scanner.scan(content).matching_rules, content, left)
            except yara_x.TimeoutError:
                failures.append(Failure(number, f"The scan took longer than {scan.sample_seconds} seconds."))
            except yara_x.ScanError as error:
                failures.append(Failure(number, f"The file cannot be scanned: {storable(str(error))[:200]}."))
            else:
                if matches:
                    found.append(Found(number, matches))
                    left -= len(encoded(found[-1]))
        return Scanned(len(scan.pieces), found, failures)


def _contents(path: str, pieces: list[Piece]) -> Iterator[tuple[Piece, bytes]]:
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as whole:  # noqa: PTH123 as fast as it gets
        for piece in pieces:
            yield piece, whole[piece.start : piece.start + piece.size]


def _told(rules: Iterable[yara_x.Rule], content: bytes, left: int) -> list[dict[str, object]]:
    """The matches with the highest scores. Without room (`left` bytes) for details, only names and meanings are told."""
    matches = [Match(rule, "", rule_matches.meaning_of(rule.metadata)) for rule in rules]
    matches.sort(key=lambda match: -match.meaning.score)
    told = rule_matches.described(matches[: MOST_TOLD if left > -MOST_PLAIN else 1], content)
    patterns = MOST_PATTERNS if left > 0 else 0
    for match in told:
        del match["file"]
        match["patterns"] = match["patterns"][:patterns]
        patterns -= len(match["patterns"])
        if left <= 0:
            match["description"] = None
    return [json_value(match) for match in told]


def _cut(text: str) -> str:
    return storable(text)[:LONGEST_MISTAKE]
