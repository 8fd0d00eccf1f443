"""`samplebank apply`: brings the accounts to the state of a tenants file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from samplebank.accounts import provisioning
from samplebank.accounts.tenants import read_tenants
from samplebank.audit.model import LONGEST, OPERATOR, Entry, Kind
from samplebank.audit.recording import record
from samplebank.cli.installation import in_transaction
from samplebank.cli.printing import JsonOption, write_json
from samplebank.cli.text import shown
from samplebank.database import Connection
from samplebank.timespec import Millis


def apply(
    file: Annotated[Path, typer.Argument(help="The tenants file (TOML).")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Bring domains, customers, users, groups and grants to what FILE says, and print new keys once."""
    tenants = read_tenants(file)

    def tell(keys: Mapping[str, str], where: str) -> None:
        if as_json:
            write_json({"keys": keys})
            return
        typer.echo(f"The accounts in {where} are as {shown(file)} says.")
        for user, key in keys.items():
            typer.echo(f"New key of {user}, shown only now: {key}")

    async def bring(db: Connection, now: Millis) -> Mapping[str, str]:
        keys = await provisioning.apply(db, tenants, shown(file), now=now)
        details = {"file": shown(file)[:LONGEST], "keysOf": sorted(keys)}
        await record(db, Entry(now, Kind.ACCESS, "applyTenants", OPERATOR, details=details))
        return keys

    in_transaction(bring, tell)
