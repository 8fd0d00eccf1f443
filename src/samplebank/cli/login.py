"""`samplebank login`: a link that signs a user in to the pages, once."""

import os
from typing import Annotated

import typer

from samplebank import settings
from samplebank.accounts import provisioning, sessions
from samplebank.assembly import clock
from samplebank.cli.installation import in_transaction
from samplebank.cli.printing import JsonOption, write_json
from samplebank.database import Connection
from samplebank.serving.credentials import url_of
from samplebank.settings import Settings

MINUTES = sessions.LINK_LASTS // 60_000


def login(
    user: Annotated[str, typer.Argument(help="Short name of the user.")] = provisioning.ADMIN,
    *,
    as_json: JsonOption = False,
) -> None:
    """Print a link that signs a user in to the pages, once. Works on the machine of the service."""
    own = settings.load(os.environ)

    async def make(db: Connection) -> str:
        return await sessions.make_link(db, await provisioning.get_user_id(db, user), now=clock())

    def tell(secret: str, where: str) -> None:
        link = link_of(own, secret)
        if as_json:
            write_json({"user": user, "url": link})
        else:
            typer.echo(f"Open this link within {MINUTES} minutes to sign in as {user} of {where}:\n{link}")

    in_transaction(make, tell)


def link_of(own: Settings, secret: str) -> str:
    """The address of the page that signs in by the secret of a link."""
    return f"{(own.public_url or url_of(own)).rstrip('/')}/login?link={secret}"
