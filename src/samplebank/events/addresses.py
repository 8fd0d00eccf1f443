"""Addresses of brokers: `scheme://user:password@host:port,host:port/path?option=value`."""

import importlib
from collections.abc import Mapping
from types import ModuleType
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from samplebank.errors import Invalid


class Address(msgspec.Struct, frozen=True):
    """A broker: its hosts as `host:port`, and what the options of the address say."""

    scheme: str
    hosts: tuple[str, ...]
    user: str | None
    password: str | None
    path: str
    options: Mapping[str, str]


def read_address(variable: str, url: str, *, options: frozenset[str], ports: Mapping[str, int]) -> Address:
    """Read the address of a broker. `ports` has the usual port of each scheme.

    Raises `Invalid` with one line that names the setting and shows no password.
    """
    parts = urlsplit(url)
    port = ports[parts.scheme]
    login, _, listed = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    hosts = tuple(host if _has_port(host) else f"{host}:{port}" for host in listed.split(",") if host)
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name, value in given.items():
        if name not in options:
            known = ", ".join(sorted(options))
            raise Invalid(f"{variable} has the option {name!r}, but may have only: {known}.")
        if not value:
            raise Invalid(f"{variable} has the option {name!r} without a value.")
    return Address(
        parts.scheme, hosts, unquote(user) or None, unquote(password) or None, unquote(parts.path), given
    )


def _has_port(host: str) -> bool:
    return ":" in host.rpartition("]")[2]


def client(package: str, variable: str, extra: str) -> ModuleType:
    """Import the client of a broker. Raises `Invalid` with one line that says what to install."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise Invalid(
            f"{variable} needs a client that is not installed: pip install 'samplebank[{extra}]'."
        ) from error
