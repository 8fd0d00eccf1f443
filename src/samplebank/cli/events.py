"""`samplebank events`: list deliveries that were given up, and try again."""

from typing import Annotated, Any, Final

import msgspec
import typer

from samplebank import timespec
from samplebank.cli.installation import in_transaction
from samplebank.cli.printing import JsonOption, out, table, write_json
from samplebank.errors import NotFound
from samplebank.events import outbox
from samplebank.events.outbox import DeadLetter
from samplebank.timespec import Millis

LARGEST_ID: Final = 2**63 - 1
events_app = typer.Typer(help="List and retry events that could not be delivered.")


class DeadEvent(msgspec.Struct, frozen=True, rename="camel"):
    """An event of `samplebank events dead --json`, in the words of the webhook."""

    id: int
    kind: str
    timestamp: Millis
    data: dict[str, Any]
    attempts: int
    given_up_timestamp: Millis
    last_error: str | None


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
        (letter.id, letter.kind, timespec.iso(letter.created_time), letter.attempts, letter.last_error)
        for letter in found
    ]
    out().print(table(["ID", "KIND", "HAPPENED", "ATTEMPTS", "WHY"], rows))


@events_app.command()
def retry(
    event: Annotated[
        int | None,
        typer.Argument(
            min=0, max=LARGEST_ID, help="Id of one event; all that were given up without it.", metavar="ID"
        ),
    ] = None,
) -> None:
    """Try to deliver again."""
    revived, where = in_transaction(lambda db, _: outbox.revive(db, event))
    if event is not None and not revived:
        raise NotFound(
            f"There is no event {event} in {where} that was given up; `samplebank events dead` lists them."
        )
    typer.echo(f"{revived} event{'' if revived == 1 else 's'} of {where} will be delivered again.")


def _told(letter: DeadLetter) -> DeadEvent:
    return DeadEvent(
        id=letter.id,
        kind=letter.kind,
        timestamp=letter.created_time,
        data=letter.payload,
        attempts=letter.attempts,
        given_up_timestamp=letter.dead_time,
        last_error=letter.last_error,
    )
