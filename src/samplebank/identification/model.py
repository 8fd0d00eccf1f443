"""What is known about the kind of a file, and by which version of the classifier."""

from importlib.metadata import version
from typing import Any

import msgspec

JSON = Any  # msgspec knows no recursive types

UNKNOWN = "unknown"
# Raise the number whenever the same file may be classified differently.
RULES_VERSION = 3
CLASSIFIER_VERSION = f"magika {version('magika')}, lief {version('lief')}, samplebank {RULES_VERSION}"


class Identification(msgspec.Struct, frozen=True, kw_only=True):
    super_type: str = UNKNOWN
    type: str = UNKNOWN
    arch: str | None = None
    platform: str | None = None
    version: str = CLASSIFIER_VERSION
    meta_data: dict[str, JSON] = {}
