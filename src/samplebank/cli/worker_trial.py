"""`samplebank worker test`: runs an analyser on files, in the sandbox as ever, but without a service."""

import asyncio
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from samplebank import logs
from samplebank.cli import printing
from samplebank.cli.pairs import read_pairs
from samplebank.cli.printing import JsonOption
from samplebank.cli.text import shown
from samplebank.cli.worker_choice import (
    AnalyserChoice,
    ImportFromOption,
    NameArgument,
    SettingOption,
)
from samplebank.cli.worker_mistakes import refusing
from samplebank.files import regular
from samplebank.sandbox import Disturbed
from samplebank.settings import load
from samplebank.worker.analysers.testing import sample_file, violations
from samplebank.worker.choices import check_settings
from samplebank.worker.contract import JSON, Result
from samplebank.worker.sandboxed import Failed, SandboxedAnalyser


class Trial(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The outcome for a file. `error` is the reason with which the task would fail.

    `trace` and `printed` are for the author of the analyser.
    """

    file: str
    seconds: float
    error: str | None = None
    score: int | None = None
    tags: list[str] = []
    detections: list[str] = []
    evidence: list[str] = []
    children: list[str] = []
    result: dict[str, JSON] | None = None
    printed: str = ""
    trace: str = ""


def try_worker(
    name: NameArgument,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...")],
    *,
    setting: SettingOption = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="As a rule of the policy gives it.")
    ] = None,
    import_from: ImportFromOption = None,
    json: JsonOption = False,
) -> None:
    """Run an analyser on files here, without a service, and show results, tracebacks and what it prints."""
    chosen = AnalyserChoice.read([name], setting, import_from)
    options = read_pairs(option or [], "--option")
    logs.set_up(load(os.environ).log_format, logging.WARNING)
    with refusing():
        trials = asyncio.run(_tried(chosen, files, options))
    if json:
        printing.write_json({"files": trials})
    else:
        for trial in trials:
            _show(trial)
    if any(trial.error for trial in trials):
        raise typer.Exit(1)


async def _tried(chosen: AnalyserChoice, files: Sequence[Path], options: dict[str, str]) -> list[Trial]:
    own = load(os.environ)
    opened = await SandboxedAnalyser.open(
        chosen.import_paths[0],
        settings=chosen.settings,
        import_from=chosen.import_from,
        sandbox_required=own.sandbox_required,
    )
    async with opened as analyser:
        check_settings(chosen.settings, [analyser])
        return [await _trial(analyser, file, options, most=own.max_result_size) for file in files]


async def _trial(analyser: SandboxedAnalyser, file: Path, options: dict[str, str], *, most: int) -> Trial:
    try:
        regular(file)
        sample, began = sample_file(file, options), time.monotonic()
    except OSError as unreadable:
        said = f"The file cannot be read: {unreadable.strerror or unreadable}."
        return Trial(file=shown(file), seconds=0, error=said)
    try:
        finished = await analyser.analyse_aloud(sample)
    except Failed as failed:
        seconds = round(time.monotonic() - began, 3)
        return Trial(
            file=shown(file), seconds=seconds, error=failed.reason, printed=failed.printed, trace=failed.trace
        )
    except Disturbed as disturbed:
        seconds = round(time.monotonic() - began, 3)
        return Trial(file=shown(file), seconds=seconds, error=disturbed.reason, printed=disturbed.last_words)
    seconds = round(time.monotonic() - began, 3)
    wrong = violations(finished.result, analyser.description.schema, most=most)
    error = f"The service would refuse the result. {' '.join(wrong)}" if wrong else None
    return _told(file, seconds, finished.result, finished.printed, error)


def _told(file: Path, seconds: float, result: Result, printed: str, error: str | None) -> Trial:
    return Trial(
        file=shown(file),
        seconds=seconds,
        error=error,
        score=result.score,
        tags=[f"{tag.type}:{tag.value}" for tag in result.tags],
        detections=[f"{one.name} ({one.assessment})" for one in result.detections],
        evidence=[f"{one.file_name} ({len(one.data)} bytes)" for one in result.evidence],
        children=[f"{one.name} ({len(one.data)} bytes)" for one in result.children],
        result=result.result,
        printed=printed,
    )


def _show(trial: Trial) -> None:
    said = f"score {trial.score}" if trial.error is None else f"failed: {trial.error}"
    _line(f"{trial.file}: {said} ({trial.seconds:g} s)")
    for title, items in (
        ("tags", trial.tags),
        ("detections", trial.detections),
        ("evidence", trial.evidence),
        ("children", trial.children),
    ):
        if items:
            _line(f"  {title}: {', '.join(items)}")
    if trial.result is not None:
        _block("result", msgspec.json.format(msgspec.json.encode(trial.result), indent=2).decode())
    _block("printed", trial.printed)
    _block("trace", trial.trace)


def _block(title: str, text: str) -> None:
    if text:
        _line(f"  {title}:")
        for line in text.splitlines():
            _line(f"    {line}")


def _line(text: str) -> None:
    typer.echo(printing.printable(text))
