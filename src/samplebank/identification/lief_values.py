"""Reads values of LIEF: names of enumerations, and texts that may be no text."""

from collections.abc import Callable
from typing import Any


def name_of(value: Any) -> str:
    """The name of a member of an enumeration. LIEF gives a number where the file holds an unknown value."""
    return str(getattr(value, "name", value))


def text_of(read: Callable[[], object]) -> str:
    """The text that `read` gives; empty where the bytes are no text."""
    try:
        return str(read())
    except UnicodeDecodeError:
        return ""
