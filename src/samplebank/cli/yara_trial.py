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

import typer

from samplebank import logs
from samplebank.cli import printing
from samplebank.cli.printing import JsonOption
from samplebank.errors import Refusal
from samplebank.files import expanded
from samplebank.sandbox import SandboxError
from samplebank.settings import load
from samplebank.worker import clean_files
from samplebank.worker.contract import SUSPICIOUS_SCORE
from samplebank.worker.rule_trial import MALICIOUS, Trial, tried

yara_app = typer.Typer(help="Try YARA rules before they are installed.")


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
            required = load(os.environ).sandbox_required
            trial = asyncio.run(
                tried(folder, scanned, children=os.cpu_count() or 1, sandbox_required=required)
            )
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


def _show(trial: Trial) -> None:
    for name, reason in trial.broken.items():
        typer.echo(printing.printable(f"{name} cannot be used: {reason}"))
    if trial.flagging:
        rows = ((one.rule, one.file, one.score, one.flagged, one.examples[0]) for one in trial.flagging)
        printing.out().print(printing.table(("RULE", "FILE", "SCORE", "FLAGGED", "FIRST"), rows))
    missed = f" {trial.unscanned} could not be scanned." if trial.unscanned else ""
    typer.echo(
        f"{trial.flagged} of {trial.files} clean files would have been flagged: {trial.malicious} with {MALICIOUS} or "
        f"more, {trial.suspicious - trial.malicious} with {SUSPICIOUS_SCORE} to {MALICIOUS - 1}. Rules: {trial.rules}.{missed}"
    )
