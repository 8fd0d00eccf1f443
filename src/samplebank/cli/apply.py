"""`samplebank apply`: brings the accounts to what a tenants file says."""

from pathlib import Path
from typing import Annotated

import typer

from samplebank.accounts import provisioning
from samplebank.assembly import clock
from samplebank.cli.installation import in_transaction
from samplebank.cli.printing import JsonOption, write_json


def apply(
    file: Annotated[Path, typer.Argument(help="The tenants file (TOML).")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Bring domains, customers, users, groups and grants to what FILE says, and print new keys once."""
    tenants = provisioning.read_tenants(file)
    keys, where = in_transaction(lambda db: provisioning.apply(db, tenants, str(file), now=clock()))
    if as_json:
        write_json({"keys": keys})
        return
    typer.echo(f"The accounts in {where} are as {file} says.")
    for user, key in keys.items():
        typer.echo(f"New key of {user}, shown only now: {key}")
