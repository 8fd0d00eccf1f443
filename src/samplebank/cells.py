"""Cells of tables that people open in a spreadsheet."""

from typing import Final

#: the first characters of a cell that a spreadsheet takes for a formula
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text
