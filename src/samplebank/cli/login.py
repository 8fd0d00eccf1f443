"""`samplebank login`: a link that signs a user in to the pages, once; or a key for commands, by signing in elsewhere."""

import os
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from samplebank import settings
from samplebank.accounts import first_accounts, provisioning, sessions
from samplebank.audit.model import OPERATOR
from samplebank.audit.recording import record_access
from samplebank.cli import device_login
from samplebank.cli.connection import CREDENTIALS, UrlOption, read_credentials
from samplebank.cli.installation import in_transaction
from samplebank.cli.printing import JsonOption, write_json
from samplebank.database import Connection
from samplebank.errors import Refusal
from samplebank.serving.credentials import url_of
from samplebank.settings import Settings
from samplebank.timespec import Millis

MINUTES = sessions.LINK_LASTS // 60_000


def login(
    user: Annotated[
        str | None, typer.Argument(help="Short name of the user.", show_default=first_accounts.ADMIN)
    ] = None,
    *,
    device: Annotated[
        bool, typer.Option("--device", help="Sign in to the service through its provider, in any browser.")
    ] = False,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a link that signs a user in to the pages, once. Works on the machine of the service.

    With --device, sign in to the service at --url from any machine, and keep a key for the commands of this account.
    """
    if device:
        if user is not None:
            raise typer.BadParameter("With --device, the provider says who you are.", param_hint="USER")
        device_login.sign_in(url, as_json=as_json)
    else:
        _print_link(user or first_accounts.ADMIN, as_json=as_json)


def _print_link(user: str, *, as_json: bool) -> None:
    own = settings.load(os.environ)

    def tell(secret: str, where: str) -> None:
        link = link_of(own, secret)
        if as_json:
            write_json({"user": user, "url": link})
        else:
            typer.echo(f"Open this link within {MINUTES} minutes to sign in as {user} of {where}:\n{link}")

    in_transaction(partial(_make, user), tell)


def make_link(folder: Path, user: str = first_accounts.ADMIN) -> str:
    """A link that signs the user in to the service with this data folder, once."""
    own = settings.load({"SAMPLEBANK_DATA_DIR": str(folder)})
    return link_of(own, in_transaction(partial(_make, user), own=own).result)


async def _make(user: str, db: Connection, now: Millis) -> str:
    user_id = await provisioning.get_user_id(db, user)
    await record_access(db, "makeSignInLink", user_id, by=OPERATOR, now=now)
    return await sessions.make_link(db, user_id, now=now)


def link_of(own: Settings, secret: str) -> str:
    """The address of the page that signs in by the secret of a link."""
    return f"{_address_of(own).rstrip('/')}/login?link={secret}"


def _address_of(own: Settings) -> str:
    """The public address, else the address that `serve` left in the data folder, else the address of the settings.

    `serve --port` listens elsewhere than the settings of another command say.
    """
    if own.public_url is not None:
        return own.public_url
    try:
        return read_credentials(own.folder / CREDENTIALS).url
    except Refusal:
        return url_of(own)
