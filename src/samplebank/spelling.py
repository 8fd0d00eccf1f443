"""Texts in one spelling: letters and their accents in one (Unicode NFC), or apart (NFD)."""

import re
from typing import Literal
from unicodedata import combining, normalize

#: marks upon one letter at most, from Unicode's Stream-Safe Text Format (UAX 15). To put more of them in order takes time by
#: the square of their number, and no language has so many
MOST_MARKS = 30
#: where so many marks might be: no letter of the first blocks is one
MANY_OTHERS = re.compile(rf"[^\x00-\u02ff]{{{MOST_MARKS + 1}}}")


def respelled(form: Literal["NFC", "NFD"], text: str) -> str:
    """The text in the form; as it is, if there are more than 30 marks upon one letter. Takes time by the length."""
    return text if text.isascii() or _has_tower(text) else normalize(form, text)


def _has_tower(text: str) -> bool:
    """Whether more marks stand upon one letter than may."""
    if MANY_OTHERS.search(text) is None:
        return False
    height = 0
    for character in text:
        height = height + 1 if combining(character) else 0
        if height > MOST_MARKS:
            return True
    return False
