"""`samplebank login --device` and `samplebank logout`: a key for the commands of this account, by signing in elsewhere."""

import time
from typing import Final

import typer

from samplebank import timespec
from samplebank.cli import connection, printing, saved_login
from samplebank.cli.answers import Envelope, Shown
from samplebank.cli.client import EXTENSIONS, Client
from samplebank.cli.connection import Connection
from samplebank.cli.printing import JsonOption
from samplebank.cli.saved_login import SavedLogin
from samplebank.errors import Invalid, Refusal, Unauthenticated, Unavailable

#: seconds that a provider asks for when asked too often
SLOWER: Final = 5


class Begun(Shown, frozen=True):
    device_code: str
    user_code: str
    url: str
    expires_in: int
    interval: int
    complete_url: str | None = None


class Given(Shown, frozen=True):
    key: str | None = None
    user: str | None = None
    expiry_timestamp: int | None = None
    is_too_soon: bool = False


class Ended(Shown, frozen=True):
    ended: bool


def sign_in(url: str | None, *, as_json: bool) -> None:
    """Sign in at the service, and keep the key. The code and the address go to stderr."""
    address = _address(url)
    with Client(Connection(address, "")) as client:
        begun = client.ask(Envelope[Begun], "/sign-in", api=EXTENSIONS, body={}).data
        typer.echo(f"Open {printing.printable(begun.url)} in a browser, and say the code", err=True)
        typer.echo(f"    {printing.printable(begun.user_code)}", err=True)
        if begun.complete_url is not None:
            typer.echo(f"or open {printing.printable(begun.complete_url)}", err=True)
        given = _wait(client, begun)
    login = SavedLogin(address, given.user or "", given.key or "", given.expiry_timestamp or 0)
    path = saved_login.keep(login)
    if as_json:
        told = {"url": address, "user": login.user, "expiryTimestamp": login.expiry_time, "file": str(path)}
        printing.write_json(told)
    else:
        until = timespec.iso(login.expiry_time)
        typer.echo(f"Signed in to {address} as {printing.printable(login.user)} until {until}.")


def _address(url: str | None) -> str:
    if url and url.strip():
        return connection.read_address(url, "--url")
    known = saved_login.read()
    return known.url if known is not None else connection.find(None, None).url


def _wait(client: Client, begun: Begun) -> Given:
    """Ask as often as the provider allows, until somebody has said the code."""
    end, pause = time.monotonic() + begun.expires_in, max(1, begun.interval)
    body = {"deviceCode": begun.device_code}
    while time.monotonic() < end:
        time.sleep(pause)
        given = client.ask(Envelope[Given], "/sign-in/key", api=EXTENSIONS, body=body).data
        if given.key is not None:
            return given
        pause += SLOWER if given.is_too_soon else 0
    raise Unavailable("Nobody said the code in time: begin again.")


def logout(*, as_json: JsonOption = False) -> None:
    """End the sign-in of `samplebank login --device`: the key ends, and the file with the key is removed."""
    login = saved_login.read()
    if login is None:
        raise Invalid("Nobody has signed in here with `samplebank login --device`.")
    try:
        with Client(Connection(login.url, login.key)) as client:
            client.end(Envelope[Ended], "/sign-in/key", api=EXTENSIONS)
    except Unauthenticated:
        pass  # the key has ended already
    except Refusal as refusal:
        saved_login.forget()
        raise Unavailable(f"The file with the key is gone, but the key ends later: {refusal}") from refusal
    saved_login.forget()
    if as_json:
        printing.write_json({"url": login.url, "user": login.user})
    else:
        typer.echo(f"Signed out of {login.url}.")
