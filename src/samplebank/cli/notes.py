"""`samplebank note`: write notes on samples, read notes, withdraw own notes."""

import secrets
from enum import StrEnum
from typing import Annotated

import typer

from samplebank import timespec
from samplebank.cli import connection, printing
from samplebank.cli.client import Client
from samplebank.cli.connection import KeyOption, UrlOption
from samplebank.cli.hashes import one_hash
from samplebank.cli.printing import JsonOption

note_app = typer.Typer(help="Write and read notes on samples.")
HashArgument = Annotated[str, typer.Argument(metavar="SHA256", help="The SHA-256 of the sample.")]


class Tlp(StrEnum):
    RED = "red"
    AMBER = "amber"
    GREEN = "green"
    CLEAR = "clear"


@note_app.command()
def add(
    sha256: HashArgument,
    text: Annotated[str, typer.Argument(help="What to say.")],
    *,
    tlp: Annotated[
        Tlp, typer.Option(help="amber: for the customer; green: its domain; clear: all who see the sample.")
    ] = Tlp.AMBER,
    customer: Annotated[
        str | None, typer.Option(help="Whose note it is.", show_default="your own customer")
    ] = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Write a note on a sample."""
    digest = one_hash(sha256)
    fields = {"text": text, "tlp": tlp.value, "customer": customer}
    with Client(connection.find(url, key)) as client:
        note = client.add_note(digest, fields, secrets.token_urlsafe())
    if as_json:
        printing.write_json(note)
    else:
        typer.echo(f"Note {note.id} is stored, for {note.customer.short_name} (TLP {note.tlp}).")


@note_app.command(name="list")
def list_(
    sha256: HashArgument,
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, newest first.")] = 25,
    as_json: JsonOption = False,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """List the notes on a sample, newest first."""
    digest = one_hash(sha256)
    with Client(connection.find(url, key)) as client:
        found = client.notes(digest, limit=limit)
    if as_json:
        printing.write_json({"notes": found})
        return
    rows = (
        (
            note.id,
            timespec.iso(note.created_timestamp),
            note.created_by_user.short_name,
            note.customer.short_name,
            note.tlp,
            printing.paragraph(note.text),
        )
        for note in found
    )
    printing.out().print(printing.table(("ID", "WRITTEN", "BY", "CUSTOMER", "TLP", "TEXT"), rows))


@note_app.command()
def withdraw(
    sha256: HashArgument,
    id_: Annotated[str, typer.Argument(metavar="ID", help="Id of the note.")],
    *,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Withdraw a note of your own."""
    digest = one_hash(sha256)
    with Client(connection.find(url, key)) as client:
        note = client.withdraw_note(digest, id_)
    typer.echo(f"Note {note.id} is withdrawn.")
