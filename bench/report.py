"""The table on the screen, the results as JSON, and the plot of a run."""

from datetime import UTC, datetime
from pathlib import Path

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


#: from here on a number is shown without decimals, or with one
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
        table.add_row(*_cells(figure))
    console.print(table)
    for name, value in msgspec.structs.asdict(report.limits).items():
        console.print(f"limit {name}: {number(value)}", highlight=False)
    for remark in report.remarks:
        console.print(remark, highlight=False)


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


def plot(report: Report, path: Path) -> bool:
    """Bars of each figure in percent of its goal; False where matplotlib is missing."""
    try:
        from matplotlib.figure import Figure as Canvas  # noqa: PLC0415 it may be missing
    except ImportError:
        return False
    shown = [figure for figure in report.figures if figure.goal]
    canvas = Canvas(figsize=(9, 0.4 * len(shown) + 1.4), layout="constrained")
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
    return True


def _score(figure: Figure, value: float) -> float:
    assert figure.goal is not None  # noqa: S101 only figures with a goal are drawn
    return figure.goal / max(value, 1e-9) if figure.less else value / figure.goal
