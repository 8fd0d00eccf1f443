"""`samplebank events`: tell events, list deliveries that were given up, and try again."""

from enum import StrEnum
from functools import partial
from typing import Annotated, Any, Final

import msgspec
import typer

from samplebank import timespec
from samplebank.cli import connection
from samplebank.cli.answers import Envelope, Shown
from samplebank.cli.client import EXTENSIONS, Client
from samplebank.cli.connection import KeyOption, UrlOption
from samplebank.cli.ending import until_interrupted
from samplebank.cli.installation import in_transaction
from samplebank.cli.patience import patiently
from samplebank.cli.printing import JsonOption, out, table, write_json, write_json_line
from samplebank.errors import NotFound
from samplebank.events import outbox
from samplebank.events.outbox import DeadLetter
from samplebank.timespec import Millis

LARGEST_ID: Final = 2**63 - 1
WAIT: Final = 30  # seconds
PAGE: Final = 1000
LATEST: Final = "latest"
events_app = typer.Typer(help="Tell what happens; list and retry events that could not be delivered.")


class Sink(StrEnum):
    WEBHOOK = "webhook"
    NATS = "nats"
    RABBITMQ = "rabbitmq"
    KAFKA = "kafka"


class Event(Shown, frozen=True):
    """An event of the feed. `cursor` is where to read on behind the event."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    datacontenttype: str
    cursor: str
    data: dict[str, Any]


class Events(msgspec.Struct, frozen=True):
    """What `samplebank events --json` prints. `next` is where to read on."""

    events: list[Event]
    next: str | None


class DeadEvent(msgspec.Struct, frozen=True, rename="camel"):
    """An event of `samplebank events dead --json`, with its kind in the words of the webhook."""

    id: int
    sink: str
    kind: str
    timestamp: Millis
    data: dict[str, Any]
    attempts: int
    given_up_timestamp: Millis
    last_error: str | None


@events_app.callback(invoke_without_command=True)
def events(
    context: typer.Context,
    *,
    after: Annotated[
        str | None,
        typer.Option(
            help='Read on behind this cursor; "latest" for what happens from now on.',
            show_default="the oldest event, with --follow latest",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=PAGE, help="How many at most, without --follow.")] = 100,
    follow: Annotated[bool, typer.Option("--follow", help="Keep telling events until Ctrl-C.")] = False,
    as_json: JsonOption = False,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Tell the events that you may see, oldest first; list and retry events that could not be delivered."""
    if context.invoked_subcommand is not None:
        return
    with Client(connection.find(url, key)) as client:
        if follow:
            _follow(client, after or LATEST, as_json=as_json)
            return
        found = _page(client, after, limit)
    if as_json:
        write_json(Events(found.data, found.meta_data.next))
    else:
        rows = [(event.time, event.type, event.subject) for event in found.data]
        out().print(table(["HAPPENED", "WHAT", "SAMPLE"], rows))
        typer.echo(f"Read on with --after {found.meta_data.next}", err=True)


def _page(client: Client, after: str | None, limit: int, wait: int = 0) -> Envelope[list[Event]]:
    params: dict[str, str | int] = {"limit": limit, "wait": wait}
    if after is not None:
        params["after"] = after
    return client.ask(Envelope[list[Event]], "/feed", api=EXTENSIONS, params=params)


def _follow(client: Client, after: str, *, as_json: bool) -> None:
    """Write each event as a line. Each line of JSON has the cursor from which to read on.

    The first page comes without waiting: "latest" asked twice would pass over the events between the two questions.
    """
    with until_interrupted():
        found = _page(client, after, PAGE)
        while True:
            for event in found.data:
                if as_json:
                    write_json_line(event)
                else:
                    typer.echo(f"{event.time} {event.type} {event.subject}")
            found = patiently(partial(_page, client, found.meta_data.next, PAGE, WAIT))


@events_app.command()
def dead(
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """List the events whose delivery was given up, oldest first."""
    found, _ = in_transaction(lambda db, _: outbox.list_dead(db, limit))
    if as_json:
        write_json({"events": [_told(letter) for letter in found]})
        return
    rows = [
        (
            letter.id,
            letter.sink,
            letter.kind,
            timespec.iso(letter.created_time),
            letter.attempts,
            letter.last_error,
        )
        for letter in found
    ]
    out().print(table(["ID", "SINK", "KIND", "HAPPENED", "ATTEMPTS", "WHY"], rows))


@events_app.command()
def retry(
    event: Annotated[
        int | None,
        typer.Argument(
            min=0, max=LARGEST_ID, help="Id of one event; all that were given up without it.", metavar="ID"
        ),
    ] = None,
    sink: Annotated[Sink | None, typer.Option(help="Only to this sink.", show_default="all sinks")] = None,
) -> None:
    """Try to deliver again."""
    revived, where = in_transaction(lambda db, _: outbox.revive(db, event, sink))
    if event is not None and not revived:
        raise NotFound(
            f"There is no event {event} in {where} that was given up; `samplebank events dead` lists them."
        )
    typer.echo(f"{revived} event{'' if revived == 1 else 's'} of {where} will be delivered again.")


def _told(letter: DeadLetter) -> DeadEvent:
    return DeadEvent(
        id=letter.id,
        sink=letter.sink,
        kind=letter.kind,
        timestamp=letter.created_time,
        data=letter.payload,
        attempts=letter.attempts,
        given_up_timestamp=letter.dead_time,
        last_error=letter.last_error,
    )
