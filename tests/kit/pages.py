"""The documents as they are read: their commands and programs, to be followed to the letter."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def text_of(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def blocks(page: str, language: str = "sh") -> list[str]:
    """Give what the page shows in blocks of this language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text_of(page), re.DOTALL | re.MULTILINE)
