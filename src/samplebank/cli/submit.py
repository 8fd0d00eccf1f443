"""`samplebank submit`: files and folders into the service, and, if wished, on to their verdicts."""

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

from samplebank.cli import connection, printing
from samplebank.cli.client import Client
from samplebank.cli.connection import KeyOption, UrlOption
from samplebank.cli.following import follow
from samplebank.cli.pairs import read_pairs
from samplebank.cli.printing import JsonOption
from samplebank.cli.sending import Outcome, files_below, send_all


class Tlp(StrEnum):
    CLEAR = "clear"
    GREEN = "green"
    AMBER = "amber"


def submit(
    paths: Annotated[
        list[Path], typer.Argument(exists=True, help="Files, and folders with all the files below.")
    ],
    *,
    customer: Annotated[str | None, typer.Option(help="Customer (shortName or id); else your own.")] = None,
    tlp: Annotated[Tlp | None, typer.Option(help="Who may see it; else amber.")] = None,
    meta: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Metadata; may be repeated.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the jobs and print the verdicts.")] = False,
    parallel: Annotated[int, typer.Option(min=1, max=64, help="Files at a time.")] = 4,
    json: JsonOption = False,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Submit files for analysis."""
    fields = _fields(customer, tlp, meta or [])
    files = files_below(paths)
    if not files:
        raise typer.BadParameter("There is no file in what was named.", param_hint="PATHS")
    with Client(connection.find(url, key)) as client:
        outcomes = _send(client, files, fields, parallel)
        if wait:
            outcomes = _follow(client, outcomes)
    if json:
        printing.write_json({"files": outcomes})
    else:
        printing.out().print(verdict_table(outcomes) if wait else _receipt(outcomes))
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    for outcome in failed:
        printing.complain(f"{outcome.path}: {outcome.error}")
    if failed:
        raise typer.Exit(1)


def _fields(customer: str | None, tlp: Tlp | None, meta: Iterable[str]) -> Mapping[str, object]:
    given = {"customer": customer, "tlp": tlp, "metaData": read_pairs(meta, "--meta")}
    return {name: value for name, value in given.items() if value}


def _send(
    client: Client, files: Sequence[Path], fields: Mapping[str, object], parallel: int
) -> list[Outcome]:
    with _progress(DownloadColumn(), TransferSpeedColumn()) as progress:
        total = sum(path.stat().st_size for path in files if path.is_file())
        bar = progress.add_task(f"submitting {len(files)} files", total=total)
        return list(
            send_all(
                client, files, fields, parallel=parallel, advance=lambda sent: progress.advance(bar, sent)
            )
        )


def _follow(client: Client, outcomes: Sequence[Outcome]) -> list[Outcome]:
    with _progress(MofNCompleteColumn()) as progress:
        bar = progress.add_task("analysing", total=sum(outcome.sha256 is not None for outcome in outcomes))

        def show(current: Sequence[Outcome]) -> None:
            progress.update(bar, completed=sum(o.job_state in {"done", "timeout"} for o in current))

        return follow(client, outcomes, show)


def _progress(*columns: DownloadColumn | TransferSpeedColumn | MofNCompleteColumn) -> Progress:
    console = printing.err()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *columns,
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _receipt(outcomes: Iterable[Outcome]) -> object:
    return printing.table(
        ("FILE", "STATUS", "SHA-256", "SUBMISSION"),
        ((o.path, o.status, o.sha256, o.submission) for o in outcomes),
    )


def verdict_table(outcomes: Iterable[Outcome]) -> object:
    return printing.table(
        ("FILE", "TYPE", "VERDICT", "SCORE", "TAGS"),
        ((o.path, o.type, o.verdict or o.status, o.score, ", ".join(o.tags)) for o in outcomes),
    )
