"""The output of commands: tables and JSON to stdout, progress and complaints to stderr.

Names of samples are chosen by attackers. Nothing unprintable or marked up reaches the terminal unchanged.
"""

import os
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

PIPE_WIDTH: Final = 240  # a table for a program is not folded
LONGEST_LINE: Final = 4000
#: a key, or most of a key, anywhere in a text
KEY: Final = re.compile(r"sb_[A-Za-z0-9_-]{30,}")
#: a cell that is not folded: a hash, an id, a time, a short time, a state, a number
WHOLE: Final = re.compile(r"[\w.:+-]{0,64}|[\d.]+ \w+|[\d-]{10} [\d:]{5}")
#: what JSON does not escape, and may be unprintable
UNUSUAL: Final = re.compile(r"[^\n -~]")
STYLES: Final[Mapping[str, str]] = {
    "malicious": "bold red",
    "suspicious": "yellow",
    "benign": "green",
    "enqueued": "cyan",
    "executing": "bold cyan",
    "done": "green",
    "success": "green",
    "submitted": "green",
    "similar": "yellow",
    "cancelled": "yellow",
    "timeout": "red",
    "failed": "red",
}


class _Out(Console):
    """Cuts no table that is wider than the terminal: the terminal breaks the line, and what is copied is whole."""

    def print(self, *objects: Any, **how: Any) -> None:
        is_table = any(isinstance(one, Table) for one in objects)
        super().print(*objects, **{"soft_wrap": is_table, **how})


def out() -> Console:
    # A width of 0, as some programs set the width, would show nothing.
    told = os.environ.get("COLUMNS", "").strip("0")
    wide = None if sys.stdout.isatty() or told.isdecimal() else PIPE_WIDTH
    return _Out(highlight=False, width=wide)


def err() -> Console:
    return Console(stderr=True, highlight=False)


def printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def paragraph(text: str) -> Text:
    return Text("\n".join(printable(line) for line in text.splitlines()))


def table(columns: Iterable[str], rows: Iterable[Iterable[object]], *, is_live: bool = False) -> Table:
    """Lay out rows. None is an empty cell. Words with a known meaning get a colour.

    Texts and paths are folded to fit the terminal. What people copy, such as hashes, ids and times, stays in one piece. A live
    view cuts lines that are too long, so everything is folded there.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for position, column in enumerate(columns):
        widest = max((row[position].cell_len for row in cells), default=0)
        is_whole = not is_live and all(WHOLE.fullmatch(row[position].plain) for row in cells)
        grid.add_column(column, overflow="fold", min_width=max(widest, len(column)) if is_whole else None)
    for row in cells:
        grid.add_row(*row)
    return grid


def _cell(value: object) -> Text:
    if isinstance(value, Text):
        return value
    text = "" if value is None else printable(str(value))
    return Text(text, style=STYLES.get(text, ""))


def write_json(value: object) -> None:
    typer.echo(spelled_out(msgspec.json.format(msgspec.json.encode(value), indent=2)))


def write_json_line(value: object) -> None:
    typer.echo(spelled_out(msgspec.json.encode(value)))


def spelled_out(document: bytes) -> bytes:
    """The same JSON with unprintable letters as escapes: a terminal may obey letters that JSON allows as they are."""
    if document.isascii() and b"\x7f" not in document:
        return document
    return UNUSUAL.sub(_spelled, document.decode()).encode()


def _spelled(found: re.Match[str]) -> str:
    letter = found[0]
    if letter.isprintable():
        return letter
    units = letter.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def complain(text: str) -> None:
    """Write a complaint in one line that fits on a screen. A key in the text is not shown."""
    line = printable(" ".join(KEY.sub("sb_...", text).split()))
    typer.echo(f"samplebank: {line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + ' ...'}", err=True)
