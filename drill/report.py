"""What the drill tells: a table on the terminal, a sentence about the whole, and the table of docs/reliability.md."""

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from drill.restarts import WHOLE
from drill.rows import Row, Toll

PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"
MARK = "<!-- what follows is written by `python -m drill --write` -->"
HEADINGS = ("fault", "rounds", "goal", "seen", "met")
MET = {True: "yes", False: "NO", None: "left out"}


def table_of(rows: Sequence[Row], seconds: float) -> Table:
    table = Table(title=f"The drill, {seconds:.0f} s")
    for heading in HEADINGS:
        table.add_column(heading)
    for row in rows:
        table.add_row(*_cells(row), style="red" if row.met is False else "")
    return table


def summary(rows: Sequence[Row]) -> str:
    """The tolls of all rows in a sentence."""
    toll = sum((row.toll for row in rows), Toll())
    blows = f"{toll.kills:,} kills, {toll.cuts} power cuts, {toll.restarts} restarts of a database"
    kept = f"{toll.promised:,} promised, {toll.lost} lost, {toll.doubled} doubled"
    missed = sum(row.met is False for row in rows)
    return "; ".join(filter(None, (blows, kept, _whole(toll), f"goals missed: {missed}" if missed else "")))


def _whole(toll: Toll) -> str:
    blows = toll.back + toll.away
    if not blows:
        return ""
    times = f"{blows:,} times" if not toll.away else f"{toll.back:,} of {blows:,} times"
    return f"whole again {times}, within {toll.whole:.1f} s (goal {WHOLE:.0f} s)"


def write(rows: Sequence[Row], told: str) -> None:
    """Put a line about the runs, the sentence and the table behind the mark of the page."""
    text = PAGE.read_text("utf-8").split(MARK)[0]
    lines = [HEADINGS, tuple("---" for _ in HEADINGS), *map(_cells, rows)]
    shown = "".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines
    )
    PAGE.write_text(f"{text}{MARK}\n\n{told}\n\n**{summary(rows)}.**\n\n{shown}", "utf-8")


def _cells(row: Row) -> tuple[str, ...]:
    return row.fault, f"{row.rounds:,}", row.goal, row.seen, MET[row.met]
