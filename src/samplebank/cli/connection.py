"""Which service a client command speaks to, and with whose key.

`--url` and `--key` win over SAMPLEBANK_URL and SAMPLEBANK_KEY, these over `credentials.toml` of a local service.
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
import typer

from samplebank import settings
from samplebank.errors import Invalid, Unavailable

CREDENTIALS: Final = "credentials.toml"

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
    """Complete what the caller gave from the credentials that a local service left in its data folder."""
    if url is not None and not url.startswith(("http://", "https://")):
        raise typer.BadParameter(f"{url} must start with http:// or https://.", param_hint="--url")
    if url and key:
        return Connection(url.rstrip("/"), key)
    path = settings.load(os.environ).folder / CREDENTIALS
    local = read_credentials(path)
    if url and url.rstrip("/") != local.url.rstrip("/"):
        # A key never goes to a service that did not issue it.
        raise Invalid(f"There is no key for {url}: give one with --key or SAMPLEBANK_KEY.")
    login = local.admin if account == "admin" else local.workers
    return Connection(local.url.rstrip("/"), key or login.key)


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
    except (ValueError, msgspec.ValidationError) as error:
        raise Invalid(f"{path} is damaged ({error}): give --url and --key instead.") from error
