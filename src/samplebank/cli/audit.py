"""`samplebank audit`: what the ledger tells of who did what."""

import csv
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any, Final

import msgspec
import typer

from samplebank import timespec
from samplebank.cells import harmless
from samplebank.cli import connection, printing
from samplebank.cli.answers import Customer, Envelope, Shown
from samplebank.cli.client import EXTENSIONS, Client
from samplebank.cli.connection import KeyOption, UrlOption
from samplebank.cli.ending import until_interrupted
from samplebank.cli.hashes import one_hash
from samplebank.cli.jobs import since_when
from samplebank.cli.patience import patiently
from samplebank.cli.printing import JsonOption
from samplebank.timespec import Millis

PAGE: Final = 1000
#: seconds between two looks with --follow
PAUSE: Final = 1.0
#: milliseconds by which an entry may come later than its time: reads come in batches
LATE: Final = 15_000
#: the reads of the ledger itself, which --follow would tell for ever
OWN: Final = "listAudit"
COLUMNS: Final = ("TIME", "KIND", "ACTION", "BY", "FROM", "SAMPLE OR TARGET", "TIMES", "OUTCOME")


class Kind(StrEnum):
    READ = "read"
    DOWNLOAD = "download"
    CHANGE = "change"
    DELETION = "deletion"
    ACCESS = "access"


class User(Shown, frozen=True):
    short_name: str


class Actor(Shown, frozen=True):
    type: str
    user: User | None = None
    key_id: str | None = msgspec.field(name="keyID", default=None)
    session_id: str | None = msgspec.field(name="sessionID", default=None)
    address: str | None = None
    request_id: str | None = msgspec.field(name="requestID", default=None)

    @property
    def name(self) -> str:
        return self.type if self.user is None else self.user.short_name


class Entry(Shown, frozen=True, kw_only=True, omit_defaults=True):
    """An entry, as the service tells it."""

    id: str
    timestamp: Millis
    kind: str
    action: str
    outcome: str
    count: int
    actor: Actor
    customers: list[Customer]
    sample_sha256: str | None = None
    target: str | None = None
    details: dict[str, Any] | None = None

    @property
    def cells(self) -> tuple[object, ...]:
        """The entry as a line of a table."""
        return (
            timespec.iso(self.timestamp),
            self.kind,
            self.action,
            self.actor.name,
            self.actor.address,
            self.sample_sha256 or self.target,
            self.count,
            self.outcome,
        )


def audit(
    *,
    kind: Annotated[Kind | None, typer.Option(help="Only acts of this kind.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this action, such as downloadRawSample.")] = None,
    user: Annotated[str | None, typer.Option(help="Only acts of this user.")] = None,
    customer: Annotated[str | None, typer.Option(help="Only acts of its users, or on its samples.")] = None,
    sample: Annotated[str | None, typer.Option(metavar="SHA256", help="Only acts on this sample.")] = None,
    target: Annotated[
        str | None, typer.Option(metavar="ID", help="Only acts on this key, rule, hunt …")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help='Acts since: "30 days", "startOfDay", an ISO time.')
    ] = None,
    until: Annotated[str | None, typer.Option(help="Acts until this time.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 50,
    everything: Annotated[bool, typer.Option("--all", help="All acts, however many.")] = False,
    follow: Annotated[
        bool,
        typer.Option("--follow", help="Keep telling new acts until Ctrl-C, but for reads of the ledger."),
    ] = False,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV for a spreadsheet.")] = False,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Tell who read, downloaded, changed or deleted what, newest first."""
    if as_json + as_csv > 1 or (follow and as_csv):
        raise typer.BadParameter("There is one form of output.", param_hint="--csv")
    now = time.time_ns() // 1_000_000
    given = {
        "kind": kind,
        "action": action,
        "user": user,
        "customer": customer,
        "sample": None if sample is None else one_hash(sample, "--sample"),
        "target": target,
        "since": None if since is None else since_when(since, now=now),
        "until": until,
    }
    params = {name: value for name, value in given.items() if value is not None}
    with Client(connection.find(url, key)) as client:
        if follow:
            _follow(client, params, as_json=as_json)
            return
        found = _entries(client, params)
        _write(found if everything else islice(found, limit), as_json=as_json, as_csv=as_csv)


def _entries(client: Client, params: Mapping[str, str | int]) -> Iterator[Entry]:
    """The entries, page by page."""
    after: str | None = ""
    while after is not None:
        asked = {**params, "limit": PAGE, **({"after": after} if after else {})}
        page = client.ask(Envelope[list[Entry]], "/audit", api=EXTENSIONS, params=asked)
        yield from page.data
        after = page.meta_data.next


def _write(found: Iterable[Entry], *, as_json: bool, as_csv: bool) -> None:
    if as_json:
        printing.write_json({"entries": list(found)})
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(column.lower().replace(" ", "_") for column in COLUMNS)
        for entry in found:
            writer.writerow(_cell(value) for value in entry.cells)
    else:
        printing.out().print(printing.table(COLUMNS, (entry.cells for entry in found)))


def _cell(value: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    if value is None or isinstance(value, int):
        return value
    return printing.printable(harmless(str(value)))


def _follow(client: Client, params: Mapping[str, str | int], *, as_json: bool) -> None:
    """Write each new entry as a line, oldest first. A look goes back a little: entries of reads come late.

    A restart of the service is waited for.
    """
    told: dict[str, Millis] = {}
    begin = newest = int(params.get("since", time.time_ns() // 1_000_000))

    def look() -> list[Entry]:
        asked = {**params, "sortBy": "timestamp", "since": max(begin, newest - LATE)}
        return list(_entries(client, asked))

    with until_interrupted():
        found = look()
        while True:
            for entry in found:
                if entry.id in told or (entry.action == OWN and "action" not in params):
                    continue
                told[entry.id] = entry.timestamp
                newest = max(newest, entry.timestamp)
                if as_json:
                    printing.write_json_line(entry)
                else:
                    typer.echo(
                        " ".join(printing.printable(str(cell)) for cell in entry.cells if cell is not None)
                    )
            told = {id_: at for id_, at in told.items() if at >= newest - LATE}
            time.sleep(PAUSE)
            found = patiently(look)
