"""`samplebank link`: tells how samples belong together."""

from enum import StrEnum
from typing import Annotated

import typer

from samplebank.cli import connection, printing
from samplebank.cli.answers import Envelope, Link
from samplebank.cli.client import AGENT, Client
from samplebank.cli.connection import KeyOption, UrlOption
from samplebank.cli.hashes import one_hash, read_hashes
from samplebank.cli.printing import JsonOption
from samplebank.cli.submit import Tlp

link_app = typer.Typer(help="Tell how samples belong together.")


class LinkType(StrEnum):
    PARENT = "parent"
    CHILD = "child"
    DOWNLOADS = "downloads"
    LOADS = "loads"
    EXECUTES = "executes"


@link_app.command("add")
def add(
    sha256: Annotated[str, typer.Argument(metavar="SHA256", help="The sample that the links begin at.")],
    others: Annotated[list[str], typer.Argument(metavar="OTHER...", help="SHA256 that the links lead to.")],
    *,
    kind: Annotated[
        LinkType, typer.Option("--type", help="What each other is to the sample.")
    ] = LinkType.CHILD,
    tlp: Annotated[Tlp, typer.Option(help="Who may see the links.")] = Tlp.AMBER,
    customer: Annotated[str | None, typer.Option(help="Customer (shortName or id); else your own.")] = None,
    json: JsonOption = False,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Add a link from a sample to each of the others. A sample that a link leads to need not be stored."""
    digest, references = one_hash(sha256), read_hashes(others)
    if digest in references:
        raise typer.BadParameter("A sample is not linked to itself.", param_hint="OTHER...")
    added: list[Link] = []
    with Client(connection.find(url, key)) as client:
        for reference in references:
            body = {
                "reference": reference,
                "type": kind.value,
                "tlp": tlp.value,
                "userAgent": AGENT,
                **({"customer": customer} if customer else {}),
            }
            added.append(client.ask(Envelope[Link], f"/sample/{digest}/link", body=body).data)
            if not json:
                typer.echo(f"{digest} {kind.value} {reference}")
    if json:
        printing.write_json({"links": added})
