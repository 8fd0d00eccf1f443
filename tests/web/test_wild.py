"""Hostile text is shown, never obeyed."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from samplebank.web.wild import KEPT, SHOWN, defanged, plain, tame, wild


def read(html: str) -> str:
    return LexborHTMLParser(html).root.text() if html else ""  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("invoice\u202efdp.exe", "invoice⟦RLO⟧fdp.exe"),
        ("a\u200bb", "a⟦ZWSP⟧b"),
        ("a\nb\tc", "a⟦LF⟧b⟦TAB⟧c"),
        ("\x1b[31mred", "⟦ESC⟧[31mred"),
        ("a\x00b", "a⟦U+0000⟧b"),
        ("a\ufe0fb", "a⟦U+FE0F⟧b"),
        ("äöü 中文 🙂", "äöü 中文 🙂"),
        ("a.pdf\u2800\u2800.hta", "a.pdf⟦U+2800⟧⟦U+2800⟧.hta"),
        ("a.pdf\u2003\u2003 \u3000.exe", "a.pdf\u2003⟦U+2003⟧ ⟦U+3000⟧.exe"),
        ("請求書\u3000七月\u00a0.pdf", "請求書\u3000七月\u00a0.pdf"),
        ("e\u0301\u0323 " + "a" + "\u0301" * 6, "e\u0301\u0323 a" + "\u0301" * 4 + "⟦U+0301⟧⟦U+0301⟧"),
        ("", ""),
    ],
)
def test_what_cannot_be_seen_is_shown_by_name(text: str, shown: str) -> None:
    assert plain(text) == shown
    assert read(wild(text)) == shown


@pytest.mark.parametrize(("text", "shown"), [("  ", "⟦SP⟧⟦SP⟧"), ("\u00a0\u3000", "⟦NBSP⟧⟦U+3000⟧")])
def test_a_name_of_nothing_but_blanks_is_shown_by_their_names(text: str, shown: str) -> None:
    assert tame(text) == shown
    assert read(wild(text)) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://evil.example/a.b", "hxxp://evil[.]example/a.b"),
        ("8http://evil.example/", "8hxxp://evil[.]example/"),
        ("HTTPS://evil.example", "HxxPS://evil[.]example"),
        ("ftp://a.b", "fxp://a[.]b"),
        ("hxxps://evil[.]example/a.b", "hxxps://evil[.]example/a.b"),
        ("from 10.0.0.1 on", "from 10[.]0[.]0[.]1 on"),
        ("version 1.2.3", "version 1.2.3"),
    ],
)
def test_addresses_are_shown_in_a_form_that_leads_nowhere(text: str, shown: str) -> None:
    assert defanged(text) == shown


def test_a_long_text_is_cut_with_the_rest_behind_a_click() -> None:
    tree = LexborHTMLParser(wild("a" * 1000))

    assert [len(node.text()) for node in tree.css("bdi")] == [SHOWN, 1000 - SHOWN]
    assert tree.css("details summary")[0].text() == "800 more"


@pytest.mark.parametrize("text", ["10.0.0.1 " * 22, "10.0.0.1 " * 30, "10.0.0.1 " * 2_000])
def test_a_cut_text_with_addresses_tells_how_much_is_behind_the_click(text: str) -> None:
    tree = LexborHTMLParser(wild(text))

    rest, _, left_out = tree.css("details bdi")[0].text().partition(" … and ")
    more = len(rest) + int((left_out or "0").split()[0].replace(",", ""))
    assert tree.css("details summary")[0].text() == f"{more:,} more"


def test_a_line_that_is_cut_says_so() -> None:
    assert tame("a" * SHOWN) == "a" * SHOWN
    assert tame("a" * (SHOWN + 1)) == f"{'a' * SHOWN}…"


def test_the_end_of_a_very_long_text_is_not_kept() -> None:
    assert len(wild("a" * 10_000_000)) < KEPT + 1000


@given(st.text(max_size=300))
def test_no_text_becomes_markup_or_reorders_the_page(text: str) -> None:
    html = str(wild(text))

    assert {node.tag for node in LexborHTMLParser(html).css("body *")} <= {
        "bdi",
        "span",
        "details",
        "summary",
    }
    assert not [c for c in html if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
