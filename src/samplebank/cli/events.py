"""`samplebank events`: the deliveries that were given up, and another try for them."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import msgspec
import typer

from samplebank import settings, timespec
from samplebank.cli.printing import JsonOption, out, table, write_json
from samplebank.database import Connection, connect
from samplebank.events import outbox
from samplebank.serving.start import prepared_database

T = TypeVar("T")
events_app = typer.Typer(help="List and retry events that could not be delivered.", no_args_is_help=True)


@events_app.command()
def dead(
    *, limit: Annotated[int, typer.Option(help="How many at most.")] = 100, as_json: JsonOption = False
) -> None:
    """List the events whose delivery was given up, oldest first."""
    found = in_transaction(lambda db: outbox.list_dead(db, limit))
    if as_json:
        write_json([msgspec.structs.asdict(letter) for letter in found])
        return
    rows = [
        (letter.id, letter.kind, timespec.iso(letter.created_time), letter.attempts, letter.last_error)
        for letter in found
    ]
    out().print(table(["id", "kind", "happened", "attempts", "why"], rows))


@events_app.command()
def retry(
    event: Annotated[
        int | None, typer.Argument(help="Id of one event; all that were given up without it.")
    ] = None,
) -> None:
    """Try to deliver again."""
    revived = in_transaction(lambda db: outbox.revive(db, event))
    typer.echo(f"{revived} event{'' if revived == 1 else 's'} will be delivered again.")


def in_transaction(work: Callable[[Connection], Awaitable[T]]) -> T:
    """Run `work` in one transaction on the database of this installation."""

    async def run(url: str) -> T:
        database = await connect(url, most=1)
        try:
            async with database.transaction() as db:
                return await work(db)
        finally:
            await database.close()

    with prepared_database(settings.load(os.environ)) as url:
        return asyncio.run(run(url))
