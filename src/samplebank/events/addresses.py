"""Addresses of brokers: `scheme://user:password@host:port,host:port/path?option=value`."""

import importlib
import ssl
from collections.abc import Mapping
from types import ModuleType
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from samplebank.errors import Invalid

#: the option for a file of certificates of the authorities that sign the certificates of brokers
CA: Final = "ca"
#: the schemes that insist on TLS
SECRET: Final = frozenset({"tls", "amqps", "kafkas"})


class Address(msgspec.Struct, frozen=True):
    """A broker: its hosts as `host:port`, and what the options of the address say."""

    scheme: str
    hosts: tuple[str, ...]
    user: str | None
    password: str | None
    path: str
    options: Mapping[str, str]

    @property
    def is_secret(self) -> bool:
        """Whether the connection has to be TLS."""
        return self.scheme in SECRET

    @property
    def authorities(self) -> str | None:
        """The file with the certificates that are trusted; None for those that the system trusts."""
        return self.options.get(CA)

    def trust(self) -> ssl.SSLContext | None:
        """What a certificate of the broker is checked with; None without TLS."""
        return ssl.create_default_context(cafile=self.authorities) if self.is_secret else None


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
    address = Address(
        parts.scheme, hosts, unquote(user) or None, unquote(password) or None, unquote(parts.path), given
    )
    _check_trust(variable, address)
    return address


def _check_trust(variable: str, address: Address) -> None:
    """Raise `Invalid` for a file of certificates that cannot be read, or that nothing is checked with."""
    if address.authorities is None:
        return
    if not address.is_secret:
        raise Invalid(
            f"{variable} has the option {CA!r}, but {address.scheme}:// is not TLS: use tls://, amqps:// or kafkas://."
        )
    try:
        address.trust()
    except OSError as error:  # an error of TLS is one, too
        raise Invalid(
            f"{variable} names the certificates {address.authorities!r}, which cannot be read: {error}."
        ) from error


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
