"""`samplebank receipts`: lists receipts of deletions, tells the public keys, and checks receipts."""

import base64
import binascii
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer

from samplebank import timespec
from samplebank.cli import connection, deletions, printing
from samplebank.cli.client import Client
from samplebank.cli.connection import KeyOption, UrlOption
from samplebank.cli.deletions import PublicKey
from samplebank.cli.hashes import one_hash
from samplebank.cli.printing import JsonOption
from samplebank.errors import Invalid
from samplebank.receipts import Receipt, check

T = TypeVar("T")

receipts_app = typer.Typer(help="Receipts of deletions: list, check, and the public keys.")


class Keys(msgspec.Struct, frozen=True):
    """What `receipts key --json` prints."""

    keys: list[PublicKey]


@receipts_app.command(name="list")
def list_(
    *,
    deletion: Annotated[
        str | None, typer.Option("--deletion", help="The correlation id of a deletion.")
    ] = None,
    sample: Annotated[str | None, typer.Option("--sample", help="The SHA-256 of the deleted sample.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, newest first.")] = 25,
    as_json: JsonOption = False,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """List receipts of deletions that you asked for, newest first."""
    digest = None if sample is None else one_hash(sample, "--sample")
    given = {"correlationID": deletion, "sha256": digest, "limit": limit}
    wanted = {name: value for name, value in given.items() if value is not None}
    with Client(connection.find(url, key)) as client:
        found = deletions.receipts(client, **wanted)
    if as_json:
        printing.write_json({"receipts": [deletions.shown(one) for one in found]})
        return
    rows = (
        (
            one.statement["id"],
            timespec.iso(one.statement["deletedTimestamp"]),
            one.statement["askedBy"],
            one.statement["proof"]["outcome"],
            one.statement["sha256"],
        )
        for one in found
    )
    printing.out().print(printing.table(("ID", "DELETED", "ASKED BY", "PROOF", "SHA256"), rows))


@receipts_app.command(name="key")
def key_(*, as_json: JsonOption = False, url: UrlOption = None, key: KeyOption = None) -> None:
    """Print the public keys that receipts of the installation are checked with."""
    with Client(connection.find(url, key)) as client:
        found = deletions.public_keys(client)
    if as_json:
        printing.write_json({"keys": found})
        return
    printing.out().print(printing.table(("ID", "PUBLIC KEY"), ((one.id, one.public_key) for one in found)))


@receipts_app.command()
def verify(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Receipts.")],
    *,
    keys: Annotated[
        Path | None,
        typer.Option("--keys", help="What `receipts key --json` printed; else the service is asked."),
    ] = None,
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Check that the installation signed the receipts, and that nobody changed the receipts since."""
    if keys is not None:
        known = _read(keys, Keys).keys
    else:
        with Client(connection.find(url, key)) as client:
            known = deletions.public_keys(client)
    publics = {one.id: _bytes_of(one) for one in known}
    for file in files:
        receipt = _read(file, Receipt)
        try:
            check(receipt, publics)
        except Invalid as error:
            raise Invalid(f"{file}: {error}") from None
        said = receipt.statement
        typer.echo(f"{file}: signed with {receipt.key_id}. {said.get('sha256')}: {_outcome(said)}.")


def _outcome(said: dict[str, object]) -> str:
    proof = said.get("proof")
    return str(proof.get("outcome")) if isinstance(proof, dict) else "no proof"


def _read(file: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}.") from None
    except msgspec.DecodeError as error:
        raise Invalid(f"{file} is no such file as this command reads: {error}.") from None


def _bytes_of(key: PublicKey) -> bytes:
    try:
        return base64.b64decode(key.public_key, validate=True)
    except binascii.Error:
        raise Invalid(f"The public key {key.id} is no Base64.") from None
