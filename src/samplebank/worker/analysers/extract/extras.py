"""The packages of the extra `samplebank[analysis]`, where the packages are installed."""

import importlib
import io
from typing import Any


def installed(name: str) -> Any:
    """Import a package; None where the package is missing."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


class Source(io.BytesIO):
    """Bytes for pikepdf, whose messages quote the text of the stream: the usual text has an address in the memory of the worker."""

    def __repr__(self) -> str:
        return "of the document"
