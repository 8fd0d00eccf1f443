"""The public packages of the trial: `packages.toml` names each package with its digest."""

import tomllib
from enum import StrEnum
from pathlib import Path

import msgspec

LIST = Path(__file__).with_name("packages.toml")


class Registry(StrEnum):
    DEBIAN = "debian"
    PYPI = "pypi"
    NPM = "npm"


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a package. `labels` names the set of labelled files in the package; None for clean files.

    `platform` chooses the wheel of another system. `source` asks for the source instead of a wheel.
    """

    registry: Registry
    name: str
    version: str
    sha256: str
    labels: str | None = None
    platform: str | None = None
    source: bool = False

    def __str__(self) -> str:
        return f"{self.registry} {self.name} {self.version}"


class _Listed(msgspec.Struct, frozen=True):
    package: list[Package]


def listed(path: Path = LIST) -> list[Package]:
    """Read the list. Raises `msgspec.ValidationError` for a wrong list."""
    return msgspec.convert(tomllib.loads(path.read_text("utf-8")), _Listed, strict=True).package
