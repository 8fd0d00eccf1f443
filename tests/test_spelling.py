"""Texts in one spelling, in a time by length, whatever stands upon the letters."""

import unicodedata

import pytest

from samplebank.spelling import MOST_MARKS, respelled

ACUTE, GRAVE_BELOW = "\u0301", "\u0316"
TEXTS = {
    "accents": "Cafe\u0301 und Mu\u0308ll",
    "Hangul": "\u1112\u1161\u11ab" * 100,
    "Han": "\u6f22\u5b57" * 100,
    "as many marks as there may be": "a" + (ACUTE + GRAVE_BELOW) * (MOST_MARKS // 2) + "b",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_texts_of_all_languages_get_one_spelling(text: str) -> None:
    assert respelled("NFC", text) == unicodedata.normalize("NFC", text)
    assert respelled("NFD", text) == unicodedata.normalize("NFD", text)


def test_more_marks_than_any_language_has_stay_in_their_order() -> None:
    text = "a" + ACUTE + GRAVE_BELOW * MOST_MARKS

    assert respelled("NFC", text) == text
