"""`samplebank search`: samples and jobs by a query, as a table, JSON, CSV, or hashes for other programs."""

import csv
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Annotated, Final, NamedTuple

import msgspec
import typer

from samplebank import timespec
from samplebank.cells import harmless
from samplebank.cli import connection, printing, streams
from samplebank.cli.answers import Envelope, Job, Sample
from samplebank.cli.client import EXTENSIONS, Client
from samplebank.cli.connection import KeyOption, UrlOption
from samplebank.cli.following import assessment
from samplebank.cli.printing import JsonOption
from samplebank.errors import Invalid, Violation
from samplebank.timespec import Millis

#: rows asked for at once
PAGE: Final = 1_000
#: the characters of a hash in a terminal that is too narrow for the whole hash
SHORT_HASH: Final = 16
WIDE: Final = 150
#: where a mistake stands in the query, as the service tells
PLACE: Final = re.compile(r"q\[([0-9]{1,9}):([0-9]{1,9})\]")
#: a list of hashes without a hash asks for no sample
NOTHING_READ: Final = (
    "The standard input is empty. An empty query finds everything: leave out `-` where everything is wanted."
)
SAMPLE_COLUMNS: Final = ("SHA256", "VERDICT", "SCORE", "TYPE", "SIZE", "FIRST SEEN", "LAST SEEN", "TAGS")
JOB_COLUMNS: Final = ("ID", "STATE", "SAMPLE", "CUSTOMER", "ENQUEUED", "STARTED", "ENDED")

Row = tuple[object, ...]


class Moment(NamedTuple):
    """A time as a cell."""

    millis: Millis

    def __str__(self) -> str:
        return timespec.iso(self.millis)

    @property
    def short(self) -> str:
        return timespec.iso(self.millis)[:16].replace("T", " ")


class Kind(NamedTuple):
    """What is searched: the name in the path and in JSON, the columns of a row, and the place of the hash there."""

    name: str
    columns: Sequence[str]
    row: Callable[[msgspec.Raw], Row]
    hash_at: int


class Found(NamedTuple):
    """Rows as they came, and what is known of the number of all matches."""

    rows: Iterator[msgspec.Raw]
    number: int
    at_least: int


