"""`samplebank submit`: sends files and folders to the service and, if wished, waits for the verdicts."""

import os
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TransferSpeedColumn,
)

from samplebank.cli import bars, connection, printing
from samplebank.cli.client import Client
from samplebank.cli.connection import KeyOption, UrlOption
from samplebank.cli.ending import INTERRUPTED
from samplebank.cli.following import follow
from samplebank.cli.pairs import read_pairs
from samplebank.cli.printing import JsonOption
from samplebank.cli.sending import (
    MAYBE_SENT,
    NOT_SENT,
    FoundFiles,
    Outcome,
    Sent,
    files_below,
    send_all,
    size_of,
)
from samplebank.cli.text import shown
from samplebank.errors import Refusal


class Tlp(StrEnum):
    CLEAR = "clear"
    GREEN = "green"
    AMBER = "amber"


def named(argument: str) -> Path:
    """Read an argument as a path. An empty argument, as an unset variable leaves behind, is not the current folder."""
    if not argument:
        raise typer.BadParameter("A path is empty.")
    return Path(argument)


def submit(
    paths: Annotated[
        list[Path],
        typer.Argument(parser=named, metavar="PATH", help="Files, and folders with all the files below."),
    ],
    *,
    customer: Annotated[str | None, typer.Option(help="Customer (shortName or id); else your own.")] = None,
    tlp: Annotated[Tlp | None, typer.Option(help="Who may see it; else amber.")] = None,
    meta: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Metadata; may be repeated.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the jobs and print the verdicts.")] = False,
    bulk: Annotated[
        bool, typer.Option("--bulk", help="Let what the customer submits meanwhile go first.")
    ] = False,
    parallel: Annotated[int, typer.Option(min=1, max=64, help="Files at a time.")] = 4,
    json: JsonOption = False,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Submit files for analysis."""
    fields = _fields(customer, tlp, meta or [])
    found = _found(paths)
    with Client(connection.find(url, key), lane=_lane(wait=wait, bulk=bulk)) as client:
        outcomes, end = _send(client, found.files, fields, parallel)
        if isinstance(end, Refusal) and not _arrived(outcomes):
            raise end
        outcomes += found.unreadable
        if wait and end is None:
            outcomes, end = _follow(client, outcomes)
    if json:
        printing.write_json({"files": outcomes})
    else:
        printing.out().print(verdict_table(outcomes) if wait else _receipt(outcomes))
    _complain(outcomes)
    if isinstance(end, Refusal):
        raise end
    if end is not None:
        printing.complain(_interrupted(outcomes))
        raise typer.Exit(INTERRUPTED)
    if any(outcome.status == "failed" or outcome.failed_analyses for outcome in outcomes):
        raise typer.Exit(1)


def _lane(*, wait: bool, bulk: bool) -> str | None:
    """Whoever waits for the verdicts goes first."""
    return "bulk" if bulk else "waiting" if wait else None


def _arrived(outcomes: Iterable[Outcome]) -> int:
    return sum(outcome.sha256 is not None for outcome in outcomes)


def _interrupted(outcomes: Sequence[Outcome]) -> str:
    arrived = _arrived(outcomes)
    said = f"Interrupted: {arrived} of {len(outcomes)} files {'was' if arrived == 1 else 'were'} submitted."
    return f"{said} Their analyses go on; `samplebank jobs` shows them." if arrived else said


def _found(paths: Sequence[Path]) -> FoundFiles:
    missing = [path for path in paths if not os.path.lexists(path)]
    if len(missing) == len(paths):
        raise typer.BadParameter(f"{shown(missing[0])} does not exist.", param_hint="PATHS")
    found = files_below(paths)
    if not found.files and not found.unreadable:
        raise typer.BadParameter("There is no file in what was named.", param_hint="PATHS")
    if found.passed_over:
        others = len(found.passed_over) - 1
        also = f" and {others} other{'' if others == 1 else 's'} like it" if others else ""
        printing.complain(
            f"{shown(found.passed_over[0])}{also}: passed over, being a link or no regular file."
        )
    return found


def _complain(outcomes: Iterable[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.status == "failed" and outcome.error not in {NOT_SENT, MAYBE_SENT}:
            printing.complain(f"{outcome.path}: {outcome.error}")
        for analysis in outcome.failed_analyses:
            said = analysis.message or "It gave no reason."
            printing.complain(f"{outcome.path}: the analysis by {analysis.worker} failed: {said}")


def _fields(customer: str | None, tlp: Tlp | None, meta: Iterable[str]) -> Mapping[str, object]:
    given = {"customer": customer, "tlp": tlp, "metaData": read_pairs(meta, "--meta")}
    return {name: value for name, value in given.items() if value not in (None, {})}


def _send(client: Client, files: Sequence[Path], fields: Mapping[str, object], parallel: int) -> Sent:
    with _progress(DownloadColumn(), TransferSpeedColumn()) as progress:
        total = sum(map(size_of, files))
        bar = progress.add_task(f"submitting {len(files)} files", total=total)

        def advance(sent: int) -> None:
            progress.advance(bar, sent)

        return send_all(client, files, fields, parallel=parallel, advance=advance)


def _follow(client: Client, outcomes: Sequence[Outcome]) -> Sent:
    """Follow the jobs. When the service is lost or the user has waited enough, answer the outcomes known by then."""
    latest = list(outcomes)
    with _progress(MofNCompleteColumn()) as progress:
        bar = progress.add_task("analysing", total=_arrived(outcomes))

        def show(current: Sequence[Outcome]) -> None:
            latest[:] = current
            progress.update(bar, completed=sum(o.job_state in {"done", "timeout"} for o in current))

        try:
            return Sent(follow(client, outcomes, show, printing.complain), None)
        except (Refusal, KeyboardInterrupt) as end:
            return Sent(latest, end)


def _progress(*columns: DownloadColumn | TransferSpeedColumn | MofNCompleteColumn) -> Progress:
    return bars.progress(TextColumn("{task.description}"), BarColumn(), *columns)


def _receipt(outcomes: Iterable[Outcome]) -> object:
    return printing.table(
        ("FILE", "STATUS", "SHA-256", "SUBMISSION"),
        ((o.path, o.status, o.sha256, o.submission) for o in outcomes),
    )


def verdict_table(outcomes: Sequence[Outcome]) -> object:
    """Lay out the verdicts. Where analyses failed, one more column names the workers of the failed analyses."""
    rows = [[o.path, o.type, o.verdict or o.status, o.score, ", ".join(o.tags)] for o in outcomes]
    columns = ["FILE", "TYPE", "VERDICT", "SCORE", "TAGS"]
    if any(outcome.failed_analyses for outcome in outcomes):
        columns.append("FAILED")
        for row, outcome in zip(rows, outcomes, strict=True):
            row.append(", ".join(analysis.worker for analysis in outcome.failed_analyses))
    return printing.table(columns, rows)
