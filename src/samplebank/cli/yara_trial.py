"""`samplebank yara test`: tries rules on clean files before the rules are installed, and says what they would flag."""

import asyncio
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import msgspec
import typer

from samplebank import logs
from samplebank.cli import clean_files, printing
from samplebank.cli.printing import JsonOption
from samplebank.cli.text import shown
from samplebank.errors import Refusal
from samplebank.files import expanded
from samplebank.sandbox import SandboxError
from samplebank.settings import load
from samplebank.worker.analysers import BUILT_IN
from samplebank.worker.analysers.testing import sample_file
from samplebank.worker.contract import Rejected, Result
from samplebank.worker.sandboxed import SandboxedAnalyser

#: scores from which the verdict of a file is suspicious, and malicious
SUSPICIOUS, MALICIOUS = 30, 70
MOST_EXAMPLES = 5

yara_app = typer.Typer(help="Try YARA rules before they are installed.")


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


@yara_app.callback()
def _callback() -> None:
    """Keep `test` a command of its own, while there is no other."""


@yara_app.command("test")
def try_rules(
    rules: Annotated[Path, typer.Argument(metavar="RULES", help="A folder of rules, or a file.")],
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE...]", help="Clean files and folders of yours, to be scanned as well."),
    ] = None,
    *,
    clean: Annotated[
        int, typer.Option(min=0, max=1_000_000, help="So many files of this machine are scanned.")
    ] = 1000,
    json: JsonOption = False,
) -> None:
    """Scan files that are taken to be clean with RULES alone, and say which rules would have flagged which files.

    Ends with 1 where a file would get 30 or more, and where a file of rules cannot be used.
    """
    scanned = list(dict.fromkeys((*clean_files.named(files or []), *clean_files.of_installation(clean))))
    logs.set_up(load(os.environ).log_format, logging.ERROR)
    with _folder(rules) as folder:
        try:
            trial = asyncio.run(_tried(folder, scanned))
        except SandboxError as error:
            raise Refusal(str(error)) from error
    if json:
        printing.write_json(trial)
    else:
        _show(trial)
    if trial.suspicious or trial.broken:
        raise typer.Exit(1)


@contextmanager
def _folder(rules: Path) -> Iterator[Path]:
    """The folder of rules; for a file, a folder with a copy of the file."""
    given = expanded(rules).absolute()
    if given.is_dir():
        yield given
    elif given.is_file():
        with TemporaryDirectory(prefix="samplebank-yara-") as folder:
            shutil.copy(given, Path(folder, given.name if given.suffix else f"{given.name}.yar"))
            yield Path(folder)
    else:
        raise typer.BadParameter(f"{rules} is neither a folder nor a file.", param_hint="RULES")


async def _tried(folder: Path, files: list[Path]) -> Trial:
    children = os.cpu_count() or 1
    opened = await SandboxedAnalyser.open(
        BUILT_IN["yara"],
        settings={"yara_rules": str(folder), "shipped_rules": "no"},
        children=children,
        sandbox_required=load(os.environ).sandbox_required,
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
        return await analyser.analyse(sample_file(file))
    except (OSError, Rejected):
        return None


def _summed(about: Result, results: list[tuple[Path, Result | None]]) -> Trial:
    scanned = [(file, result) for file, result in results if result is not None]
    matches = [
        (match["rule"], match["file"], match["score"], shown(file))
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
        suspicious=sum(result.score >= SUSPICIOUS for _, result in scanned),
        malicious=sum(result.score >= MALICIOUS for _, result in scanned),
        broken=about.result["brokenRuleFiles"],
        flagging=sorted(flagging, key=lambda one: (-one.score, -one.flagged, one.rule)),
    )


def _show(trial: Trial) -> None:
    for name, reason in trial.broken.items():
        typer.echo(printing.printable(f"{name} cannot be used: {reason}"))
    if trial.flagging:
        rows = ((one.rule, one.file, one.score, one.flagged, one.examples[0]) for one in trial.flagging)
        printing.out().print(printing.table(("RULE", "FILE", "SCORE", "FLAGGED", "FIRST"), rows))
    missed = f" {trial.unscanned} could not be scanned." if trial.unscanned else ""
    typer.echo(
        f"{trial.flagged} of {trial.files} clean files would have been flagged: {trial.malicious} with {MALICIOUS} or "
        f"more, {trial.suspicious - trial.malicious} with {SUSPICIOUS} to {MALICIOUS - 1}. Rules: {trial.rules}.{missed}"
    )
