"""`samplebank apply`: brings the accounts to what a tenants file says."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from samplebank import settings
from samplebank.accounts import provisioning
from samplebank.accounts.provisioning import Tenants
from samplebank.assembly import clock
from samplebank.cli.printing import JsonOption, write_json
from samplebank.database import connect
from samplebank.serving.start import prepared_database


def apply(
    file: Annotated[Path, typer.Argument(help="The tenants file (TOML).")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Bring domains, customers, users, groups and grants to what FILE says, and print new keys once."""
    tenants = provisioning.read_tenants(file)
    with prepared_database(settings.load(os.environ)) as url:
        keys = asyncio.run(_apply(url, tenants, str(file)))
    if as_json:
        write_json({"keys": keys})
        return
    typer.echo(f"The accounts are as {file} says.")
    for user, key in keys.items():
        typer.echo(f"New key of {user}, shown only now: {key}")


async def _apply(url: str, tenants: Tenants, source: str) -> dict[str, str]:
    database = await connect(url, most=1)
    try:
        async with database.transaction() as db:
            return await provisioning.apply(db, tenants, source, now=clock())
    finally:
        await database.close()
