"""`samplebank verdict`: judges a sample by hand, and takes the verdict by hand back."""

from enum import StrEnum
from typing import Annotated

import typer

from samplebank.cli import connection, printing
from samplebank.cli.answers import Envelope, Verdict
from samplebank.cli.client import EXTENSIONS, Client
from samplebank.cli.connection import KeyOption, UrlOption
from samplebank.cli.following import assessment
from samplebank.cli.hashes import one_hash
from samplebank.cli.printing import JsonOption

verdict_app = typer.Typer(help="Judge a sample by hand.")

ReasonOption = Annotated[
    str, typer.Option("--reason", help="Why; others read the reason beside the verdict.")
]


class Status(StrEnum):
    MALICIOUS = "malicious"
    BENIGN = "benign"


@verdict_app.command("set")
def set_verdict(
    sha256: Annotated[str, typer.Argument(metavar="SHA256", help="The sample.")],
    status: Annotated[Status, typer.Argument(help="What the sample is.")],
    *,
    reason: ReasonOption,
    json: JsonOption = False,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Judge a sample by hand. The verdict goes before those of all analyses, until judged again or taken back."""
    digest = one_hash(sha256)
    body = {"statusOverride": status.value, "comment": _read(reason)}
    with Client(connection.find(url, key)) as client:
        verdict = client.ask(Envelope[Verdict], f"/sample/{digest}/verdict", body=body).data
    if json:
        printing.write_json({"verdict": verdict})
    else:
        typer.echo(f"{digest} is {assessment(verdict)} now, by hand.")


@verdict_app.command("withdraw")
def withdraw_verdict(
    sha256: Annotated[str, typer.Argument(metavar="SHA256", help="The sample.")],
    *,
    reason: ReasonOption,
    json: JsonOption = False,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Take the latest verdict by hand back. The verdict is that of the analyses again; the history keeps both."""
    digest = one_hash(sha256)
    with Client(connection.find(url, key)) as client:
        verdict = client.ask(
            Envelope[Verdict],
            f"/sample/{digest}/verdict/withdrawal",
            api=EXTENSIONS,
            body={"comment": _read(reason)},
        ).data
    if json:
        printing.write_json({"verdict": verdict})
    else:
        typer.echo(f"{digest} is {assessment(verdict)} now, by its analyses.")


def _read(reason: str) -> str:
    if not reason.strip():
        raise typer.BadParameter("The reason is empty.", param_hint="--reason")
    return reason.strip()
