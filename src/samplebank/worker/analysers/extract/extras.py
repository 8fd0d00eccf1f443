"""The packages of the extra `samplebank[analysis]`, where the packages are installed."""

import importlib
from typing import Any


def installed(name: str) -> Any:
    """Import a package; None where the package is missing."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None
