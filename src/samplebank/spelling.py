"""Texts in one spelling: letters and their accents in one (Unicode NFC), or apart (NFD)."""

import re
from typing import Literal
from unicodedata import combining, normalize

#: marks upon one letter at most, from Unicode's Stream-Safe Text Format (UAX 15). Putting marks in order takes time by the
#: square of their number, and no language has so many
MOST_MARKS = 30
#: a text without a match has no such tower of marks: the first blocks of Unicode have no marks
MANY_OTHERS = re.compile(rf"[^\x00-\u02ff]{{{MOST_MARKS + 1}}}")


def respelled(form: Literal["NFC", "NFD"], text: str) -> str:
    """The text in the form. A text with more than 30 marks upon one letter stays as it is. Takes time by the length."""
    return text if text.isascii() or _has_tower(text) else normalize(form, text)


def _has_tower(text: str) -> bool:
    """Whether more than 30 marks stand upon one letter."""
    if MANY_OTHERS.search(text) is None:
        return False
    height = 0
    for character in text:
        height = height + 1 if combining(character) else 0
        if height > MOST_MARKS:
            return True
    return False
