"""`python -m trial`: fetches the packages of the list, runs all workers over the files, and prints the findings."""

import argparse
import asyncio
import logging
import os
import sys
import time
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import track
from rich.table import Table as Shown

from trial.fetching import Unfetched, fetch
from trial.files import File, files_of
from trial.labelled import passwords_of
from trial.mutating import Mutations, try_mutated
from trial.packages import listed
from trial.running import Outcome, Workers
from trial.tables import Table, all_tables, mutated_files

#: the most clean files of a package, and the part for a quick trial: one of so many
MOST, QUICK = 700, 20
PAGE = Path(__file__).parents[1] / "docs" / "quality.md"
MARK = "<!-- what follows is written by `make trial` -->"


def main() -> int:
    chosen = _arguments()
    logging.disable()  # the fault of a file is in the tables
    began = time.monotonic()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    most = 0 if chosen.labelled else MOST // QUICK if chosen.quick else MOST
    files = _gathered(chosen.folder, most)
    if not files:
        print("No package could be fetched.", file=sys.stderr)
        return 1
    outcomes, mutations = asyncio.run(_look_at_all(files, chosen.mutations))
    tables = [*all_tables(outcomes), mutated_files(mutations)]
    console = Console()
    for table in tables:
        console.print(_shown(table))
    print(f"{len(files):,} files, {time.monotonic() - began:.0f} s", file=sys.stderr)
    if chosen.json:
        chosen.json.write_bytes(msgspec.json.format(msgspec.json.encode(tables)))
    if chosen.write:
        _write(tables)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m trial", description=__doc__)
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("trial-data"),
        help="where packages are kept for the next trial (default: %(default)s)",
    )
    parser.add_argument("--labelled", action="store_true", help="labelled files only")
    parser.add_argument(
        "--quick", action="store_true", help=f"one clean file of {QUICK}, and all labelled files"
    )
    parser.add_argument(
        "--mutations", type=int, default=1000, help="copies with changed bytes (default: %(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the tables to a file, too")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/quality.md")
    return parser.parse_args()


def _gathered(folder: Path, most: int) -> list[File]:
    """The files of all available packages. Of a package of clean files, at most `most`, the same in each trial."""
    found: list[File] = []
    known: set[str] = set()
    for package in track(listed(), description="Packages", console=Console(stderr=True)):
        try:
            unpacked = fetch(package, folder)
        except Unfetched as error:
            print(f"Left out: {error}", file=sys.stderr)
            continue
        files = list(files_of(package, unpacked, known))
        found += files if package.labels else sorted(files, key=attrgetter("sha256"))[:most]
    return found


async def _look_at_all(files: Sequence[File], mutations: int) -> tuple[list[Outcome], Mutations]:
    places = os.cpu_count() or 1
    outcomes: list[Outcome] = []
    waiting = iter(track(files, description="Files", console=Console(stderr=True)))
    async with Workers.open(places) as workers:

        async def work() -> None:
            for file in waiting:
                outcomes.append(await workers.look_at(file, passwords_of(file)))  # noqa: PERF401 several tasks share the files

        await asyncio.gather(*(work() for _ in range(places)))
        return outcomes, await try_mutated(workers, files, mutations, places)


def _shown(table: Table) -> Shown:
    shown = Shown(title=table.title)
    for heading in table.headings:
        shown.add_column(heading, overflow="fold")
    for row in table.rows:
        shown.add_row(*row)
    return shown


def _write(tables: Sequence[Table]) -> None:
    """Put the tables behind the mark of the page."""
    text = PAGE.read_text("utf-8").split(MARK)[0]
    parts = [f"{text}{MARK}\n"]
    for table in tables:
        lines = [table.headings, tuple("---" for _ in table.headings), *table.rows]
        parts.append(
            f"\n## {table.title}\n\n" + "".join(f"| {' | '.join(map(_cell, row))} |\n" for row in lines)
        )
    PAGE.write_text("".join(parts), "utf-8")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    sys.exit(main())