def search(
    query: Annotated[
        list[str] | None,
        typer.Argument(metavar="QUERY", help='Such as "type:pebin score:70.. seen:-7d"; "-" reads stdin.'),
    ] = None,
    *,
    jobs: Annotated[bool, typer.Option("--jobs", help="Search jobs instead of samples.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many, newest first.")] = 25,
    everything: Annotated[bool, typer.Option("--all", help="All matches, however many.")] = False,
    json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV for a spreadsheet.")] = False,
    hashes: Annotated[
        bool, typer.Option("--hashes", help="Print the SHA256 of each match in a line.")
    ] = False,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Search samples or jobs by a query.

    Words are looked for everywhere, and fields where they say: "name:invoice*.exe", "verdict:malicious", "score:70..",
    "tag:family:Emotet", "size:>1M", "customer:acme", "seen:-7d". All terms must hold. OR joins two terms, and - before a term
    means that it must not hold. The search of the pages completes the fields, and docs/query.md of the source lists them.
    """
    if json + as_csv + hashes > 1:
        raise typer.BadParameter(
            "There is one form of output: --json, --csv or --hashes.", param_hint="--json"
        )
    text = _read(query or [])
    kind = JOBS if jobs else SAMPLES
    with Client(connection.find(url, key)) as client:
        found = _find(client, kind.name, text, None if everything else limit)
        if json:
            _write_json(kind, found)
        elif as_csv:
            _write_csv(kind, found.rows)
        elif hashes:
            for row in found.rows:
                typer.echo(kind.row(row)[kind.hash_at])
        else:
            _write_table(kind, found)


def _read(words: Sequence[str]) -> str:
    """The query: the arguments, or with `-` alone the standard input, for example a list of hashes. Raises `Invalid`."""
    for word in words:
        if word.startswith("--"):  # a term that must not hold begins with one dash
            raise typer.BadParameter(f"No such option: {word}.", param_hint="QUERY")
    if list(words) != ["-"]:
        return " ".join(words)
    text = streams.read_input()
    if not text.strip():
        raise Invalid(NOTHING_READ)
    return text


def _find(client: Client, name: str, text: str, most: int | None) -> Found:
    """Find up to `most` rows, all of them for None. Only the first page is asked for at once."""

    def page(after: str | None) -> Envelope[list[msgspec.Raw]]:
        size = PAGE if most is None else min(PAGE, most)
        body = {"q": text, "limit": size, **({"after": after} if after else {})}
        try:
            return client.ask(Envelope[list[msgspec.Raw]], f"/query/{name}", api=EXTENSIONS, body=body)
        except Invalid as refusal:
            raise _placed(refusal) from refusal

    first = page(None)

    def rows() -> Iterator[msgspec.Raw]:
        current = first
        while True:
            yield from current.data
            if current.meta_data.next is None:
                return
            current = page(current.meta_data.next)

    at_least = first.meta_data.count_at_least or max(first.count, 0)
    return Found(islice(rows(), most), first.count, at_least)


def _placed(refusal: Invalid) -> Invalid:
    """The refusal, with the place of each mistake in words."""
    told = []
    for violation in refusal.violations:
        place = PLACE.fullmatch(violation.field or "")
        if place is None:
            told.append(violation)
            continue
        start, end = int(place[1]), int(place[2])
        said = violation.message.removeprefix(f"{violation.field}: ")
        told.append(Violation(f"Characters {start + 1} to {end} of the query: {said}"))
    return type(refusal)(*told)


def _write_table(kind: Kind, found: Found) -> None:
    console = printing.out()
    rows = [_fitting(kind, kind.row(row), console.width) for row in found.rows]
    if not rows:
        printing.complain(f"No {kind.name} match.")
        return
    console.print(printing.table(kind.columns, rows))
    if found.number != len(rows):
        number = found.number if found.number >= 0 else f"more than {found.at_least}"
        printing.complain(f"{len(rows)} of {number}; --limit or --all shows more.")


def _fitting(kind: Kind, row: Row, width: int) -> Row:
    """Shorten hashes and times where the terminal is narrow. Other programs get them whole."""
    if width >= WIDE:
        return row
    short = [cell.short if isinstance(cell, Moment) else cell for cell in row]
    short[kind.hash_at] = str(row[kind.hash_at])[:SHORT_HASH]
    return tuple(short)


def _write_json(kind: Kind, found: Found) -> None:
    """Write one document, row by row: however many rows there are, the program holds one page."""
    typer.echo(f'{{"{kind.name}": [', nl=False)
    for position, row in enumerate(found.rows):
        typer.echo((b",\n  " if position else b"\n  ") + printing.spelled_out(bytes(row)), nl=False)
    typer.echo("\n]}")


def _write_csv(kind: Kind, rows: Iterable[msgspec.Raw]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(column.lower().replace(" ", "_") for column in kind.columns)
    for row in rows:
        writer.writerow(_cell(value) for value in kind.row(row))


def _cell(value: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    if value is None or isinstance(value, int):
        return value
    return printing.printable(harmless(str(value)))


def _sample_row(row: msgspec.Raw) -> Row:
    sample = msgspec.json.decode(row, type=Sample)
    verdict, kind = sample.latest_verdict, sample.latest_classification
    return (
        sample.sha256,
        assessment(verdict),
        None if verdict is None else verdict.score,
        None if kind is None else kind.type,
        sample.size,
        _time(sample.first_submitted_timestamp),
        _time(sample.last_submitted_timestamp),
        ", ".join(f"{tag.type}:{tag.value}" for tag in (verdict.tags if verdict else None) or []),
    )


def _job_row(row: msgspec.Raw) -> Row:
    job = msgspec.json.decode(row, type=Job)
    return (
        job.id,
        job.state,
        job.analysed_sample.id,
        job.customer.short_name,
        *(_time(moment) for moment in (job.enqueued_timestamp, job.start_timestamp, job.end_timestamp)),
    )


def _time(moment: Millis | None) -> Moment | None:
    return None if moment is None else Moment(moment)


SAMPLES: Final = Kind("samples", SAMPLE_COLUMNS, _sample_row, 0)
JOBS: Final = Kind("jobs", JOB_COLUMNS, _job_row, 2)
