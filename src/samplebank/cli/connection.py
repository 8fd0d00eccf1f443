"""Which service a client command speaks to, and with whose key.

`--url` and `--key` win over SAMPLEBANK_URL and SAMPLEBANK_KEY. The variables win over the sign-in of `samplebank login
--device`, and the sign-in wins over `credentials.toml` of a local service.
"""

import os
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final, Literal

import httpx
import msgspec
import typer

from samplebank import settings
from samplebank.cli import saved_login
from samplebank.errors import Invalid, Refusal, Unavailable

CREDENTIALS: Final = "credentials.toml"
EXAMPLE: Final = "https://samples.example.org or http://[::1]:8080"
MOST_PORT: Final = 65_535
LONGEST_SHOWN: Final = 200

UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url", envvar="SAMPLEBANK_URL", help="Address of the service.", show_default="the local service"
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option("--key", envvar="SAMPLEBANK_KEY", help="API key.", show_default="from credentials.toml"),
]
Account = Literal["admin", "workers"]


class Connection(msgspec.Struct, frozen=True):
    url: str
    key: str


class Login(msgspec.Struct, frozen=True):
    user: str
    key: str


class Credentials(msgspec.Struct, frozen=True):
    url: str
    admin: Login
    workers: Login


def find(url: str | None, key: str | None, *, account: Account = "admin") -> Connection:
    """Complete a missing address or key from the credentials that a local service left in the data folder."""
    address = read_address(url, "--url") if url and url.strip() else None
    given = read_key(key) if key and key.strip() else None
    if address and given:
        return Connection(address, given)
    signed_in = saved_login.read() if account == "admin" else None
    if signed_in is not None and address in {None, signed_in.url}:
        return Connection(signed_in.url, given or signed_in.current_key())
    path = settings.load(os.environ).folder / CREDENTIALS
    local = read_credentials(path)
    known = read_address(local.url, str(path))
    if address and address != known:
        # A key never goes to a service that did not issue the key.
        raise Invalid(f"There is no key for {address}: give one with --key or SAMPLEBANK_KEY.")
    login = local.admin if account == "admin" else local.workers
    return Connection(known, given or read_key(login.key))


def current_key_of_workers(url: str | None, key: str | None) -> Callable[[], str | None]:
    """Make a function that reads the current key of credentials.toml. The function answers None where a key was given."""

    def read() -> str | None:
        if not key:
            with suppress(Refusal):
                return find(url, None, account="workers").key
        return None

    return read


def read_address(given: str, source: str) -> str:
    """Check the address of a service. `source` is the place where the address comes from."""
    if "@" in given:
        # The text before the @ may be a password, so nothing of the address is shown.
        raise typer.BadParameter("An address holds no user and no password.", param_hint=source)
    try:
        url = httpx.URL(given.strip().rstrip("/"))
        host = url.host  # httpx decodes the host only here
    except (httpx.InvalidURL, ValueError) as error:
        raise _bad_address(given, source, f"cannot be read ({error}). It looks like {EXAMPLE}") from error
    if url.scheme not in {"http", "https"}:
        raise _bad_address(given, source, "must start with http:// or https://")
    is_port = url.port is None or 0 < url.port <= MOST_PORT
    if not _can_be_looked_up(host) or not is_port or url.query or url.fragment:
        raise _bad_address(given, source, f"is no address of a service. It looks like {EXAMPLE}")
    return str(url).rstrip("/")


def _can_be_looked_up(host: str) -> bool:
    try:
        return bool(host.encode("idna"))  # as the resolver does; the resolver limits each part of a name
    except UnicodeError:
        return False


def _bad_address(given: str, source: str, what: str) -> typer.BadParameter:
    return typer.BadParameter(f"{given.strip()[:LONGEST_SHOWN]} {what}.", param_hint=source)


def read_key(given: str) -> str:
    """Check the letters of a key, because other letters could not be sent. The complaint does not show the key."""
    key = given.strip()
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise typer.BadParameter(
            "The key holds letters that no key has; a key is sb_ and 43 letters, digits, - and _.",
            param_hint="--key",
        )
    return key


def read_credentials(path: Path) -> Credentials:
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), Credentials)
    except FileNotFoundError as error:
        raise Unavailable(
            f"No service is known here: {path} does not exist. Start one with `samplebank serve`, "
            "or name one with --url and --key."
        ) from error
    except OSError as error:
        raise Unavailable(
            f"{path} cannot be read ({error.strerror}): give --url and --key instead."
        ) from error
    except (ValueError, RecursionError, msgspec.ValidationError) as error:
        raise Invalid(f"{path} is damaged ({error}): give --url and --key instead.") from error
