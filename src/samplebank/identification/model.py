"""The identification of a file: its kind, and the version of the classifier that found the kind."""

from importlib.metadata import version
from typing import Any

import msgspec

JSON = Any  # msgspec knows no recursive types

UNKNOWN = "unknown"
# Raise the number with every change after which a file may be classified differently.
RULES_VERSION = 6
CLASSIFIER_VERSION = f"magika {version('magika')}, lief {version('lief')}, samplebank {RULES_VERSION}"


class Identification(msgspec.Struct, frozen=True, kw_only=True):
    super_type: str = UNKNOWN
    type: str = UNKNOWN
    arch: str | None = None
    platform: str | None = None
    version: str = CLASSIFIER_VERSION
    meta_data: dict[str, JSON] = {}


class HeaderFacts(msgspec.Struct, frozen=True):
    """What the headers of a program say."""

    arch: str | None
    platform: str | None
    facts: dict[str, JSON]
