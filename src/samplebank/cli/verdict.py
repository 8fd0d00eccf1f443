"""`samplebank verdict`: judges a sample by hand."""

from enum import StrEnum
from typing import Annotated

import typer

from samplebank.cli import connection, printing
from samplebank.cli.answers import Envelope, Verdict
from samplebank.cli.client import Client
from samplebank.cli.connection import KeyOption, UrlOption
from samplebank.cli.following import assessment
from samplebank.cli.hashes import one_hash
from samplebank.cli.printing import JsonOption

verdict_app = typer.Typer(help="Judge a sample by hand.")


class Status(StrEnum):
    MALICIOUS = "malicious"
    BENIGN = "benign"


@verdict_app.command("set")
def set_verdict(
    sha256: Annotated[str, typer.Argument(metavar="SHA256", help="The sample.")],
    status: Annotated[Status, typer.Argument(help="What the sample is.")],
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why; others read the reason beside the verdict.")],
    json: JsonOption = False,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Judge a sample by hand. The verdict goes before those of all analyses, until somebody judges again."""
    if not reason.strip():
        raise typer.BadParameter("The reason is empty.", param_hint="--reason")
    digest = one_hash(sha256)
    body = {"statusOverride": status.value, "comment": reason.strip()}
    with Client(connection.find(url, key)) as client:
        verdict = client.ask(Envelope[Verdict], f"/sample/{digest}/verdict", body=body).data
    if json:
        printing.write_json({"verdict": verdict})
    else:
        typer.echo(f"{digest} is {assessment(verdict)} now, by hand.")
