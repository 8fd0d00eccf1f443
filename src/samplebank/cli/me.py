"""`samplebank me`: whose key this is, and what the key may do."""

from typing import Final

import typer

from samplebank.cli import connection, printing
from samplebank.cli.answers import Customer, Envelope, Shown
from samplebank.cli.client import Client
from samplebank.cli.connection import KeyOption, UrlOption
from samplebank.cli.printing import JsonOption

AUTHENTICATION: Final = "/authentication/v1"


class User(Shown, frozen=True):
    short_name: str
    name: str
    customer: Customer


class Budget(Shown, frozen=True):
    whose: str
    used: int
    most: int


class Session(Shown, frozen=True):
    user: User
    permissions: list[str]
    stored_bytes: tuple[Budget, ...] = ()


def me(*, json: JsonOption = False, url: UrlOption = None, key: KeyOption = None) -> None:
    """Show whose key this is, and what the key may do."""
    with Client(connection.find(url, key)) as client:
        session = client.ask(Envelope[Session], "/session", api=AUTHENTICATION).data
    if json:
        printing.write_json(session)
        return
    user = session.user
    typer.echo(printing.printable(f"{user.short_name} ({user.name}) of {user.customer.short_name}"))
    for permission in session.permissions:
        typer.echo(f"  {permission}")
    if not session.permissions:
        typer.echo("The key has no permission for any customer.")
    for budget in session.stored_bytes:
        typer.echo(f"Stored bytes of the {budget.whose}: {budget.used:,} of {budget.most:,}.")
