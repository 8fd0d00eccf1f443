"""The table on the screen, the results as JSON, and the plot of a run."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from bench.figure import Figure
from bench.limits import Limits
from bench.machine import Machine

RESULTS = Path(__file__).parent / "results"


class Report(msgspec.Struct):
    mode: str
    started: str
    revision: str
    machine: Machine
    limits: Limits
    figures: list[Figure]
    remarks: list[str]


#: from here on a number is shown without decimals, or with one decimal
WHOLE, ROUGH = 100, 10


def number(value: float) -> str:
    return (
        f"{value:,.0f}" if abs(value) >= WHOLE else f"{value:.1f}" if abs(value) >= ROUGH else f"{value:.2f}"
    )


def show(report: Report, console: Console) -> None:
    table = Table(title=f"Samplebank {report.revision}, {report.mode}", caption=str(report.machine))
    for heading in ("figure", "goal"):
        table.add_column(heading)
    for heading in ("median", "min - max", "limit of the machine", "share"):
        table.add_column(heading, justify="right")
    table.add_column("load / others")
    table.add_column("note", overflow="fold")
    for figure in report.figures:
        if not figure.caller:
            table.add_row(*_cells(figure))
    console.print(table)
    if any(figure.caller for figure in report.figures):
        console.print(pages([figure for figure in report.figures if figure.caller]))
    for name, value in msgspec.structs.asdict(report.limits).items():
        console.print(f"limit {name}: {number(value)}", highlight=False)
    for remark in report.remarks:
        console.print(remark, highlight=False)


def pages(figures: Sequence[Figure]) -> Table:
    """A row for each page, with the p95 in milliseconds by caller and size, and in brackets that of a bare select of the rows."""
    table = Table(title="p95 of pages in ms (a bare select of the same rows)")
    table.add_column("page")
    table.add_column("goal", justify="right")
    callers = list(dict.fromkeys(figure.caller for figure in figures))
    sizes = sorted({figure.size for figure in figures})
    for caller in callers:
        for size in sizes:
            table.add_column(f"{caller}, {size:,}", justify="right")
    by_place = {(figure.name, figure.caller, figure.size): figure for figure in figures}
    for name in dict.fromkeys(figure.name for figure in figures):
        row = [by_place.get((name, caller, size)) for caller in callers for size in sizes]
        goal = next(figure.goal for figure in row if figure)
        table.add_row(name, f"{goal:g}", *(_page(figure) for figure in row))
    return table


def _page(figure: Figure | None) -> str:
    if figure is None or figure.limit is None:
        return ""
    colour = "green" if figure.reached else "red"
    return f"[{colour}]{number(figure.median)}[/] ({number(figure.limit.value)})"


def _cells(figure: Figure) -> tuple[str, ...]:
    colour = {True: "green", False: "red", None: "default"}[figure.reached]
    goal = "" if figure.goal is None else f"{'<=' if figure.less else '>='} {figure.goal:g}"
    limit = "" if figure.limit is None else f"{number(figure.limit.value)} {figure.limit.name}"
    share = "" if figure.share is None else f"{figure.share:.0f} %"
    return (
        f"{figure.name} [{figure.unit}]".replace("[", r"\["),
        goal,
        f"[{colour}]{number(figure.median)}[/]",
        f"{number(min(figure.values))} - {number(max(figure.values))}",
        limit,
        share,
        f"{figure.load:.1f} / {figure.others:.0f} %",
        figure.note,
    )


def write(report: Report) -> Path:
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{report.mode}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2))
    return path


def plot(report: Report, path: Path) -> list[str]:
    """Draw two pictures: the figures in percent of their goals, and the figures over the size of the database.

    Returns the names of the pictures; empty where matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure as Canvas  # noqa: PLC0415 matplotlib may be missing
    except ImportError:
        return []
    _plot_goals(report, Canvas, path)
    drawn = [path.name]
    series = _series(report)
    if series:
        growth = path.with_stem(f"{path.stem}-growth")
        _plot_growth(series, Canvas, growth)
        drawn.append(growth.name)
    return drawn


def _series(report: Report) -> dict[str, list[Figure]]:
    """The figures that have several sizes, smallest size first."""
    found: dict[str, list[Figure]] = {}
    for figure in sorted(report.figures, key=lambda figure: figure.size):
        if figure.size and not figure.caller:
            found.setdefault(f"{figure.name} [{figure.unit}]", []).append(figure)
    return {name: figures for name, figures in found.items() if len(figures) > 1}


def _plot_growth(series: dict[str, list[Figure]], canvas_of: Any, path: Path) -> None:
    columns = 4
    rows = -(-len(series) // columns)
    canvas = canvas_of(figsize=(3.4 * columns, 2.4 * rows), layout="constrained")
    for place, (name, figures) in enumerate(series.items(), 1):
        axes = canvas.add_subplot(rows, columns, place)
        sizes = [figure.size for figure in figures]
        axes.fill_between(
            sizes,
            [min(f.values) for f in figures],
            [max(f.values) for f in figures],
            color="#2a6f9d",
            alpha=0.2,
        )
        axes.plot(sizes, [figure.median for figure in figures], color="#2a6f9d", marker="o", markersize=3)
        goal = figures[-1].goal
        if goal is not None:
            axes.axhline(goal, color="#c8442f", linestyle="--", linewidth=1)
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_title(name, fontsize=7)
        axes.tick_params(labelsize=6)
    canvas.supxlabel(
        "samples in the database; dashed: the goal at the largest size; shaded: the spread", fontsize=8
    )
    canvas.savefig(path)


def _plot_goals(report: Report, canvas_of: Any, path: Path) -> None:
    """Draw a bar for each figure, in percent of the goal."""
    shown = [figure for figure in report.figures if figure.goal and not figure.caller]
    canvas = canvas_of(figsize=(9, 0.4 * len(shown) + 1.4), layout="constrained")
    axes = canvas.subplots()
    for place, figure in enumerate(reversed(shown)):
        ratios = [_score(figure, value) for value in (figure.median, min(figure.values), max(figure.values))]
        axes.barh(place, ratios[0], color="#2a9d57" if figure.reached else "#c8442f", height=0.6)
        axes.plot(sorted(ratios[1:]), [place, place], color="black", linewidth=1)
    axes.axvline(1, color="black", linestyle="--", linewidth=1)
    axes.set_yticks(
        range(len(shown)),
        [f"{figure.name}: {number(figure.median)} {figure.unit}" for figure in reversed(shown)],
    )
    axes.set_xlim(0, 4)
    axes.set_xlabel("times as good as the goal (dashed); the thin line is the spread of the runs")
    axes.set_title(f"{report.revision}, {report.mode}, load {report.machine.load[0]:.1f}", fontsize=9)
    canvas.savefig(path)


def _score(figure: Figure, value: float) -> float:
    assert figure.goal is not None  # noqa: S101 only figures with a goal are drawn
    return figure.goal / max(value, 1e-9) if figure.less else value / figure.goal
