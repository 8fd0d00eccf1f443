"""Tries YARA rules on clean files, and sums up which rules would have flagged which files."""

import asyncio
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from samplebank.sandbox import SandboxError
from samplebank.sandbox.limits import NICENESS
from samplebank.worker.analysers import BUILT_IN
from samplebank.worker.analysers.testing import sample_file
from samplebank.worker.contract import SUSPICIOUS_SCORE, Rejected, Result
from samplebank.worker.sandboxed import SandboxedAnalyser

#: the score from which the verdict of a file is malicious, unless the service is told otherwise
MALICIOUS = 70
MOST_EXAMPLES = 5


class Flagging(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A rule that matches clean files: how many, and the first of these files."""

    rule: str
    file: str
    score: int
    flagged: int
    examples: list[str]


class Trial(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`unscanned` counts clean files that could not be scanned."""

    rules: int
    files: int
    unscanned: int
    flagged: int
    suspicious: int
    malicious: int
    broken: dict[str, str]
    flagging: list[Flagging]


async def tried(
    folder: Path,
    files: Iterable[Path],
    *,
    children: int = 1,
    niceness: int = NICENESS,
    sandbox_required: bool = True,
) -> Trial:
    """Scan files with the rules of a folder alone, `children` files at a time. Raises `SandboxError`, and `Rejected`."""
    opened = await SandboxedAnalyser.open(
        BUILT_IN["yara"],
        settings={"yara_rules": str(folder), "shipped_rules": "no"},
        children=children,
        niceness=niceness,
        sandbox_required=sandbox_required,
    )
    waiting = iter(files)
    async with opened as analyser:
        # A file of our own tells of the set of rules, also where there are no clean files.
        about = await analyser.analyse(sample_file(Path(__file__)))
        scans = await asyncio.gather(*(_scans(analyser, waiting) for _ in range(children)))
    return _summed(about, [scan for found in scans for scan in found])


async def _scans(analyser: SandboxedAnalyser, waiting: Iterator[Path]) -> list[tuple[Path, Result | None]]:
    """Scan files as long as there are any. Others take files from `waiting`, too."""
    return [(file, await _scanned(analyser, file)) for file in waiting]


async def _scanned(analyser: SandboxedAnalyser, file: Path) -> Result | None:
    try:
        return await analyser.analyse(await asyncio.to_thread(sample_file, file))
    except (OSError, Rejected, SandboxError):
        return None


def _summed(about: Result, results: list[tuple[Path, Result | None]]) -> Trial:
    scanned = [(file, result) for file, result in results if result is not None]
    matches = [
        (match["rule"], match["file"], match["score"], os.fsencode(file).decode("utf-8", "replace"))
        for file, result in scanned
        for match in result.result["rules"]
    ]
    examples: dict[tuple[str, str, int], list[str]] = {}
    for *rule, file in matches:
        examples.setdefault((rule[0], rule[1], rule[2]), []).append(file)
    flagging = [
        Flagging(rule=rule, file=of, score=score, flagged=len(found), examples=sorted(found)[:MOST_EXAMPLES])
        for (rule, of, score), found in examples.items()
    ]
    return Trial(
        rules=about.possible_detections or 0,
        files=len(scanned),
        unscanned=sum(result is None for _, result in results),
        flagged=sum(bool(result.result["rules"]) for _, result in scanned),
        suspicious=sum(result.score >= SUSPICIOUS_SCORE for _, result in scanned),
        malicious=sum(result.score >= MALICIOUS for _, result in scanned),
        broken=about.result["brokenRuleFiles"],
        flagging=sorted(flagging, key=lambda one: (-one.score, -one.flagged, one.rule)),
    )
